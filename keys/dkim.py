"""DKIM keys: make an RSA key, read one, and its public part as receivers see it (RFC 6376)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from ground.errors import Told

BITS = 2048
_PUBLIC_EXPONENT = 65537


class KeyFormatError(Told, ValueError):
    """The data is no RSA private key in PEM form."""


class WrongPassphrase(ValueError):
    """The key is encrypted, and the passphrase is missing or wrong."""


@dataclass(frozen=True, slots=True)
class DkimPublicKey:
    """The public part of a DKIM key.

    data: `p=` of the record, base64 of the SubjectPublicKeyInfo. bits: modulus length.
    """

    data: str
    bits: int
    algorithm: str = "rsa"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo, hex."""
        return hashlib.sha256(base64.b64decode(self.data)).hexdigest()

    @property
    def record(self) -> str:
        """The TXT value of the key record (RFC 6376 section 3.6.1)."""
        return f"v=DKIM1; k={self.algorithm}; p={self.data}"


def dated_selector(day: date) -> str:
    """Return the selector that a key made on this day gets: `pm202611a`."""
    return f"pm{month(day)}a"


def month(day: date) -> str:
    """Return what dates a key's name: `202611`."""
    return f"{day:%Y%m}"


def make(bits: int = BITS) -> bytes:
    """Return a new RSA private key, PKCS#8 PEM, not encrypted."""
    return plain_pem(rsa.generate_private_key(_PUBLIC_EXPONENT, bits))


def plain_pem(key: rsa.RSAPrivateKey) -> bytes:
    """Return a private key as PKCS#8 PEM, not encrypted (what PMail reads)."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def encrypted_pem(pem: bytes, passphrase: str) -> bytes:
    """Return a plain PEM key as encrypted PKCS#8 PEM (openssl reads it too)."""
    return read(pem).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )


def is_encrypted(pem: bytes) -> bool:
    """Tell whether a PEM private key is encrypted."""
    return b"ENCRYPTED" in pem


@lru_cache(maxsize=16)  # OpenSSL proves the primes anew each time: 40 ms
def read(pem: bytes, passphrase: str | None = None) -> rsa.RSAPrivateKey:
    """Return the RSA key of a PEM file (PKCS#8 or PKCS#1).

    Raises WrongPassphrase or KeyFormatError; neither shows anything of the key.
    """
    encrypted = is_encrypted(pem)
    if encrypted and not passphrase:
        raise WrongPassphrase
    password = passphrase.encode() if encrypted and passphrase else None
    try:
        key = serialization.load_pem_private_key(pem, password)
    except Exception:
        if encrypted:
            raise WrongPassphrase from None
        raise KeyFormatError("keys.form.pem") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise KeyFormatError("keys.form.no_rsa")
    return key


def public_key(key: rsa.RSAPrivateKey) -> DkimPublicKey:
    """Return the public part of a private key."""
    return _with_spki(key.public_key(), key.key_size, "rsa")


def public_from_data(data: str, kind: str = "rsa") -> DkimPublicKey:
    """Return the public key of a record's `p=`. kind: its `k=`. Raises KeyFormatError.

    An RSA key may be a SubjectPublicKeyInfo or an RSAPublicKey (RFC 6376 erratum 3017); an Ed25519
    key is its 32 octets (RFC 8463). The result is a SubjectPublicKeyInfo, so that two can be
    compared.
    """
    try:
        there = base64.b64decode("".join(data.split()), validate=True)
        if kind == "ed25519":
            return _with_spki(ed25519.Ed25519PublicKey.from_public_bytes(there), 256, kind)
        key = serialization.load_der_public_key(there)
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        raise KeyFormatError("keys.form.p_base64") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise KeyFormatError("keys.form.p_rsa")
    return _with_spki(key, key.key_size, "rsa")


def _with_spki(
    key: rsa.RSAPublicKey | ed25519.Ed25519PublicKey, bits: int, kind: str
) -> DkimPublicKey:
    spki = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return DkimPublicKey(base64.b64encode(spki).decode("ascii"), bits, kind)
