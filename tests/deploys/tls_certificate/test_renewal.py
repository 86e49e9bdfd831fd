"""When a certificate is due, and what is wrong with one that the user brings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from deploys.tls_certificate.renewal import Pair, due, problems
from probes.world.tls import Certificate
from tests.lab.certificates import issue

NOW = datetime(2026, 11, 25, tzinfo=UTC)
NAMES = ("mail.example.com", "smtp.example.com")
SECOND = 1 / 86400


def certificate(left: float, lifetime: float = 90) -> Certificate:
    """One with so many days left of so many."""
    end = NOW + timedelta(days=left)
    return Certificate(NAMES, end - timedelta(days=lifetime), end, "CN=x", "f" * 64, False)


@pytest.mark.parametrize(
    ("left", "lifetime", "is_due"),
    [
        (30, 90, False),
        (30 - SECOND, 90, True),
        (30, 365, False),
        (30 - SECOND, 365, True),
        # A third of less than 90 days.
        (2, 6, False),
        (2 - SECOND, 6, True),
        (-1, 90, True),
    ],
)
def test_a_certificate_is_due_with_a_third_of_its_time_left_at_most_thirty_days(
    left: float, lifetime: float, is_due: bool
) -> None:
    why = due(certificate(left, lifetime), NAMES, NOW)
    assert (why.id if why else None) == ("tls.due.expires" if is_due else None)


def test_one_is_due_where_there_is_none_or_a_stopgap_or_one_without_our_names() -> None:
    there = certificate(60)
    reasons = [
        due(None, NAMES, NOW),
        due(replace(there, self_signed=True), NAMES, NOW),
        due(there, (*NAMES, "imap.example.com", "pop.example.com"), NOW),
        # A wildcard would cover it, but the next one would not be a wildcard.
        due(replace(there, names=("*.example.com",)), NAMES, NOW),
    ]
    assert [each.id if each else None for each in reasons] == [
        *("tls.due.none", "tls.due.stopgap", "tls.due.names", "tls.due.names"),
    ]
    assert reasons[2] and dict(reasons[2].values)["names"] == "imap.example.com, pop.example.com"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A chain of two and its key, valid now for 90 days."""
    files = issue(tmp_path_factory.mktemp("tls"), NAMES)
    return Pair(files.chain.read_bytes(), files.key.read_bytes())


def wrong(pair: Pair, names: tuple[str, ...] = NAMES, now: datetime | None = None) -> list[str]:
    return [each.id for each in problems(pair, names, now or datetime.now(UTC))]


def test_a_pair_that_fits_has_no_problem_and_hides_its_key(pair: Pair) -> None:
    assert wrong(pair) == []
    assert repr(pair) == "Pair(…)"


def test_each_thing_that_is_wrong_with_a_pair_is_told(pair: Pair, tmp_path: Path) -> None:
    other = issue(tmp_path, NAMES)
    assert wrong(replace(pair, key=other.key.read_bytes())) == ["tls.files.mismatch"]
    assert wrong(pair, (*NAMES, "imap.example.com")) == ["tls.files.names"]
    assert wrong(replace(pair, chain=b"no")) == ["tls.files.no_certificate"]
    assert wrong(replace(pair, key=b"no")) == ["tls.files.no_key"]
    assert wrong(Pair(b"no", b"no")) == ["tls.files.no_certificate", "tls.files.no_key"]
    key = serialization.load_pem_private_key(pair.key, None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"x"),
    )
    assert wrong(replace(pair, key=encrypted)) == ["tls.files.encrypted"]


def test_a_chain_without_the_issuers_certificate_next_is_not_in_order(
    pair: Pair, tmp_path: Path
) -> None:
    leaf, authority = (b"-----BEGIN" + part for part in pair.chain.split(b"-----BEGIN")[1:])
    assert wrong(replace(pair, chain=leaf)) == []
    stranger = replace(pair, chain=leaf + leaf + authority)
    assert wrong(stranger) == ["tls.files.order"]


def test_one_that_ends_within_a_day_or_has_not_begun_is_told_so(pair: Pair) -> None:
    end, begin = pair.certificate.not_after, pair.certificate.not_before
    day = timedelta(days=1)
    assert wrong(pair, now=end - day) == []
    assert wrong(pair, now=end - day + timedelta(seconds=1)) == ["tls.files.expired"]
    assert wrong(pair, now=begin) == []
    assert wrong(pair, now=begin - timedelta(seconds=1)) == ["tls.files.not_yet"]
