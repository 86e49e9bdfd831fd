"""When a certificate is due, how it is renewed, what is wrong with one that is brought; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ground.words import Words
from probes.world.tls import Certificate, days_left, describe

_RENEW_DAYS = 30.0


def due(current: Certificate | None, names: tuple[str, ...], now: datetime) -> Words | None:
    """Return why a new certificate is needed, or None.

    It is renewed with a third of its time left, at most 30 days, as certbot does.
    """
    if current is None:
        return Words.of("tls.due.none")
    if current.self_signed:
        return Words.of("tls.due.stopgap")
    missing = [name for name in names if name not in current.names]
    if missing:
        return Words.of("tls.due.names", names=", ".join(missing))
    # A name that is not published any more would break the next renewal.
    if more := [name for name in current.names if name not in names]:
        return Words.of("tls.due.more", names=", ".join(more))
    left = days_left(current, now)
    if left < min(_RENEW_DAYS, current.lifetime / 3):
        return Words.of("tls.due.expires", days=f"{left:.1f}")
    return None


def proven_by(conf: str, webroot: str | None) -> str:
    """Return certbot's renewal configuration with another way to prove names on port 80.

    conf: as it is. webroot: folder that a web server shows, or None where certbot serves itself.
    One that says so already, in whatever form, stays as it is; so does all that is about something
    else.
    """
    way = "webroot" if webroot else "standalone"
    ways, folders, rest = _proofs(conf)
    if ways == {way} and folders == ({webroot} if webroot else set()):
        return conf
    path = [f"webroot_path = {webroot},"] if webroot else []
    found = []
    for line in rest:
        found.append(line)
        if line.strip() == "[renewalparams]":
            found += [f"authenticator = {way}", *path]
    return "\n".join(found) + "\n"


def _proofs(conf: str) -> tuple[set[str], set[str], list[str]]:
    """Ways to prove names, folders that a web server shows, and all lines about something else."""
    ways, folders, rest, in_map = set[str](), set[str](), list[str](), False
    for line in conf.splitlines():
        name, equals, value = (part.strip() for part in line.partition("="))
        if name.startswith("["):
            in_map = name == "[[webroot_map]]"
        if in_map or name == "webroot_path":
            folders |= {value.rstrip(",").strip()} if equals else set()
        elif name == "authenticator":
            ways.add(value)
        else:
            rest.append(line)
    return ways, folders, rest


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate chain and its key, PEM."""

    chain: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Pair(…)"

    @property
    def certificate(self) -> Certificate:
        """What the first certificate says. Raises ValueError."""
        return describe(self.chain)


def problems(pair: Pair, names: tuple[str, ...], now: datetime) -> tuple[Words, ...]:
    """Return all that is wrong with a certificate and key that the user brings."""
    found: list[Words] = []
    try:
        chain = x509.load_pem_x509_certificates(pair.chain)
        certificate = pair.certificate
    except ValueError:
        chain, certificate = [], None
        found.append(Words.of("tls.files.no_certificate"))
    key = None
    try:
        key = serialization.load_pem_private_key(pair.key, None)
    except TypeError:
        found.append(Words.of("tls.files.encrypted"))
    except Exception:
        found.append(Words.of("tls.files.no_key"))
    if certificate is None:
        return tuple(found)
    if key is not None and key.public_key() != chain[0].public_key():
        found.append(Words.of("tls.files.mismatch"))
    missing = [name for name in names if not certificate.covers(name)]
    if missing:
        found.append(Words.of("tls.files.names", names=", ".join(missing)))
    left = days_left(certificate, now)
    if left < 1:
        found.append(Words.of("tls.files.expired", until=f"{certificate.not_after:%Y-%m-%d}"))
    if certificate.not_before > now:
        found.append(Words.of("tls.files.not_yet", since=f"{certificate.not_before:%Y-%m-%d}"))
    for lower, upper in pairwise(chain):
        if lower.issuer != upper.subject:
            found.append(Words.of("tls.files.order"))
            break
    return tuple(found)
