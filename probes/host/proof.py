"""A message as a receiver gets it: its greeting name and its DKIM signatures, verified by DNS."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parseaddr

import dkim

from ground.words import text
from probes.world import dns
from probes.world.dns import Resolvers

# What smtp-sink(1) puts before the message.
_SINK_HEADER = re.compile(rb"X-(Client-Addr|Client-Proto|Helo-Args|Mail-Args|Rcpt-Args): (.*)")


@dataclass(frozen=True, slots=True)
class Proof:
    """A received message. domain: of its From. ehlo: the greeting name it came with."""

    domain: str
    ehlo: str
    message: bytes


@dataclass(frozen=True, slots=True)
class Signature:
    """One DKIM signature, and whether it verifies (None: DNS did not answer); `reason`: why not."""

    domain: str
    selector: str
    valid: bool | None
    reason: str = ""


def parse(received: bytes) -> Proof:
    """Return a message that smtp-sink wrote to a file."""
    lines = received.replace(b"\r\n", b"\n").split(b"\n")
    ehlo = ""
    while lines and (found := _SINK_HEADER.match(lines[0])):
        if found[1] == b"Helo-Args":
            ehlo = found[2].decode("ascii", "replace").strip()
        lines.pop(0)
    message = b"\r\n".join(lines)
    return Proof(_from_domain(message), ehlo, message)


def _from_domain(message: bytes) -> str:
    parsed = email.message_from_bytes(message, policy=email.policy.compat32)
    return parseaddr(str(parsed["From"]))[1].rpartition("@")[2].lower()


def signatures(message: bytes) -> tuple[tuple[str, str], ...]:
    """Return (d=, s=) of each DKIM signature, the topmost first."""
    found = []
    for header in email.message_from_bytes(message).get_all("DKIM-Signature", []):
        tags = dict(
            part.strip().partition("=")[::2] for part in str(header).split(";") if "=" in part
        )
        found.append((tags.get("d", "").strip(), tags.get("s", "").strip()))
    return tuple(found)


def verified(message: bytes, resolvers: Resolvers) -> tuple[Signature, ...]:
    """Verify each signature as a receiver does, with keys from DNS (RFC 6376 section 6)."""
    found = []
    for index, (domain, selector) in enumerate(signatures(message)):
        mute: list[str] = []
        valid, reason = _verify(message, index, _lookup(resolvers, mute))
        found.append(Signature(domain, selector, None if mute else valid, reason))
    return tuple(found)


def _lookup(resolvers: Resolvers, mute: list[str]) -> Callable[..., bytes | None]:
    """A lookup for dkimpy; names that nobody answers for go into `mute`."""

    def txt(name: bytes | str, timeout: int = 5) -> bytes | None:
        owner = (name.decode("ascii") if isinstance(name, bytes) else name).rstrip(".")
        answer = dns.ask(owner, "TXT", resolvers)
        if not answer.outcome.known:
            mute.append(owner)
        found = dns.texts(answer)
        return found[0] if found else None

    return txt


def _verify(message: bytes, index: int, lookup: Callable[..., bytes | None]) -> tuple[bool, str]:
    try:
        valid = dkim.DKIM(message).verify(idx=index, dnsfunc=lookup)
    except Exception as error:  # dkimpy asserts that a key in DNS is well formed
        return False, str(error) or type(error).__name__
    return bool(valid), "" if valid else text("checks.relay.forged")
