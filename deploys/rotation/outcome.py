"""How a step of a rotation went."""

from __future__ import annotations

from collections.abc import Callable

from deploys.host.queued import QueueUnknown
from dns_providers.base import ProviderError
from ground.words import Words
from keys.store import KeyStoreError

Outcome = Words | None  # why a step could not be done; None: done
WAITS_FOR_QUEUE = "rotation.queue_holds"  # nothing is wrong: mail takes its time


def tried(work: Callable[[], Outcome]) -> Outcome:
    """Return how some work went; an error of the provider, the key store or the queue says why
    it did not.
    """
    try:
        return work()
    except (ProviderError, KeyStoreError, QueueUnknown) as error:
        return error.words
