"""Public test suites, which are no part of the project: where they are, or why they are not read.

`PMAIL_TEST_DATA` names their folder, else it is ../shared/data beside the clone.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def public(path: str) -> Path:
    """Return a file of the public suites; skips the test where there is none."""
    folder = Path(os.environ.get("PMAIL_TEST_DATA") or ROOT.parent / "shared" / "data")
    found = folder / path
    if not found.exists():
        pytest.skip(f"no public test data: {found} (PMAIL_TEST_DATA names their folder)")
    return found
