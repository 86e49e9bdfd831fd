"""No policy is enforced that port 25 cannot stand for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postmaster.policy_guard import why_not_enforce
from probes.world.tcp import Reach
from probes.world.tls import TlsView
from tests.postmaster.full_view import NOW, certificate

HOST = "smtp.example.com"
GOOD = TlsView("8.8.8.8", 25, HOST, Reach.OPEN, certificate(), True)


def why(shown: TlsView | None, served: object = certificate()) -> str:
    found = why_not_enforce(shown, served, HOST, NOW)  # type: ignore[arg-type]
    return found.id.rpartition(".")[2] if found else ""


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (GOOD, ""),
        (None, "unseen"),
        (replace(GOOD, certificate=None), "unseen"),
        (replace(GOOD, certificate=certificate(names=("mail.example.com",))), "name"),
        (replace(GOOD, trusted=False), "untrusted"),
        (replace(GOOD, certificate=certificate(14.9)), "expires"),
        (replace(GOOD, certificate=certificate(15.1)), ""),
        (replace(GOOD, certificate=certificate(5, lifetime=7)), ""),
        (replace(GOOD, certificate=certificate(1, lifetime=7)), "expires"),
        (replace(GOOD, certificate=certificate(-1)), "expires"),
    ],
)
def test_what_senders_would_not_send_to_is_not_enforced(shown: TlsView | None, reason: str) -> None:
    assert why(shown) == reason


def test_a_certificate_that_nothing_has_read_yet_counts_as_not_there() -> None:
    assert why(GOOD, replace(certificate(), fingerprint="0" * 64)) == "stale"
    assert why(GOOD, None) == "stale"
