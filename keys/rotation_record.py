"""A rotation as plain JSON data, for the journal and for the host; there is no secret in it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ground.words import Words
from keys.rotation import KeyRef, Rotation, Rules, Step, Strategy

VERSION = 1


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
    problem = record["problem"]
    texts = [record["domain"], *record["old"].values(), *record["new"].values()]
    if not all(isinstance(each, str) for each in texts):
        raise ValueError("no text")
    plain = {
        **record,
        "started": float(record["started"]),
        "entered": float(record["entered"]),
        "strategy": Strategy(record["strategy"]),
        "step": Step(record["step"]),
        "old": KeyRef(**record["old"]),
        "new": KeyRef(**record["new"]),
        "rules": Rules(**record["rules"]),
        "superseded": tuple(KeyRef(**each) for each in record.get("superseded", ())),
        "done": tuple((Step(step), float(when)) for step, when in record["done"]),
        "problem": Words(problem["message_id"], tuple(map(tuple, problem["values"])))
        if problem
        else None,
    }
    return Rotation(**plain)
