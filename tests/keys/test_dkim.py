"""DKIM keys: what is made, read and refused; nothing that is refused shows what was in it."""

from __future__ import annotations

import base64
import hashlib
from datetime import date

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from keys import dkim
from keys.dkim import DkimPublicKey, KeyFormatError, WrongPassphrase


@pytest.fixture(scope="module")
def pem() -> bytes:
    return dkim.make(1024)


def other_kind() -> tuple[bytes, str]:
    """A key that is no RSA key: as PEM, and its public part as `p=` would have it."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return made, base64.b64encode(public).decode()


def test_a_new_key_has_2048_bits_and_the_usual_exponent() -> None:
    key = dkim.read(dkim.make())
    assert key.key_size == 2048 and key.public_key().public_numbers().e == 65537


def test_a_selector_is_dated_by_the_month() -> None:
    assert dkim.dated_selector(date(2026, 3, 9)) == "pm202603a"
    assert dkim.month(date(2026, 11, 30)) == "202611"


def test_a_fingerprint_is_that_of_the_public_key_itself(pem: bytes) -> None:
    public = dkim.public_key(dkim.read(pem))
    assert public.fingerprint == hashlib.sha256(base64.b64decode(public.data)).hexdigest()
    assert (public.bits, public.algorithm) == (1024, "rsa")


def test_an_encrypted_key_opens_with_its_passphrase_only(pem: bytes) -> None:
    locked = dkim.encrypted_pem(pem, "right")
    assert dkim.is_encrypted(locked) and not dkim.is_encrypted(pem)
    assert dkim.plain_pem(dkim.read(locked, "right")) == pem
    for passphrase in ("wrong", "", None):
        with pytest.raises(WrongPassphrase) as error:
            dkim.read(locked, passphrase)
        assert "wrong" not in str(error.value)


def test_a_plain_key_needs_no_passphrase_and_minds_none(pem: bytes) -> None:
    assert dkim.plain_pem(dkim.read(pem, "not needed")) == pem


def test_the_older_form_of_a_key_is_read_too(pem: bytes) -> None:
    older = dkim.read(pem).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    assert (
        older.startswith(b"-----BEGIN RSA PRIVATE KEY") and dkim.plain_pem(dkim.read(older)) == pem
    )


def test_what_is_no_rsa_key_is_refused(pem: bytes) -> None:
    for wrong in (b"no key", b"", other_kind()[0], pem[: len(pem) // 2]):
        with pytest.raises(KeyFormatError):
            dkim.read(wrong)


def test_a_public_key_is_read_from_a_record_however_it_is_folded(pem: bytes) -> None:
    public = dkim.public_key(dkim.read(pem))
    folded = public.data[:20] + " \t\r\n" + public.data[20:]
    assert dkim.public_from_data(folded) == public
    assert isinstance(dkim.read(pem), rsa.RSAPrivateKey)


def test_a_record_without_an_rsa_key_is_refused(pem: bytes) -> None:
    good = dkim.public_key(dkim.read(pem)).data
    for wrong in ("", "AAAA", other_kind()[1], f"{good[:40]}*{good[40:]}"):
        with pytest.raises(KeyFormatError):
            dkim.public_from_data(wrong)


def test_a_record_names_its_algorithm() -> None:
    assert DkimPublicKey("AAAA", 256, "ed25519").record == "v=DKIM1; k=ed25519; p=AAAA"
