"""Certificates: when a new one is due, and what is wrong with one that the user brings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deploys.tls_certificate import renewal
from deploys.tls_certificate.renewal import Pair
from ground.words import say
from keys import dkim
from probes.world.tls import Certificate
from tests.lab.certificates import Files, issue

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 26, tzinfo=UTC)
NAMES = ("mail.example.com", "smtp.example.com")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMAIL_LANG", "en")


def certificate(left: timedelta, lifetime: timedelta = 90 * DAY, **changes: object) -> Certificate:
    """One that has so much time left."""
    end = NOW + left
    made = Certificate(NAMES, end - lifetime, end, "CN=Authority", "ab", False)
    return replace(made, **changes)  # type: ignore[arg-type]


def why(current: Certificate | None) -> str | None:
    found = renewal.due(current, NAMES, NOW)
    return None if found is None else say(found)


@pytest.mark.parametrize(
    ("lifetime", "renewed_below"),
    [(90 * DAY, 30 * DAY), (365 * DAY, 30 * DAY), (6 * DAY, 2 * DAY)],
    ids=["90 days", "a year", "6 days"],
)
def test_a_certificate_is_renewed_with_a_third_of_its_time_left_at_most_30_days(
    lifetime: timedelta, renewed_below: timedelta
) -> None:
    assert why(certificate(renewed_below, lifetime)) is None
    told = why(certificate(renewed_below - timedelta(hours=3), lifetime))
    assert told is not None and f": {renewed_below.days - 0.1:.1f}" in told


def test_one_that_is_missing_a_stopgap_or_lacks_names_is_due_whatever_its_time() -> None:
    assert why(None) == "there is none yet"
    assert "stopgap" in (why(certificate(80 * DAY, self_signed=True)) or "")
    assert why(certificate(80 * DAY, names=())) == f"the present one lacks {', '.join(NAMES)}"
    assert why(certificate(80 * DAY, names=NAMES[:1])) == f"the present one lacks {NAMES[1]}"


# -- brought by the user


@dataclass(frozen=True)
class Brought:
    """A certificate and its key, and when it is looked at."""

    pair: Pair
    now: datetime

    def problems(self, names: tuple[str, ...] = NAMES, **changes: bytes) -> list[str]:
        found = renewal.problems(replace(self.pair, **changes), names, self.now)
        return [say(each) for each in found]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return issue(tmp_path_factory.mktemp("tls"), NAMES)


@pytest.fixture
def brought(files: Files) -> Brought:
    return Brought(Pair(files.chain.read_bytes(), files.key.read_bytes()), datetime.now(UTC))


def test_a_good_certificate_with_its_key_has_nothing_wrong(brought: Brought) -> None:
    assert brought.problems() == []
    assert brought.pair.certificate.names == NAMES
    assert "PRIVATE" not in repr(brought.pair)


def test_a_key_that_is_encrypted_missing_or_of_another_certificate_is_told(
    brought: Brought,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    assert "is encrypted" in "".join(brought.problems(key=locked))
    assert "no private key" in "".join(brought.problems(key=b"nothing"))
    assert brought.problems(key=dkim.make(1024)) == ["the key does not belong to the certificate"]
    for wrong in (locked, b"nothing"):
        assert len(brought.problems(key=wrong)) == 1


def test_everything_wrong_is_told_at_once(brought: Brought) -> None:
    assert len(brought.problems(chain=b"nothing", key=b"nothing")) == 2
    assert "no certificate" in brought.problems(chain=b"nothing")[0]
    late = replace(brought, now=brought.now + 200 * DAY)
    told = late.problems(("imap.example.com", "pop.example.com"), key=dkim.make(1024))
    assert "does not belong" in told[0] and "ends on" in told[2]
    assert told[1] == "the certificate lacks imap.example.com, pop.example.com" and len(told) == 3


def test_a_certificate_that_ends_today_or_begins_later_is_told_with_the_day(
    brought: Brought,
) -> None:
    shown = brought.pair.certificate
    day = f"{shown.not_after:%Y-%m-%d}"
    ends = replace(brought, now=shown.not_after - timedelta(hours=23))
    assert [day in each for each in ends.problems()] == [True]
    assert replace(brought, now=shown.not_after - timedelta(hours=25)).problems() == []
    early = replace(brought, now=shown.not_before - timedelta(hours=1)).problems()
    assert [f"{shown.not_before:%Y-%m-%d} only" in each for each in early] == [True]
    assert replace(brought, now=shown.not_before).problems() == []


def test_a_chain_that_is_not_in_order_is_told_once(brought: Brought, tmp_path: Path) -> None:
    other = issue(tmp_path, ("x.test",)).chain.read_bytes()
    told = brought.problems(chain=brought.pair.chain + other + brought.pair.chain)
    assert len(told) == 1 and "not in order" in told[0]
    alone = brought.pair.chain.partition(b"-----END CERTIFICATE-----\n")
    assert brought.problems(chain=alone[0] + alone[1]) == []
