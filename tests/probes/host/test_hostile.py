"""A host may be somebody else's by now: whatever it says is read, or told, and nothing breaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deploys.host import manifest, signer_keys
from deploys.pmail_server import upgrade
from ground.errors import Told
from ground.foreign import json_in, json_object, whole_number
from probes.host import database, delivery, edge, fitness, past, queued, relay, state

PARSERS: dict[str, Callable[[str], Any]] = {
    "database": database.parse,
    "delivery": lambda written: delivery.parse(written.splitlines()),
    "edge": edge.parse,
    "fitness": fitness.parse,
    "manifest": lambda written: manifest.found(written.splitlines()).email,
    "past": past.parse,
    "queued": queued.parse,
    "next tries": relay.next_tries,
    "relay": lambda written: relay.parse(written.partition("\nqueue")[0]),
    "signer keys": signer_keys.parse,
    "state": lambda written: state.parse(written, None, 0.0),
    "switch": upgrade.parse,
}
# What lines begin with, and what numbers and records may be.
WORDS = (
    *("database", "account", "size", "email", "free", "asked yes", "header right", "machine"),
    *("front", "connect", "listen", "uid", "ours", "disk", "clock", "address", "end", "round 25 0"),
    *("listen 25", "clock=", "active=", "key", "table", "past", "unit", "@ABCDEF", "switched"),
    *("round", "before", "redirect", "apart", "reason", "back", "127.0.0.1:25", "1 0", "1"),
)
VALUES = (
    *("²", "9" * 5000, "-1", "1e400", "nan", "inf", "", " ", "\t", "\x00", "٣", "0x10", "1_0"),
    "[" * 5000,
    '{"__REALTIME_TIMESTAMP": "9", "MESSAGE": [1, 256, -1, "a", 98]}',
    '{"__REALTIME_TIMESTAMP": {}, "MESSAGE": 1}',
    '{"event": {}, "why": []}',
    '{"event": "kept"',
    "[]",
    "null",
)
lines = st.lists(
    st.lists(st.sampled_from((*WORDS, *VALUES)) | st.text(max_size=9), max_size=5).map(" ".join)
    | st.sampled_from(VALUES),
    max_size=9,
).map("\n".join)


@pytest.mark.parametrize("name", PARSERS)
@given(lines)
@example("database account 1 0")
@example("database account")
@example("database email ²\nclock=²\nuid ²")
@example("front ²\nconnect a b c d\nlisten 25 ²\nlisten *:² x")
@example("round\nlisten\nround x 0\nlisten 25\nlisten ² x")
@example("id inf\nid nan\nid 1e999\nid x\nid 1")
@example("\n".join(VALUES))
def test_whatever_a_host_says_is_read_or_told(name: str, written: str) -> None:
    try:
        PARSERS[name](written)
    except Told:
        assert name == "manifest"


@given(st.text() | st.sampled_from(VALUES))
def test_numbers_and_records_of_others_are_such_or_nothing(written: str) -> None:
    number = whole_number(written)
    assert number is None or str(number) == written.lstrip("0") or not number
    assert isinstance(json_object(written), dict)
    assert json_in(written) is None or json.loads(written) == json_in(written)
