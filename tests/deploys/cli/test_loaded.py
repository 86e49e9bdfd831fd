"""Who only asks for help waits for nothing that a run needs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from deploys.cli.verbs import VERBS
from tests.warm import REPOSITORY

# What talks to hosts, to providers, or knows keys: each takes tenths of a second to load.
HEAVY = frozenset(
    {
        *("pyinfra", "gevent", "paramiko", "cryptography", "jinja2", "asyncio", "ssl"),
        *("httpx", "requests", "cloudflare", "botocore", "boto3", "tencentcloud", "acme", "josepy"),
        *("alibabacloud_alidns20150109", "spftrace", "dkim", "octodns"),
    }
)
_ASK = """
import sys
from deploys.cli.main import main
sys.argv = ["pmail-deploy", *{words!r}]
try:
    main()
finally:
    print(*sorted(sys.modules), file=sys.stderr)
"""


def loaded(*words: str) -> set[str]:
    """The modules that are loaded once the words were answered, by the part before the dot."""
    command = [sys.executable, "-c", _ASK.format(words=words)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout, done.stderr
    return {each.partition(".")[0] for each in done.stderr.split()}


HELP = [(each.name, "--help") for each in VERBS if each.help]


@pytest.mark.parametrize("words", [("--help",), ("--version",), *HELP], ids=" ".join)
def test_help_loads_nothing_that_only_a_run_needs(words: tuple[str, ...]) -> None:
    assert HEAVY & loaded(*words) == set()


def test_what_is_asked_for_by_init_is_loaded_for_it() -> None:
    assert "paramiko" in loaded("init", "--help")
