"""A PMail that is not ours is seen wherever it is; a host of ours is not searched."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from probes.host import past
from probes.host.past import Found, Kind, Past

SEEN = """past\tprocess\t/opt/mail/server\tpid 12, in /opt/mail
past\tprocess\t/opt/mail/server\tpid 13, in /opt/mail
past\tdatabase\t/opt/mail/config/pmail.db\t65536 octets
past\tsomething\t/else\t
past\tfolder\t/var/lib/pmail
"""
CONFIG = """{"domain":"example.test", "dbType": "sqlite", "dbDSN": "./config/pmail.db",
 "dkimPrivateKeyPath": "config/dkim/dkim.priv", "webPushToken": "hush"}"""


def test_each_thing_that_is_found_counts_once_and_what_is_cut_off_not() -> None:
    assert past.parse(SEEN) == Past(
        False,
        (
            Found(Kind.PROCESS, "/opt/mail/server", "pid 12, in /opt/mail"),
            Found(Kind.DATABASE, "/opt/mail/config/pmail.db", "65536 octets"),
        ),
    )
    assert past.parse("past ours\n") == Past(True)
    assert past.parse("") == Past(False)


def look(tmp_path: Path, *, places: Path) -> Past:
    """What the script shows here, of one folder only."""
    script = past.script(
        own=str(tmp_path / "own"),
        unit=str(tmp_path / "pmail.service"),
        mark="Managed by us",
        folders=(str(tmp_path / "lib"),),
    )
    # This machine's own disks have PMails of other tests on them.
    here = script.replace("places=$(df", f"places={places}; : $(df")
    done = subprocess.run(["sh"], input=here, capture_output=True, text=True, check=True)
    assert not done.stderr
    return past.parse(done.stdout)


def below(found: Past, folder: Path) -> dict[Kind, str]:
    return {each.kind: each.path for each in found.found if each.path.startswith(str(folder))}


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    config = tmp_path / "srv/mail/config"
    (config / "dkim").mkdir(parents=True)
    (config / "config.json").write_text(CONFIG)
    (config / "pmail.db").write_bytes(b"SQLite format 3\0")
    (config / "dkim/dkim.priv").write_text("hush")
    return config


@pytest.mark.slow
def test_its_configuration_leads_to_its_database_and_key_and_no_secret_is_shown(
    tmp_path: Path, foreign: Path
) -> None:
    seen = look(tmp_path, places=tmp_path / "srv")
    assert below(seen, tmp_path) == {
        Kind.DATABASE: f"{foreign.parent}/config/pmail.db",
        Kind.CONFIG: f"{foreign}/config.json",
        Kind.KEY: f"{foreign.parent}/config/dkim/dkim.priv",
    }
    assert "hush" not in str(seen)


@pytest.mark.slow
def test_a_copy_of_its_source_has_no_database_and_is_none(tmp_path: Path, foreign: Path) -> None:
    (foreign / "pmail.db").unlink()
    assert not below(look(tmp_path, places=tmp_path / "srv"), tmp_path)


@pytest.mark.slow
def test_what_lies_in_a_folder_that_would_be_ours_is_seen(tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    (tmp_path / "lib").mkdir()
    assert not below(look(tmp_path, places=tmp_path / "srv"), tmp_path)
    (tmp_path / "lib/something").touch()
    assert below(look(tmp_path, places=tmp_path / "srv"), tmp_path) == {
        Kind.FOLDER: str(tmp_path / "lib")
    }


@pytest.mark.slow
def test_a_program_that_runs_is_known_by_what_it_is_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    program = tmp_path / "server"
    program.write_bytes(Path("/bin/sleep").read_bytes() + b"github.com/Jinnrry/pmail")
    program.chmod(0o755)
    running = subprocess.Popen([program, "60"], cwd=tmp_path / "srv")
    try:
        seen = look(tmp_path, places=tmp_path / "srv")
    finally:
        running.kill()
        running.wait()
    expected = Found(Kind.PROCESS, str(program), f"pid {running.pid}, in {tmp_path}/srv")
    assert expected in seen.found


@pytest.mark.slow
def test_a_host_with_our_unit_or_with_our_folder_and_no_unit_is_ours(
    tmp_path: Path, foreign: Path
) -> None:
    unit, own = tmp_path / "pmail.service", tmp_path / "own"
    own.mkdir()
    assert look(tmp_path, places=tmp_path / "srv") == Past(True)
    unit.write_text("ExecStart=/opt/pmail/pmail\n")
    assert below(look(tmp_path, places=tmp_path / "srv"), tmp_path)[Kind.UNIT] == str(unit)
    unit.write_text("# Managed by us\n")
    assert look(tmp_path, places=tmp_path / "srv") == Past(True)
