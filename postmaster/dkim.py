"""DKIM key records (RFC 6376 section 3.6.1): owner name, value, and what a record holds."""

from __future__ import annotations

import binascii

from dns_providers.rrset import TXT
from keys.dkim import DkimPublicKey


class DkimSyntaxError(ValueError):
    """The text is no valid DKIM key record; the message names the tag."""


def owner(selector: str, domain: str) -> str:
    """Return the owner name of a key record."""
    return f"{selector}._domainkey.{domain}"


def is_owner(name: str) -> bool:
    """Return whether an owner name is one of a key record."""
    return "_domainkey" in name.split(".")[1:]


def record(key: DkimPublicKey) -> TXT:
    """Return the key record of a public key."""
    return TXT(key.record.encode("ascii"))


def public_data(data: bytes) -> str:
    """Return `p=` of a key record without white space; empty for a revoked key.

    Raises DkimSyntaxError.
    """
    tags: dict[str, str] = {}
    for part in data.decode("ascii", "replace").split(";"):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        if not equals or name.strip() in tags:
            raise DkimSyntaxError(part.strip())
        tags[name.strip()] = value.strip()
    if tags.get("v", "DKIM1") != "DKIM1":
        raise DkimSyntaxError(f"v={tags['v']}")
    if tags.get("k", "rsa") != "rsa":
        raise DkimSyntaxError(f"k={tags['k']}")
    if "p" not in tags:
        raise DkimSyntaxError("p")
    return "".join(tags["p"].split())


def fingerprint(data: bytes) -> str | None:
    """Return the SHA-256 (hex) of the key that a record holds, None where it holds none."""
    try:
        return DkimPublicKey(public_data(data), 0).fingerprint
    except (DkimSyntaxError, binascii.Error):
        return None
