"""What DNS does not answer is told from what it denies."""

from __future__ import annotations

import dkim
import pytest

from dns_providers.rrset import Address, Value
from keys import dkim as keys
from probes.host.proof import Signature, verified
from probes.world import dns
from probes.world.dns import Answer, Outcome, Resolvers

NOBODY = Resolvers(())
V4, V6 = Address("192.0.2.1"), Address("2001:db8::1")


@pytest.mark.parametrize(
    ("said", "addresses"),
    [
        ({"A": (Outcome.ANSWER, V4), "AAAA": (Outcome.ANSWER, V6)}, ("192.0.2.1", "2001:db8::1")),
        ({"A": (Outcome.ANSWER, V4), "AAAA": (Outcome.TIMEOUT,)}, ("192.0.2.1",)),
        ({"A": (Outcome.NODATA,), "AAAA": (Outcome.NODATA,)}, ()),
        ({"A": (Outcome.NXDOMAIN,), "AAAA": (Outcome.NXDOMAIN,)}, ()),
        ({"A": (Outcome.NODATA,), "AAAA": (Outcome.SERVFAIL,)}, None),
        ({"A": (Outcome.TIMEOUT,), "AAAA": (Outcome.NODATA,)}, None),
    ],
)
def test_a_name_without_an_address_is_told_from_one_that_nobody_answers_for(
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, tuple[Outcome, *tuple[Value, ...]]],
    addresses: tuple[str, ...] | None,
) -> None:
    def ask(owner: str, rtype: str, _: Resolvers) -> Answer:
        outcome, *values = said[rtype]
        return Answer(owner, rtype, outcome, frozenset(values))

    monkeypatch.setattr(dns, "ask", ask)
    assert dns.addresses("mx.example.test", NOBODY) == addresses


@pytest.mark.parametrize(
    ("outcome", "valid"),
    [(Outcome.NXDOMAIN, False), (Outcome.NODATA, False), (Outcome.TIMEOUT, None)],
)
def test_a_signature_whose_key_is_not_there_is_told_from_one_whose_key_nobody_tells(
    monkeypatch: pytest.MonkeyPatch, outcome: Outcome, valid: bool | None
) -> None:
    plain = b"From: a@example.test\r\n\r\nHi\r\n"
    signed = dkim.sign(plain, b"k1", b"example.test", keys.make(1024)) + plain
    monkeypatch.setattr(dns, "ask", lambda owner, rtype, _: Answer(owner, rtype, outcome))
    (found,) = verified(signed, NOBODY)
    assert found == Signature("example.test", "k1", valid, found.reason)
