"""Where an octoDNS package's way to write would harm what is not ours, another way for that part.

Each entry makes a subclass of a package's provider class. `special_rrsets` names what the
package shows as plain and is not. Read on: octodns-<name> at the version in pyproject.toml.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MENDED: dict[str, Callable[[Any], Any]] = {}
