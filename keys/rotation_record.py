"""A rotation as plain JSON data, for the journal and for the host; there is no secret in it.

A host may be in the hands of somebody else by the time that it is read: what becomes part of a
file's name, or is shown, is checked.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from ground.words import Words, say
from keys.rotation import KeyRef, Rotation, Rules, Step, Strategy

VERSION = 1
# A domain, a selector, a key's name in the store: what can be a file's name, in its own folder.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+-]*")
_LATEST = 253402300799.0  # the last second that a date can have


def to_record(rotation: Rotation) -> dict[str, Any]:
    """Return a rotation as plain JSON data."""
    problem = rotation.problem
    return {
        "version": VERSION,
        **asdict(rotation),
        "done": [[step.value, when] for step, when in rotation.done],
        "problem": {"message_id": problem.id, "values": problem.values} if problem else None,
    }


def from_record(record: Any) -> Rotation:
    """Return the rotation of `to_record`'s data. Raises ValueError where it is none of one."""
    try:
        return _rotation(dict(record))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"no rotation: {error}") from None


def _rotation(record: dict[str, Any]) -> Rotation:
    if record.pop("version") != VERSION:
        raise ValueError("another version")
    plain_name(record["domain"])
    if not all(str(record.get(each, "")).isprintable() for each in ("server", "zone")):
        raise ValueError("not to be shown")
    plain = {
        **record,
        "started": _moment(record["started"]),
        "entered": _moment(record["entered"]),
        "strategy": Strategy(record["strategy"]),
        "step": Step(record["step"]),
        "old": _ref(record["old"]),
        "new": _ref(record["new"]),
        "rules": Rules(**{name: int(each) for name, each in record["rules"].items()}),
        "superseded": tuple(map(_ref, record.get("superseded", ()))),
        "done": tuple((Step(step), _moment(when)) for step, when in record["done"]),
        "problem": _problem(record["problem"]),
    }
    return Rotation(**plain)


def plain_name(value: object) -> str:
    """Return what is fit to be a file's name, and is one of ours. Raises ValueError."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("no name")
    return value


def _ref(record: dict[str, Any]) -> KeyRef:
    ref = KeyRef(**record)
    plain_name(ref.name), plain_name(ref.selector)
    if not isinstance(ref.fingerprint, str) or (ref.fingerprint and not ref.fingerprint.isalnum()):
        raise ValueError("no fingerprint")
    return ref


def _moment(value: Any) -> float:
    moment = float(value)
    if not 0.0 <= moment <= _LATEST:
        raise ValueError("no time")
    return moment


def _problem(record: Any) -> Words | None:
    """What stood in the way, None where this version has no words for it."""
    if not record:
        return None
    values = {str(name): str(each) for name, each in record["values"]}
    found = Words.of(str(record["message_id"]), **values)
    try:
        say(found)
    except (KeyError, IndexError, ValueError):
        return None
    return found
