"""When a certificate is due, and what is wrong with one that the user brings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deploys.tls_certificate import renewal
from deploys.tls_certificate.renewal import Pair, proven_by
from ground.words import Words
from keys import dkim
from probes.world.tls import Certificate
from tests.lab.certificates import issue

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
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


def due(current: Certificate | None, names: tuple[str, ...] = NAMES) -> tuple[str, str] | None:
    """Why a new one is due: message id and text."""
    why = renewal.due(current, names, NOW)
    return None if why is None else (why.id, str(why))


@pytest.mark.parametrize(
    ("lifetime", "renewed_below"),
    [(90 * DAY, 30 * DAY), (365 * DAY, 30 * DAY), (6 * DAY, 2 * DAY)],
    ids=["90 days", "a year", "6 days"],
)
def test_a_certificate_is_due_with_a_third_of_its_time_left_at_most_thirty_days(
    lifetime: timedelta, renewed_below: timedelta
) -> None:
    assert due(certificate(renewed_below, lifetime)) is None
    for left in (renewed_below - SECOND, -DAY):
        id, _ = due(certificate(left, lifetime)) or ("", "")
        assert id == "tls.due.expires"
    _, told = due(certificate(renewed_below - 3 * HOUR, lifetime)) or ("", "")
    assert f": {renewed_below.days - 0.1:.1f}" in told


def test_one_that_is_missing_a_stopgap_or_lacks_names_is_due_whatever_its_time() -> None:
    assert due(None) == ("tls.due.none", "there is none yet")
    id, told = due(certificate(80 * DAY, self_signed=True)) or ("", "")
    assert id == "tls.due.stopgap" and "stopgap" in told
    # A wildcard would cover a name, but the next one would not be a wildcard.
    more = (*NAMES, "imap.example.com", "pop.example.com")
    for has, names, lacks in (
        ((), NAMES, NAMES),
        (NAMES[:1], NAMES, NAMES[1:]),
        (("*.example.com",), NAMES, NAMES),
        (NAMES, more, more[2:]),
    ):
        said = f"the present one lacks {', '.join(lacks)}"
        assert due(certificate(80 * DAY, names=has), names) == ("tls.due.names", said)


def test_one_is_due_that_has_a_name_which_is_not_the_servers_any_more() -> None:
    id, told = due(certificate(80 * DAY), NAMES[:1]) or ("", "")
    assert id == "tls.due.more" and NAMES[1] in told


# -- brought by the user


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A chain of two and its key, valid now for 90 days."""
    files = issue(tmp_path_factory.mktemp("tls"), NAMES)
    return Pair(files.chain.read_bytes(), files.key.read_bytes())


def found(
    pair: Pair, names: tuple[str, ...] = NAMES, now: datetime | None = None
) -> tuple[Words, ...]:
    return tuple(renewal.problems(pair, names, now or datetime.now(UTC)))


def wrong(pair: Pair, names: tuple[str, ...] = NAMES, now: datetime | None = None) -> list[str]:
    return [each.id for each in found(pair, names, now)]


def told(pair: Pair, names: tuple[str, ...] = NAMES, now: datetime | None = None) -> list[str]:
    return [str(each) for each in found(pair, names, now)]


def locked(key: serialization.pkcs12.PKCS12PrivateKeyTypes) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


def test_a_pair_that_fits_has_no_problem_and_hides_its_key(pair: Pair) -> None:
    assert wrong(pair) == []
    assert pair.certificate.names == NAMES
    assert repr(pair) == "Pair(…)"


def test_a_key_that_is_encrypted_missing_or_of_another_certificate_is_told_alone(
    pair: Pair, tmp_path: Path
) -> None:
    own = serialization.load_pem_private_key(pair.key, None)
    for key in (ec.generate_private_key(ec.SECP256R1()), own):
        of_another = replace(pair, key=locked(key))  # type: ignore[arg-type]
        assert wrong(of_another) == ["tls.files.encrypted"]
        assert "is encrypted" in told(of_another)[0]
    none = replace(pair, key=b"nothing")
    assert wrong(none) == ["tls.files.no_key"] and "no private key" in told(none)[0]
    for key_file in (issue(tmp_path, NAMES).key.read_bytes(), dkim.make(1024)):
        other = replace(pair, key=key_file)
        assert wrong(other) == ["tls.files.mismatch"]
        assert told(other) == ["the key does not belong to the certificate"]


def test_everything_wrong_is_told_at_once(pair: Pair) -> None:
    assert wrong(replace(pair, chain=b"nothing")) == ["tls.files.no_certificate"]
    assert "no certificate" in told(replace(pair, chain=b"nothing"))[0]
    nothing = Pair(b"nothing", b"nothing")
    assert wrong(nothing) == ["tls.files.no_certificate", "tls.files.no_key"]
    assert wrong(pair, (*NAMES, "imap.example.com")) == ["tls.files.names"]
    late = datetime.now(UTC) + 200 * DAY
    names = ("imap.example.com", "pop.example.com")
    said = told(replace(pair, key=dkim.make(1024)), names, late)
    assert "does not belong" in said[0] and "ends on" in said[2]
    assert said[1] == "the certificate lacks imap.example.com, pop.example.com" and len(said) == 3


def test_one_that_ends_within_a_day_or_has_not_begun_is_told_with_the_day(pair: Pair) -> None:
    end, begin = pair.certificate.not_after, pair.certificate.not_before
    assert wrong(pair, now=end - 25 * HOUR) == wrong(pair, now=end - DAY) == []
    for now in (end - DAY + SECOND, end - 23 * HOUR):
        assert wrong(pair, now=now) == ["tls.files.expired"]
        assert f"{end:%Y-%m-%d}" in told(pair, now=now)[0]
    assert wrong(pair, now=begin) == []
    for now in (begin - SECOND, begin - HOUR):
        assert wrong(pair, now=now) == ["tls.files.not_yet"]
        assert f"{begin:%Y-%m-%d} only" in told(pair, now=now)[0]


def test_a_chain_that_is_not_in_order_is_told_once(pair: Pair, tmp_path: Path) -> None:
    leaf, authority = (b"-----BEGIN" + part for part in pair.chain.split(b"-----BEGIN")[1:])
    assert wrong(replace(pair, chain=leaf)) == []
    other = issue(tmp_path, ("x.test",)).chain.read_bytes()
    for chain in (leaf + leaf + authority, pair.chain + other + pair.chain):
        assert wrong(replace(pair, chain=chain)) == ["tls.files.order"]
        assert "not in order" in told(replace(pair, chain=chain))[0]


CONF = """# renew_before_expiry = 30 days
version = 2.1.0
cert = /etc/letsencrypt/live/pmail-deploy/cert.pem
[renewalparams]
account = abc
authenticator = standalone
server = https://acme.test/directory
"""


def test_certbot_proves_names_by_who_has_the_port_and_the_rest_stays() -> None:
    moved = proven_by(CONF, "/srv/web")
    assert "[renewalparams]\nauthenticator = webroot\nwebroot_path = /srv/web,\n" in moved
    assert "account = abc" in moved and "standalone" not in moved
    assert proven_by(moved, "/srv/web") == moved and proven_by(CONF, None) == CONF
    assert sorted(proven_by(moved, None).splitlines()) == sorted(CONF.splitlines())


def test_what_certbot_has_written_itself_is_left_where_it_says_the_same() -> None:
    moved = proven_by(CONF, "/srv/web")
    renewed = moved + "[[webroot_map]]\nmail.example.test = /srv/web\n[extra]\nkept = yes\n"
    assert proven_by(renewed, "/srv/web") == renewed
    other = renewed.replace("test = /srv/web", "test = /srv/other")
    assert proven_by(other, "/srv/web") == f"{moved}[extra]\nkept = yes\n"
