"""Whether CAA records let the chosen certificate authority issue for us (RFC 8659, RFC 8657)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from urllib.parse import urlsplit

from dns_providers.rrset import CAA
from postmaster.settings import MailServer

# What CAA calls the authorities, by the host of their ACME directory.
_AUTHORITIES = {
    "letsencrypt.org": "letsencrypt.org",
    "zerossl.com": "sectigo.com",
    "pki.goog": "pki.goog",
    "ssl.com": "ssl.com",
    "buypass.com": "buypass.com",
}
METHOD = {"acme-http": "http-01", "acme-dns": "dns-01"}
_CRITICAL = 128
_PARAMETER = re.compile(r"([A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*)[ \t]*=[ \t]*([!-:<-~]*)", re.ASCII)
_KNOWN_TAGS = frozenset(
    {"issue", "issuewild", "issuemail", "iodef", "contactemail", "contactphone"}
)


class Leave(StrEnum):
    """What CAA records say of an authority."""

    GIVEN = "given"
    ONE_ACCOUNT = "one_account"  # to the holder of one account, and that may not be ours
    REFUSED = "refused"
    STRANGE = "strange"  # they have a critical property that no authority knows
    UNKNOWN = "unknown"  # nobody says what they call the authority


def authorities(server: MailServer) -> tuple[str, ...]:
    """Return what CAA calls the authority that a server's certificate comes from.

    One that we do not know has the names that the user lets issue.
    """
    return authority_names(server.tls.directory, server.caa)


def authority_names(directory: str, given: Iterable[str]) -> tuple[str, ...]:
    """Return what CAA calls the authority with an ACME directory. given: names that may issue."""
    host = (urlsplit(directory).hostname or "").lower()
    known = [name for end, name in _AUTHORITIES.items() if host == end or host.endswith(f".{end}")]
    return tuple(known) or tuple(each.lower() for each in given)


def leave(values: Iterable[CAA], server: MailServer) -> Leave:
    """Return whether a server's authority may issue where these CAA records count."""
    every = tuple(values)
    if any(v.flags & _CRITICAL and v.tag.lower() not in _KNOWN_TAGS for v in every):
        return Leave.STRANGE
    issuers = [_issuer(v.value) for v in every if v.tag.lower() == "issue"]
    if not issuers:
        return Leave.GIVEN
    names = authorities(server)
    if not names:
        return Leave.UNKNOWN
    method = METHOD[server.tls.method]
    ours = [
        limits
        for name, limits in issuers
        if name in names and method in limits.get("validationmethods", method).split(",")
    ]
    if not ours:
        return Leave.REFUSED
    free = any(limits.get("accounturi") in (None, server.account_uri) for limits in ours)
    return Leave.GIVEN if free else Leave.ONE_ACCOUNT


def line(owner: str, server: MailServer) -> str:
    """Return the record to add at a name that has CAA records, so that the authority may issue."""
    return f'{owner}. CAA 0 issue "{authorities(server)[0]}"'


def _issuer(value: bytes) -> tuple[str, dict[str, str]]:
    """The authority's name and what its leave is limited to; no name of what is badly written.

    That gives nobody leave (RFC 8659 section 4.2).
    """
    name, *parameters = (each.strip(" \t") for each in value.decode("ascii", "replace").split(";"))
    found = [_PARAMETER.fullmatch(each) for each in parameters if parameters != [""]]
    limits = {each[1].lower(): each[2] for each in found if each}
    return (name.lower() if all(found) else ""), limits
