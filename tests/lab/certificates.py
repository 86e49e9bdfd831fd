"""A certificate authority of the lab's own: for `tls = "files"`, and for receivers far away."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.lab.network import state

_RECEIVER_NAMES = ("mx.secure", "mx.sts", "mx.good.dane", "mta-sts.sts", "mta-sts.badsts")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Files:
    """Paths of a certificate chain, its key, and the authority's own certificate."""

    chain: Path
    key: Path
    authority: Path


def issue(folder: Path, names: tuple[str, ...], valid: timedelta = 90 * _DAY) -> Files:
    """Issue a certificate for `names` by an authority made for it."""
    folder.mkdir(parents=True, exist_ok=True)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    subject = _name("Lab authority")
    now = datetime.now(UTC)
    authority = (
        _builder(subject, subject, authority_key, now, 365 * _DAY)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    leaf = (
        _builder(_name(names[0]), subject, key, now, valid)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    files = _files(folder)
    files.chain.write_bytes(_pem(leaf) + _pem(authority))
    files.authority.write_bytes(_pem(authority))
    files.key.touch(0o600)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def issued_once(name: str, names: tuple[str, ...]) -> Files:
    """A certificate that this instance of the lab keeps by a name; issued at first use."""
    files = _files(state() / name)
    return files if files.key.exists() else issue(state() / name, names)


def _files(folder: Path) -> Files:
    return Files(folder / "chain.pem", folder / "key.pem", folder / "authority.pem")


def receiver_files() -> Files:
    """The certificate of the receiver that does all right; made once for each instance."""
    return issued_once("receiver-tls", tuple(f"{name}.test" for name in _RECEIVER_NAMES))


def stranger_files() -> Files:
    """A certificate for another name, by an authority that nobody knows, long expired."""
    return issue(state() / "stranger-tls", ("stranger.test",), -30 * _DAY)


def tlsa(files: Files) -> str:
    """The TLSA record of a certificate: DANE-EE, its public key, SHA-256 (RFC 7672)."""
    leaf = x509.load_pem_x509_certificates(files.chain.read_bytes())[0]
    public = leaf.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return f"3 1 1 {hashlib.sha256(public).hexdigest()}"


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    valid: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 60 * _DAY)
        .not_valid_after(now + valid)
    )
