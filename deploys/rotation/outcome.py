"""How a step of a rotation went."""

from __future__ import annotations

from collections.abc import Callable

from dns_providers.base import ProviderError
from ground.words import Words
from keys.store import KeyStoreError

Outcome = Words | None  # why a step could not be done; None: done


def tried(work: Callable[[], Outcome]) -> Outcome:
    """Return how some work went; an error of the provider or the key store says why it did not."""
    try:
        return work()
    except (ProviderError, KeyStoreError) as error:
        return error.words
