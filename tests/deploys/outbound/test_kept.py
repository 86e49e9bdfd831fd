"""What PMail's user says of messages that are kept aside is shown, whatever it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deploys.host.remote import Reply
from deploys.outbound import queue

RIGHT = {
    "id": "1790000000000-0123abcd",
    "sender": "a@b.test",
    "recipients": ["bob@example.com"],
    "when": 1790000000.5,
    "why": "forged",
    "size": 9,
}


@pytest.mark.parametrize(
    "said",
    [
        "{",
        "[]",
        '{"id": 5}',
        *(json.dumps({**RIGHT, name: value}) for name in RIGHT for value in (None, [], {}, "²")),
        json.dumps({**RIGHT, "when": 1e300}),
        json.dumps({**RIGHT, "when": -1e300}),
        '{"when": NaN, "recipients": [1, null]}',
    ],
)
def test_kept_messages_are_listed_whatever_their_program_says(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: Any, **__: Any) -> Reply:
        return Reply(True, f"{json.dumps(RIGHT)}\n{said}", "")

    monkeypatch.setattr(queue, "read", read)
    kept = queue._kept()
    assert kept[0] == RIGHT
    assert "bob@example.com" in queue._kept_table(kept)
