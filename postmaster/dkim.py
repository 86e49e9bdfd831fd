"""DKIM key records (RFC 6376 section 3.6.1): owner name, value, and what a record holds."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dns_providers.rrset import TXT
from keys.dkim import DkimPublicKey

_TAG_NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")
# Printable characters but the semicolon, and white space between them.
_TAG_VALUE = re.compile(r"[\x21-\x3a\x3c-\x7e \t\r\n]*")


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


@dataclass(frozen=True, slots=True)
class KeyTags:
    """The tags of a key record, as written, with the defaults of RFC 6376 section 3.6.1."""

    tags: tuple[tuple[str, str], ...]

    def tag(self, name: str, default: str = "") -> str:
        """The value of a tag without white space."""
        return "".join(dict(self.tags).get(name, default).split())

    def parts(self, name: str, default: str = "") -> tuple[str, ...]:
        """The values of a tag that has several, with colons between them."""
        return tuple(each for each in self.tag(name, default).split(":") if each)

    @property
    def data(self) -> str:
        """`p=`, base64; empty for a revoked key."""
        return self.tag("p")

    @property
    def kind(self) -> str:
        """`k=`, the kind of key; tag values are case sensitive (RFC 6376 section 3.2)."""
        return self.tag("k", "rsa")


def read(data: bytes) -> KeyTags:
    """Return the tags of a key record that every verifier can read (RFC 6376 section 3.2, 3.6.1).

    Raises DkimSyntaxError.
    """
    pairs = _pairs(data)
    for number, (name, value) in enumerate(pairs):
        if not _TAG_NAME.fullmatch(name):
            raise DkimSyntaxError(name)
        if not _TAG_VALUE.fullmatch(value):
            raise DkimSyntaxError(f"{name}={value[:40]}")
        if name == "v" and (number > 0 or value != "DKIM1"):
            raise DkimSyntaxError(f"v={value}")
    if "p" not in dict(pairs):
        raise DkimSyntaxError("p")
    return KeyTags(pairs)


def _pairs(data: bytes) -> tuple[tuple[str, str], ...]:
    """The tags of a record in their order, each once."""
    found: dict[str, str] = {}
    for part in data.decode("utf-8", "replace").split(";"):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        if not equals or name.strip() in found:
            raise DkimSyntaxError(part.strip())
        found[name.strip()] = value.strip()
    return tuple(found.items())


def public_data(data: bytes) -> str:
    """Return `p=` of a record with an RSA key without white space; empty for a revoked key.

    What verifiers disagree on is let through, as `v=` that is not the first tag. Raises
    DkimSyntaxError.
    """
    tags = KeyTags(_pairs(data))
    if tags.tag("v", "DKIM1") != "DKIM1":
        raise DkimSyntaxError(f"v={tags.tag('v')}")
    if tags.tag("k", "rsa") != "rsa":
        raise DkimSyntaxError(f"k={tags.tag('k')}")
    if "p" not in dict(tags.tags):
        raise DkimSyntaxError("p")
    return tags.data


def fingerprint(data: bytes) -> str | None:
    """Return the SHA-256 (hex) of the key that a record holds, None where it holds none."""
    try:
        return DkimPublicKey(public_data(data), 0).fingerprint
    except (DkimSyntaxError, ValueError):  # binascii.Error is one, and so is what is not ASCII
        return None
