"""How a step of a rotation went."""

from __future__ import annotations

from collections.abc import Callable

from dns_providers.base import ProviderError
from keys.rotation import Problem
from keys.store import KeyStoreError

Outcome = Problem | None  # None: done


def problem(message_id: str, **values: str) -> Problem:
    """Return why a step could not be done."""
    return Problem(message_id, tuple(values.items()))


def tried(work: Callable[[], Outcome]) -> Outcome:
    """Return how some work went; an error of the provider or the key store says why it did not."""
    try:
        return work()
    except (ProviderError, KeyStoreError) as error:
        return problem(error.message_id, **error.values)
