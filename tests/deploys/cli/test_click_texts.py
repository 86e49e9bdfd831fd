"""What click says itself is in the user's language."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ground.words import LANGUAGES, catalogue

WRONG = (["--help"], ["dns", "nosuch"], ["tls", "--nosuch"], ["queue", "--hours", "0"], ["nosuch"])
RUN = f"""
from deploys.cli.main import main
for arguments in {WRONG!r}:
    try:
        main(arguments, prog_name="pmail-deploy")
    except SystemExit:
        pass
"""


def test_each_of_these_texts_is_one_of_clicks() -> None:
    sources = Path(click.__file__).parent.glob("*.py")
    texts = {
        node.value
        for source in sources
        for node in ast.walk(ast.parse(source.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    ours = {text for key, text in catalogue("en").items() if key.startswith("click.")}
    assert ours - texts == set()


@pytest.mark.parametrize("lang", LANGUAGES[1:])
def test_help_and_mistakes_are_in_the_users_language(lang: str) -> None:
    environment = {**os.environ, "PMAIL_LANG": lang}
    command = [sys.executable, "-c", RUN]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    english = re.findall(r"[A-Za-z]+ [a-z]+ [a-z]+ [a-z]+", done.stdout + done.stderr)
    assert done.stderr.count(catalogue(lang)["click.usage"]) == len(WRONG) - 1
    assert english == []
