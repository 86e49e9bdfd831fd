"""What people get wrong when they type records into a web panel, told from what is served."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import dns.name

from dns_providers.base import Change
from dns_providers.rrset import (
    MX,
    SRV,
    TXT,
    RRset,
    Target,
    Value,
    character_strings,
    name_text,
    same_values,
)
from ground.words import Words, family

_MISTAKE = family(
    "dns.mistake",
    (
        *("alias", "doubled_name", "ttl", "left", "other", "pieces", "cut", "more"),
        *("spaces", "backslash", "quotes", "case", "doubled_target", "short_target"),
    ),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a name server shows where a change is to be seen.

    live: the RRset itself. alias: a CNAME at the same name. doubled: the RRset at the owner name
    with the zone's name appended once more.
    """

    live: RRset | None
    alias: RRset | None = None
    doubled: RRset | None = None


def doubled_name(owner: dns.name.Name, zone: dns.name.Name) -> dns.name.Name | None:
    """Return `mail.example.com.example.com` for `mail.example.com`; None where that is too long."""
    try:
        return owner.relativize(dns.name.root).concatenate(zone)
    except dns.name.NameTooLong:
        return None


def carried_out(change: Change, live: RRset | None) -> bool:
    """Whether an RRset is what a change makes of it; a TTL counts where nothing else changes."""
    if not same_values(live, change.after):
        return False
    if live and change.before and change.after and same_values(change.before, change.after):
        return live.ttl == change.after.ttl
    return True


def mistakes(change: Change, seen: Seen, zone: dns.name.Name, host: str) -> tuple[Words, ...]:
    """Return why a change is not to be seen yet, as far as what is there tells; empty: not begun.

    host: what belongs into the panel's host field.
    """
    if carried_out(change, seen.live):
        return ()
    return tuple(dict.fromkeys(_mistakes(change, seen, zone, host)))


def _mistakes(change: Change, seen: Seen, zone: dns.name.Name, host: str) -> Iterator[Words]:
    key = str(change.key)
    alias = _own(seen.alias)
    if alias is not None and change.key.rtype != "CNAME" and change.after is not None:
        yield _mistake("alias", key=key, found=", ".join(map(str, alias.values)))
    after = change.after.values if change.after else frozenset()
    before = change.before.values if change.before else frozenset()
    shown, doubled = _own(seen.live), _own(seen.doubled)
    live = shown.values if shown else frozenset()
    if doubled is not None and doubled.values & after:
        found = name_text(doubled.key.owner)
        yield _mistake("doubled_name", key=key, found=found, host=host)
    missing, odd = after - live, live - after
    if shown is not None and change.after is not None and not missing and not odd:
        yield _mistake("ttl", key=key, found=str(shown.ttl))
    explained: set[Value] = set()
    for wanted in sorted(missing, key=str):
        for found_mistake, values in _explained(key, wanted, odd - before, zone):
            explained |= values
            yield found_mistake
    for value in sorted(odd - explained, key=str):
        if value in before and missing:
            continue  # what is to be replaced stays until what replaces it is there
        yield _mistake("left" if not missing else "other", key=key, found=_short(value))


def _own(rrset: RRset | None) -> RRset | None:
    """What is really there, and not by a wildcard."""
    return None if rrset is None or rrset.synthesised else rrset


def _explained(
    key: str, wanted: Value, odd: frozenset[Value], zone: dns.name.Name
) -> Iterator[tuple[Words, frozenset[Value]]]:
    """Values that are a wanted one typed wrongly, and how."""
    if isinstance(wanted, TXT):
        pieces = frozenset(map(TXT, character_strings(wanted.data)))
        if len(pieces) > 1 and pieces <= odd:
            yield _mistake("pieces", key=key), pieces
            return
    for value in sorted(odd, key=str):
        match wanted, value:
            case TXT(data=right), TXT(data=wrong):
                mistake = _text_mistake(key, right, wrong)
            case (MX(), MX()) | (SRV(), SRV()) | (Target(), Target()):
                mistake = _target_mistake(key, _target(wanted), _target(value), zone)
            case _:
                mistake = None
        if mistake is not None:
            yield mistake, frozenset({value})


def _text_mistake(key: str, right: bytes, wrong: bytes) -> Words | None:
    """How one text became another."""
    for kind, plain in _FORGIVEN:
        if plain(right) == plain(wrong):
            return _mistake(kind, key=key)
    if len(wrong) >= 5 and right.startswith(wrong):
        return _mistake("cut", key=key, length=str(len(wrong)), wanted=str(len(right)))
    if right in wrong:
        return _mistake("more", key=key, found=_short(TXT(wrong)))
    return None


def _without(unwanted: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data.translate(None, unwanted)


# The least forgiving first: what makes the texts equal is what went wrong.
_FORGIVEN: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("spaces", _without(b" \t\r\n")),
    ("backslash", _without(b"\\")),
    ("quotes", _without(b'" \\')),
    ("case", bytes.lower),
)


def _target(value: Value) -> dns.name.Name:
    match value:
        case MX(exchange=name) | SRV(target=name) | Target(name=name):
            return name
    raise TypeError(f"{value} has no target")


def _target_mistake(
    key: str, right: dns.name.Name, wrong: dns.name.Name, zone: dns.name.Name
) -> Words | None:
    values = {"key": key, "found": name_text(wrong), "target": name_text(right)}
    if wrong == doubled_name(right, zone):
        return _mistake("doubled_target", **values)
    if right.is_subdomain(zone) and wrong == right.relativize(zone).concatenate(dns.name.root):
        return _mistake("short_target", **values)
    return None


def _short(value: Value) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:60]}…{text[-15:]}"


def _mistake(kind: str, **values: str) -> Words:
    return Words.of(_MISTAKE[kind], **values)
