"""The command line: a first inventory that is valid, and exit statuses that say what happened."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner

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


def test_mistakes_in_the_inventory_are_bad_input_and_all_are_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PMAIL_LANG", "en")
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path / "state"))
    inventory = tmp_path / "inventory.py"
    inventory.write_text('zones = [("@zone/example.com", {"dns_provder": "rfc2136"})]\n')
    done = CliRunner().invoke(main, ["deploy", "-i", str(inventory), "-y"])
    said = done.output + capfd.readouterr().err
    assert done.exit_code == 2, said
    assert "mail_servers" in said and "did you mean dns_provider?" in said
    assert not (tmp_path / "state").exists()


def test_what_deploys_take_by_data_is_no_mistake_in_the_inventory(tmp_path: Path) -> None:
    deploys = Path(__file__).parents[3] / "deploys"
    taken = {
        name
        for path in deploys.glob("*.py")
        for name in re.findall(r'host\.data\.get\("([a-z0-9_]+)"\)', path.read_text())
    } - {"zone", "ssh_hostname"}
    assert {"undo", "queue_hours", "dns_action", "format"} <= taken
    found = runpy.run_path(str(init(tmp_path)))
    asked = dict.fromkeys(taken, "1")
    servers = [HostData(name, {**data, **asked}) for name, data in found["mail_servers"]]
    zones = [
        HostData(n, {**d, "zone": n.removeprefix("@zone/"), **asked}) for n, d in found["zones"]
    ]
    assert parse_site(servers, zones, KNOWN, lambda domain: "pm202611a").servers


def test_rotation_takes_one_action_and_passes_it_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[object, ...]] = []
    monkeypatch.setattr("deploys.cli.main._run", lambda *given: seen.append(given) or 0)
    done = CliRunner().invoke(main, ["rotate-dkim", "--abort", "--status"])
    assert done.exit_code == 2 and seen == []
    words = ["rotate-dkim", "--domain", "a.test", "--domain", "b.test", "--check-age", "--wait"]
    assert CliRunner().invoke(main, words).exit_code == 0
    (deploy, *_, data, more) = seen[0]
    assert deploy == "deploys/rotate_dkim.py" and more == ("--fail-percent", "100")
    assert set(data) == {  # type: ignore[call-overload]
        "rotate_action=run",
        "rotate_domains=a.test,b.test",
        "rotate_check_age=1",
        "rotate_wait=1",
    }
