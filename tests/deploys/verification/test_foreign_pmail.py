"""What is of a PMail that is not ours, and what is only from before a host was set up anew."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from deploys.host.looked import PAST, HostLook
from deploys.verification import foreign_pmail
from postmaster.manifest import HostKnown, Identity
from tests.postmaster.test_settings import site

SEEN = (
    "past\tfolder\t/var/lib/pmail\tdata\n"
    "past\tdatabase\t/var/lib/pmail/data/pmail.db\t9 octets\n"
    "past\tdatabase\t/opt/mail/pmail.db\t9 octets\n"
)
HOST: Any = SimpleNamespace(name="203.0.113.9")


def found(monkeypatch: pytest.MonkeyPatch, *, known: bool) -> list[str]:
    """Paths that a run is refused for."""
    server = site().servers[0]
    there = HostKnown(3, "mark", None, "machine", server.ipv4, ("example.com",), "2026-11-27")
    identity = Identity("site", 3, {server.host: there} if known else {})
    monkeypatch.setattr(foreign_pmail, "looked", lambda host: HostLook({PAST.name: SEEN}))
    monkeypatch.setattr(foreign_pmail, "identity", lambda: identity)
    return [each.path for each in foreign_pmail.found_on(HOST, server)]


def test_what_lies_in_our_folders_is_foreign_on_a_host_that_the_state_does_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths = ["/var/lib/pmail", "/var/lib/pmail/data/pmail.db", "/opt/mail/pmail.db"]
    assert found(monkeypatch, known=False) == paths


def test_on_a_host_that_the_state_knows_it_is_from_before_it_was_set_up_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert found(monkeypatch, known=True) == ["/opt/mail/pmail.db"]
