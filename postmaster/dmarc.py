"""DMARC records (RFC 7489 section 6.3): build one, and read one strictly enough to judge it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from dns_providers.publishing.claims import Elsewhere, Judged, Theirs
from dns_providers.publishing.public_suffix import is_public_suffix, organizational
from dns_providers.rrset import TXT, RRKey, Value, key
from ground.words import Words

_URI = re.compile(r"[a-z][a-z0-9+.-]*:\S", re.I)
CONSENT = b"v=DMARC1;"  # what whoever gets reports of another organisation publishes
POLICIES = ("none", "quarantine", "reject")  # from the laxest
_KNOWN = frozenset(
    {"v", "p", "sp", "np", "adkim", "aspf", "rua", "ruf", "fo", "rf", "ri", "pct", "t", "psd"}
)


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """A DMARC record: policy, addresses for aggregate reports, all tags as written."""

    policy: str
    rua: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]

    @property
    def for_subdomains(self) -> str:
        """The policy for names below that have no record of their own (RFC 7489 section 6.3)."""
        return dict(self.tags).get("sp", self.policy).lower()


class DmarcSyntaxError(ValueError):
    """The text is no valid DMARC record; the message names the tag."""


def build(policy: str, rua: str) -> TXT:
    """Return the record with this policy and this `mailto:` address for aggregate reports."""
    return TXT(f"v=DMARC1; p={policy}; rua={rua}".encode("ascii"))


def owner(domain: str) -> str:
    """Return the owner name of a domain's DMARC record."""
    return f"_dmarc.{domain}"


def consent_owner(domain: str, to: str) -> str:
    """Return where `to` says that it wants the reports of a domain (RFC 9990 section 4)."""
    return f"{domain}._report._dmarc.{to}"


def is_dmarc(data: bytes) -> bool:
    """Tell whether a TXT value claims to be DMARC."""
    return b"".join(data.split(b";", 1)[0].split()).lower() == b"v=dmarc1"


def parse(data: bytes) -> DmarcRecord:
    """Return a parsed record, all of it right. Raises DmarcSyntaxError."""
    record = read(data)
    wrong = [uri for uri in record.rua if not uri.lower().startswith("mailto:") or "@" not in uri]
    if wrong:
        raise DmarcSyntaxError(f"rua={wrong[0]}")
    return record


def read(data: bytes) -> DmarcRecord:
    """Return a record whose policy receivers heed, even if its reports go nowhere.

    One that asks for reports and names no policy has "none"; one with a wrong policy for names
    below has no policy of its own either (RFC 7489 section 6.6.3, RFC 9989 section 4.7). Raises
    DmarcSyntaxError.
    """
    if data[:1] not in (b"v", b"V"):
        raise DmarcSyntaxError("v")  # receivers look at how it begins
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
    rua = tuple(uri.strip() for uri in values.get("rua", "").split(",") if uri.strip())
    asked = any(map(_URI.match, rua))
    policy = values.get("p", "none" if asked else "").lower()
    if policy not in POLICIES:
        raise DmarcSyntaxError(f"p={values.get('p', '')}")
    for tag in ("sp", "np"):
        if tag in values and values[tag].lower() not in POLICIES:
            raise DmarcSyntaxError(f"{tag}={values[tag]}")
    return DmarcRecord(policy, rua, tuple(tags))


def found_in(values: Iterable[Value]) -> list[bytes]:
    """Return those of a name's values that claim to be DMARC records, sorted."""
    return sorted(v.data for v in values if isinstance(v, TXT) and is_dmarc(v.data))


def same_organisation(name: str, other: str) -> bool:
    """Return whether two domains belong to one owner, by the list of public suffixes."""
    return organizational(name) == organizational(other)


def names_above(domain: str) -> tuple[str, ...]:
    """Return the names above a domain that somebody may have registered, the highest first.

    The policy of the highest that has a record holds for all below it that have none (RFC 9989
    section 4.10, with the list of public suffixes in place of `psd`).
    """
    labels = domain.split(".")
    above = [".".join(labels[at:]) for at in range(1, len(labels) - 1)]
    return tuple(reversed([each for each in above if not is_public_suffix(each)]))


def theirs(domain: str, policy: str, rua: str) -> Theirs:
    """Return when a DMARC record of the owner's, or of the organisation's, does what ours would.

    policy, rua: of ours. A valid record does, whatever its policy: only its owner can know why it
    is so. Where a domain has none, the organisation's does if ours were laxer.
    """
    record, wanted = key(owner(domain), "TXT"), str(build(policy, rua))
    above = tuple(key(owner(each), "TXT") for each in names_above(domain))
    return Theirs(
        partial(_judge, record, wanted),
        anywhere=True,
        above=above,
        holds=partial(_holds, record, policy, wanted),
    )


def _judge(record: RRKey, wanted: str, values: frozenset[Value]) -> Judged:
    found = found_in(values)
    if len(found) > 1:
        return Judged(problem=Words.of("dns.conflict.dmarc_several", key=record, count=len(found)))
    if not found:
        return Judged()
    try:
        policy = read(found[0]).policy
    except DmarcSyntaxError as error:
        return Judged(problem=Words.of("dns.conflict.dmarc_syntax", key=record, tag=error))
    said = {"policy": policy, "there": TXT(found[0]), "wanted": wanted}
    return Judged(Words.of("dns.note.dmarc_theirs", key=record, **said))


def _holds(record: RRKey, policy: str, wanted: str, found: Elsewhere) -> Judged:
    """What the organisation's record says of a domain that has none; `found`: highest first."""
    for above, values in found.items():
        if values is None:
            return Judged(problem=Words.of("dns.conflict.dmarc_unseen", key=record, above=above))
        theirs = only_record(values)
        if theirs is None:
            continue
        if POLICIES.index(policy) >= POLICIES.index(theirs.for_subdomains):
            return Judged()
        said = {"above": above, "policy": theirs.for_subdomains, "wanted": wanted}
        return Judged(Words.of("dns.note.dmarc_above", key=record, **said))
    return Judged()


def only_record(values: Iterable[Value]) -> DmarcRecord | None:
    """Return the record of a name that has exactly one, and one that receivers heed."""
    found = found_in(values)
    try:
        return read(found[0]) if len(found) == 1 else None
    except DmarcSyntaxError:
        return None
