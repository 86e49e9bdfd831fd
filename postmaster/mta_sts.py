"""MTA-STS policies of our own domains (RFC 8461): what they say, and which id stands for it; pure.

An id says when its policy came, which policy it is, and for how long senders may remember an
earlier one. So DNS and the ledger remember all that a later change, or the policy's removal, needs
to know, and no other record has to be kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from dns_providers.rrset import TXT, Value

PolicyMode = Literal["none", "testing", "enforce"]
LONGEST = 31557600  # seconds (RFC 8461 section 3.2)
DAY = 86400  # seconds
PATH = "/.well-known/mta-sts.txt"
MEDIA_TYPE = "text/plain; charset=utf-8"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_OUR_ID = re.compile(r"(\d{14})([0-9a-f]{6})([0-9a-z]{5})([0-9a-z]{7})")
_RECORD = re.compile(rb"v=STSv1[ \t]*;[ \t]*id[ \t]*=[ \t]*([A-Za-z0-9]{1,32})[ \t]*(;.*)?")
_LONGEST_FILE = 64 * 1024  # octets


class StsSyntaxError(ValueError):
    """The text is no valid policy, or record; the message is what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy. mx: names, or `*.` and a name. max_age: seconds that senders remember it."""

    mode: PolicyMode
    mx: tuple[str, ...]
    max_age: int

    @property
    def text(self) -> str:
        """The policy as it is served."""
        lines = ("version: STSv1", f"mode: {self.mode}", *(f"mx: {each}" for each in self.mx))
        return "\n".join((*lines, f"max_age: {self.max_age}", ""))

    @property
    def sum(self) -> str:
        """What stands for it in an id."""
        return hashlib.sha256(self.text.encode("ascii")).hexdigest()[:6]

    def covers(self, host: str) -> bool:
        """Whether mail may go to an MX host by it (RFC 8461 section 4.1)."""
        return any(
            each == host or (each.startswith("*.") and each[2:] == host.partition(".")[2])
            for each in self.mx
        )

    def tried_first(self) -> Policy:
        """The same in mode `testing`: what is served while `enforce` would lose mail."""
        return replace(self, mode="testing") if self.mode == "enforce" else self


@dataclass(frozen=True, slots=True)
class PolicyId:
    """What one of our ids says.

    since: when its policy was published (Unix seconds). sum: of that policy. max_age: of that
    policy, seconds. until: to then a sender may remember a policy of before it (Unix seconds).
    """

    since: int
    sum: str
    max_age: int
    until: int = 0

    @property
    def text(self) -> str:
        """The id, 32 letters and digits: UTC time first, so that people can read it."""
        moment = datetime.fromtimestamp(self.since, UTC)
        return f"{moment:%Y%m%d%H%M%S}{self.sum}{_coded(self.max_age, 5)}{_coded(self.until, 7)}"


def parse_id(text: str) -> PolicyId | None:
    """Return what an id says, None where it is not one of ours."""
    found = _OUR_ID.fullmatch(text)
    if found is None:
        return None
    try:
        since = datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return PolicyId(int(since.timestamp()), found[2], int(found[3], 36), int(found[4], 36))


def next_id(before: PolicyId | None, policy: Policy, now: int) -> PolicyId:
    """Return the id for a policy: that of before while the policy is the same.

    Until a policy is replaced it is served, so senders remember it from then on. That may be hours
    after `now`, when a run begins: a day is added.
    """
    if before is not None and before.sum == policy.sum:
        return before
    until = max(before.until, now + before.max_age + DAY) if before else 0
    return PolicyId(now, policy.sum, policy.max_age, until)


def owner(domain: str) -> str:
    """Return the owner name of a domain's MTA-STS record."""
    return f"_mta-sts.{domain}"


def host(domain: str) -> str:
    """Return the name that a domain's policy is served under."""
    return f"mta-sts.{domain}"


def file(domain: str) -> str:
    """Return the name of a domain's policy on the web host."""
    return f"mta-sts.{domain}.txt"


def build(id: PolicyId) -> TXT:
    """Return the record that tells senders of a policy."""
    return TXT(f"v=STSv1; id={id.text};".encode("ascii"))


def found_in(values: Iterable[Value]) -> list[bytes]:
    """Return those of a name's values that mean to be MTA-STS records, sorted."""
    texts = (value.data for value in values if isinstance(value, TXT))
    return sorted(each for each in texts if each.lower().startswith(b"v=stsv1"))


def parse_record(data: bytes) -> str:
    """Return the id in a record (RFC 8461 section 3.1). Raises StsSyntaxError."""
    found = _RECORD.fullmatch(data)
    if found is None:
        raise StsSyntaxError(data.decode("ascii", "backslashreplace"))
    return found[1].decode("ascii")


def published(values: Iterable[Value]) -> PolicyId | None:
    """Return what our record among a name's values says, None where there is none of ours."""
    records = found_in(values)
    try:
        return parse_id(parse_record(records[0])) if len(records) == 1 else None
    except StsSyntaxError:
        return None


def parse_policy(content: bytes) -> Policy:
    """Return a policy as senders read it (RFC 8461 section 3.2). Raises StsSyntaxError."""
    if len(content) > _LONGEST_FILE:
        raise StsSyntaxError("64 kB")
    fields, mx = dict[str, str](), list[str]()
    for line in content.decode("utf-8", "replace").splitlines():
        name, colon, value = (piece.strip() for piece in line.partition(":"))
        if not line.strip():
            continue
        if not colon:
            raise StsSyntaxError(line)
        if name == "mx":
            mx.append(value.lower())
        else:
            fields.setdefault(name, value)
    return Policy(_mode(fields), _mx(fields, mx), _max_age(fields))


def is_plain(media_type: str) -> bool:
    """Return whether senders take a policy of this type (RFC 8461 section 3.2)."""
    return media_type.partition(";")[0].strip().lower() == "text/plain"


def _mode(fields: Mapping[str, str]) -> PolicyMode:
    if fields.get("version") != "STSv1":
        raise StsSyntaxError(f"version: {fields.get('version', '')}")
    modes: dict[str, PolicyMode] = {"none": "none", "testing": "testing", "enforce": "enforce"}
    mode = modes.get(fields.get("mode", ""))
    if mode is None:
        raise StsSyntaxError(f"mode: {fields.get('mode', '')}")
    return mode


def _mx(fields: Mapping[str, str], mx: Iterable[str]) -> tuple[str, ...]:
    hosts = tuple(mx)
    if not hosts and fields["mode"] != "none":
        raise StsSyntaxError("mx:")
    return hosts


def _max_age(fields: Mapping[str, str]) -> int:
    given = fields.get("max_age", "")
    if not (given.isascii() and given.isdigit()) or int(given) > LONGEST:
        raise StsSyntaxError(f"max_age: {given}")
    return int(given)


def _coded(number: int, width: int) -> str:
    """A number in base 36, with zeros before it."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits.rjust(width, "0")


@dataclass(frozen=True, slots=True)
class DomainPolicy:
    """The policy that a domain shall have now.

    id: that it gets. published: what the record says that we published last, None where there is
    none of ours.
    """

    domain: str
    policy: Policy
    id: PolicyId
    published: PolicyId | None = None

    @property
    def settled(self) -> bool:
        """Whether its record is out."""
        return self.published == self.id

    @property
    def ends(self) -> bool:
        """Whether it is being taken back."""
        return self.policy.mode == "none"
