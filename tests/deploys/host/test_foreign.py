"""What is somebody else's is seen wherever ours would be written, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploys.edge import operations as edge
from deploys.host.foreign import Guarded, foreign
from deploys.host.pmail_layout import MARK, UNIT
from deploys.host.snapshot import look_anew
from deploys.outbound import operations as outbound
from deploys.pmail_server import steps as pmail
from deploys.tls_certificate import steps as tls
from postmaster.outbound import MODES
from tests.deploys.host.here import Here
from tests.postmaster.full_view import server


@pytest.fixture
def host(tmp_path: Path) -> Any:
    return Here(tmp_path / "programs")


def test_what_is_there_without_our_mark_is_foreign_whatever_it_is(
    host: Any, tmp_path: Path
) -> None:
    ours, another, folder, dangling = (tmp_path / name for name in ("o", "a 'b'", "d", "l"))
    ours.write_text(f"# {MARK}\n")
    another.write_text("")
    folder.mkdir()
    dangling.symlink_to(tmp_path / "nowhere")
    paths = (ours, another, folder, dangling, tmp_path / "none")
    found = foreign(host, tuple(Guarded(str(each)) for each in paths))
    assert [each.path for each in found] == list(map(str, (another, folder, dangling)))
    assert foreign(host, ()) == ()


def test_a_file_that_a_package_left_is_nobodys_while_the_one_beside_it_is_not_there(
    host: Any, tmp_path: Path
) -> None:
    master, main = tmp_path / "master.cf", tmp_path / "main.cf"
    master.write_text("# Postfix master process configuration file\n")
    guarded = Guarded(str(master), str(main))
    assert foreign(host, (guarded,)) == ()
    main.write_text("myhostname = theirs\n")
    look_anew(host)
    assert foreign(host, (guarded,)) == (guarded,)


def test_each_outbound_mode_guards_what_it_writes() -> None:
    for name, mode in MODES.items():
        there = server(name)
        rooms = (pmail.guarded, tls.guarded, edge.guarded, outbound.guarded)
        paths = [each.path for room in rooms for each in room(there)]
        assert UNIT in paths and len(set(paths)) == len(paths)
        assert ("/etc/postfix/main.cf" in paths) is mode.relayed
        assert ("/etc/pmail-deploy/nftables.nft" in paths) is not mode.relayed
