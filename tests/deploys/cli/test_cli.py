"""The command line: a first inventory that is valid, and exit statuses that say what happened."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploys.cli import host_key
from deploys.cli.main import main
from dns_providers.registry import PROVIDERS, option_names, option_problems
from postmaster.parse import HostData, Providers, parse_site

ANSWERS = [
    *("--host", "8.8.8.8", "--ssh-user", "root", "--domain", "example.com"),
    *("--provider", "rfc2136", "--set", "dns_server=ns1.example.com"),
    *("--set", "dns_key_name=update", "--set", "dns_key_secret_env=PMAIL_TSIG"),
]
KNOWN = Providers(
    frozenset(PROVIDERS),
    option_names,
    lambda slug, options: option_problems(slug, options, {"PMAIL_TSIG": "c2VjcmV0"}),
)


@pytest.fixture(autouse=True)
def nobody_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The address of the inventory is somebody else's."""
    monkeypatch.setenv("HOME", str(tmp_path))

    def refused(host: str) -> None:
        raise ConnectionRefusedError(host)

    monkeypatch.setattr(host_key, "shown_by", refused)


def init(folder: Path, *more: str) -> Path:
    output = folder / "inventory.py"
    done = CliRunner().invoke(main, ["init", "-o", str(output), *ANSWERS, *more])
    assert done.exit_code == 0, done.output
    return output


def parsed(path: Path):  # type: ignore[no-untyped-def]
    found = runpy.run_path(str(path))
    servers = [HostData(name, data) for name, data in found["mail_servers"]]
    zones = [HostData(n, {**d, "zone": n.removeprefix("@zone/")}) for n, d in found["zones"]]
    return parse_site(servers, zones, KNOWN, lambda domain: "pm202611a")


def test_the_first_inventory_is_valid(tmp_path: Path) -> None:
    site = parsed(init(tmp_path))
    assert [server.primary for server in site.servers] == ["example.com"]
    assert site.servers[0].ipv4 == "8.8.8.8"


def test_an_inventory_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    path = init(tmp_path)
    path.write_text("mine\n")
    done = CliRunner().invoke(main, ["init", "-o", str(path), *ANSWERS])
    assert done.exit_code == 2 and path.read_text() == "mine\n"


def test_a_missing_inventory_is_bad_input(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["deploy", "-i", str(tmp_path / "none.py")])
    assert done.exit_code == 2
