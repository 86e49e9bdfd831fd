"""Numbers and records in what others wrote, who may be hostile: nothing they write breaks us."""

from __future__ import annotations

import json
import re
from typing import Any

_WHOLE = re.compile(r"[0-9]{1,18}")  # as many digits as any number here can mean


def whole_number(written: str | None) -> int | None:
    """Return a number that is written in plain digits, None for what is none."""
    return int(written) if written and _WHOLE.fullmatch(written) else None


def json_in(written: str) -> Any:
    """Return what a text of JSON says, None for what is none."""
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return None


def json_object(written: str) -> dict[str, Any]:
    """Return a JSON object, an empty one for what is none."""
    found = json_in(written)
    return found if isinstance(found, dict) else {}
