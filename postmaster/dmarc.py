"""DMARC records (RFC 7489 section 6.3): build one, and read one strictly enough to judge it."""

from __future__ import annotations

from dataclasses import dataclass

from dns_providers.rrset import TXT

POLICIES = ("none", "quarantine", "reject")
_KNOWN = frozenset(
    {"v", "p", "sp", "np", "adkim", "aspf", "rua", "ruf", "fo", "rf", "ri", "pct", "t", "psd"}
)


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """A DMARC record: policy, addresses for aggregate reports, all tags as written."""

    policy: str
    rua: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]


class DmarcSyntaxError(ValueError):
    """The text is no valid DMARC record; the message names the tag."""


def build(policy: str, rua: str) -> TXT:
    """Return the record with this policy and this `mailto:` address for aggregate reports."""
    return TXT(f"v=DMARC1; p={policy}; rua={rua}".encode("ascii"))


def owner(domain: str) -> str:
    """Return the owner name of a domain's DMARC record."""
    return f"_dmarc.{domain}"


def is_dmarc(data: bytes) -> bool:
    """Tell whether a TXT value claims to be DMARC."""
    return data.split(b";", 1)[0].replace(b" ", b"").lower() == b"v=dmarc1"


def parse(data: bytes) -> DmarcRecord:
    """Return a parsed record. Raises DmarcSyntaxError."""
    tags: list[tuple[str, str]] = []
    for part in data.decode("ascii", "replace").split(";"):
        if not part.strip():
            continue
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise DmarcSyntaxError(part.strip())
        tags.append((name.lower(), value))
    if not tags or tags[0] != ("v", "DMARC1"):
        raise DmarcSyntaxError("v")
    names = [name for name, _ in tags]
    repeated = {name for name in names if names.count(name) > 1 and name in _KNOWN}
    if repeated:
        raise DmarcSyntaxError(sorted(repeated)[0])
    values = dict(tags)
    policy = values.get("p", "").lower()
    if policy not in POLICIES:
        raise DmarcSyntaxError(f"p={values.get('p', '')}")
    rua = tuple(uri.strip() for uri in values.get("rua", "").split(",") if uri.strip())
    wrong = [uri for uri in rua if not uri.lower().startswith("mailto:") or "@" not in uri]
    if wrong:
        raise DmarcSyntaxError(f"rua={wrong[0]}")
    return DmarcRecord(policy, rua, tuple(tags))
