"""The certificate that a port shows: for which names, until when, from whom, and is it trusted."""

from __future__ import annotations

import hashlib
import socket
import ssl
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ground.words import text
from probes.world.tcp import TIMEOUT, Reach, reach_of

# What OpenSSL says where it is built, or set, without these.
_NOT_HERE = ("NO_PROTOCOLS_AVAILABLE", "UNSUPPORTED_PROTOCOL", "NO_CIPHERS_AVAILABLE")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says. Times in UTC.

    fingerprint, spki: SHA-256 of all of it, and of its key (hex).
    """

    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    issuer: str
    fingerprint: str
    self_signed: bool
    spki: str = ""

    @property
    def lifetime(self) -> float:
        """Days from its beginning to its end."""
        return (self.not_after - self.not_before).total_seconds() / 86400

    def covers(self, name: str) -> bool:
        """Whether it is for a host name, by itself or by a wildcard (RFC 9525 section 6.3)."""
        return name in self.names or "*." + name.partition(".")[2] in self.names


@dataclass(frozen=True, slots=True)
class TlsView:
    """What a TLS port showed for one server name.

    trusted: the chain verifies for this name; `reason` says why not. certificate: None when no
    handshake was possible. old: TLS 1.0 or 1.1 is taken, too; None: that could not be tried.
    """

    address: str
    port: int
    server_name: str
    reach: Reach
    certificate: Certificate | None = None
    trusted: bool = False
    reason: str = ""
    old: bool | None = None


def describe(pem_or_der: bytes) -> Certificate:
    """Return what a certificate (DER, or the first of a PEM chain) says. Raises ValueError."""
    if pem_or_der.lstrip().startswith(b"-----"):
        found = x509.load_pem_x509_certificates(pem_or_der)[0]
    else:
        found = x509.load_der_x509_certificate(pem_or_der)
    try:
        alternative = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = tuple(sorted(alternative.value.get_values_for_type(x509.DNSName)))
    except x509.ExtensionNotFound:
        names = ()
    return Certificate(
        names,
        found.not_valid_before_utc,
        found.not_valid_after_utc,
        found.issuer.rfc4514_string(),
        found.fingerprint(hashes.SHA256()).hex(),
        found.issuer == found.subject,
        _spki(found),
    )


def _spki(found: x509.Certificate) -> str:
    key = found.public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def trusting(trust_file: str | None) -> ssl.SSLContext:
    """Return a context that verifies: the system's authorities, or those of `trust_file`."""
    return ssl.create_default_context(cafile=trust_file)


def accepting_any() -> ssl.SSLContext:
    """Return a context that takes any certificate: to look at it, not to trust it."""
    # Not create_default_context: that reads the system's authorities, 30 ms each time.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def look(
    address: str,
    port: int,
    server_name: str,
    trust_file: str | None = None,
    timeout: float = TIMEOUT,
) -> TlsView:
    """Look at the certificate of a port that speaks TLS from the start."""

    def opened() -> socket.socket:
        return socket.create_connection((address, port), timeout=timeout)

    try:
        certificate = handshake(opened(), server_name)
    except OSError as error:
        return TlsView(address, port, server_name, reach_of(error), reason=reason_of(error))
    old = takes_old(address, port, server_name, timeout)
    try:
        trusting(trust_file).wrap_socket(opened(), server_hostname=server_name).close()
    except OSError as error:
        reason = reason_of(error)
        return TlsView(address, port, server_name, Reach.OPEN, certificate, False, reason, old)
    return TlsView(address, port, server_name, Reach.OPEN, certificate, True, old=old)


def takes_old(address: str, port: int, server_name: str, timeout: float = TIMEOUT) -> bool | None:
    """Whether a port takes TLS 1.0 or 1.1 (RFC 8996); None where this machine cannot offer them."""
    context = accepting_any()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is what is looked for
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        context.set_ciphers("ALL:@SECLEVEL=0")
        raw = socket.create_connection((address, port), timeout=timeout)
        with raw, context.wrap_socket(raw, server_hostname=server_name):
            return True
    except TimeoutError:
        return None
    except ssl.SSLError as error:
        return None if error.reason in _NOT_HERE else False
    except OSError:
        return False


def handshake(raw: socket.socket, server_name: str) -> Certificate:
    """Return the certificate shown on a connected socket, whoever it is from. Raises OSError."""
    with raw, accepting_any().wrap_socket(raw, server_hostname=server_name) as secure:
        der = secure.getpeercert(binary_form=True)
    if der is None:
        raise OSError(text("checks.tls.none"))
    return describe(der)


def reason_of(error: OSError) -> str:
    """Return why a handshake or connection failed, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return error.strerror or str(error)


def days_left(certificate: Certificate, now: datetime | None = None) -> float:
    """Days until a certificate expires, negative afterwards."""
    return (certificate.not_after - (now or datetime.now(UTC))).total_seconds() / 86400
