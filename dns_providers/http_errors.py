"""What can go wrong with any API over HTTP, said once for all adapters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dns_providers.base import ProviderError, RateLimited, Rejected, Unreachable
from ground.errors import Told


class Senseless(Told, ValueError):
    """An answer is not what the API says it gives."""


@contextmanager
def translated(translate: Callable[[Exception], Exception]) -> Iterator[None]:
    """Raise what `translate` makes of a library's exception; ours pass as they are."""
    try:
        yield
    except ProviderError:
        raise
    except Exception as error:
        raise translate(error) from None


def timed_out(url: str, seconds: float) -> Unreachable:
    """No answer came in time."""
    return Unreachable("dns.error.http_timeout", url=url, seconds=f"{seconds:g}")


def unreachable(url: str, reason: str) -> Unreachable:
    """There was no connection, or it broke."""
    return Unreachable("dns.error.http_unreachable", url=url, reason=reason)


def junk(url: str, error: Exception) -> Unreachable:
    """The answer is not what the API says it gives."""
    reason = error if isinstance(error, Told) else f"{type(error).__name__}: {error}"
    return Unreachable("dns.error.http_junk", url=url, reason=reason)


def too_many(url: str, reason: str) -> RateLimited:
    """The API wants fewer calls."""
    return RateLimited("dns.error.http_rate", url=url, reason=reason)


def rejected(url: str, zone: str, reason: str) -> Rejected:
    """The API refuses the change for what it contains."""
    return Rejected("dns.error.http_rejected", url=url, zone=zone, reason=reason)


def failed(url: str, status: int, reason: str) -> Unreachable:
    """The API failed: whether a write was carried out must be read."""
    return Unreachable("dns.error.http_failed", url=url, status=status, reason=reason)


def by_status(url: str, zone: str, status: int, reason: str) -> ProviderError:
    """A status that no rule of the adapter's own is for."""
    return rejected(url, zone, reason) if status < 500 else failed(url, status, reason)
