"""Private keys that a host's signer does not use any more."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from deploys.host.outbound_layout import key_file
from deploys.outbound.operations import unused
from keys.store import KeyStore
from tests.postmaster import full_view

LEFT = "left.test"


def test_a_key_that_is_not_used_goes_unless_a_domain_that_has_left_has_it_nowhere_else(
    tmp_path: Path,
) -> None:
    store, server = KeyStore(tmp_path), full_view.server()
    paths = {
        key_file(domain, name) for domain in (server.primary, LEFT) for name in ("a", "b", "c")
    }
    only_here = {key_file(LEFT, name) for name in ("a", "b", "c")}
    assert paths - unused(paths, server, store) == only_here
    store.create(LEFT, "a")
    store.create(LEFT, "b")
    store.set_current(LEFT, "a")
    store.erase(LEFT, "b", datetime.now(UTC))
    assert paths - unused(paths, server, store) == {key_file(LEFT, "c")}
    (tmp_path / LEFT / "a.json").write_text("{")
    assert paths - unused(paths, server, store) == only_here
