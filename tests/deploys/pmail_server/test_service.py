"""Whether PMail runs with what is on the disk is seen by what its unit noted when it started."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploys.host import pmail_layout as layout
from deploys.host.snapshot import look
from deploys.pmail_server.service import RIGHT
from tests.deploys.host.here import Here


@pytest.fixture
def host(tmp_path: Path) -> Any:
    made = Here(tmp_path / "programs")
    made.program("systemctl", "#!/bin/sh\nprintf 'active\\nenabled\\nno\\n'\n")
    return made


@pytest.fixture
def noted(tmp_path: Path) -> Path:
    for name in ("config.json", "pmail"):
        (tmp_path / name).write_text(name)
    stamp = tmp_path / "stamp"
    paths = [tmp_path / "config.json", tmp_path / "pmail"]
    done = subprocess.run(["sha256sum", *paths], capture_output=True, text=True, check=True)
    stamp.write_text(done.stdout)
    return stamp


def is_right(host: Any, stamp: Path) -> bool:
    return look(host, RIGHT.text.replace(layout.STAMP, str(stamp))).ok


def test_what_was_read_and_is_there_is_right(host: Any, noted: Path) -> None:
    assert is_right(host, noted)


@pytest.mark.parametrize("what", ["config.json", "pmail", "stamp"])
@pytest.mark.parametrize("change", [b"another", b"", None])
def test_another_file_is_not(
    host: Any, noted: Path, tmp_path: Path, what: str, change: bytes | None
) -> None:
    if change is None:
        (tmp_path / what).unlink()
    else:
        (tmp_path / what).write_bytes(change)
    assert not is_right(host, noted)


@pytest.mark.parametrize(
    "shown", ["inactive enabled no", "active disabled no", "active enabled yes"]
)
def test_a_unit_that_is_not_in_order_is_not(host: Any, noted: Path, shown: str) -> None:
    host.program("systemctl", f"#!/bin/sh\nprintf '%s\\n' {shown}\n")
    assert not is_right(host, noted)
