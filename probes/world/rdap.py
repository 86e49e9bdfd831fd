"""What a registry tells of a domain by RDAP (RFC 9083): since when, until when, in which state."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

_TIMEOUT = 8.0
_LARGEST = 1_000_000  # octets


@dataclass(frozen=True, slots=True)
class Registration:
    """What is registered. reason: why that is not known, "" where it is. Times in UTC."""

    domain: str
    registered: datetime | None = None
    expires: datetime | None = None
    status: tuple[str, ...] = ()
    reason: str = ""


def look(domain: str, server: str | None, timeout: float = _TIMEOUT) -> Registration:
    """Ask a registry for a domain (A-labels). server: address of its RDAP server, None for none."""
    if server is None:
        return Registration(domain, reason="RDAP: -")
    try:
        status, body = _get(f"{server}domain/{quote(domain)}", timeout)
    except (OSError, http.client.HTTPException) as error:
        return Registration(domain, reason=str(error) or type(error).__name__)
    if status != 200:
        return Registration(domain, reason=f"HTTP {status}")
    return parse(domain, body)


def _get(url: str, timeout: float) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(
        parts.hostname or "", parts.port, timeout=timeout, context=ssl.create_default_context()
    )
    try:
        connection.request("GET", parts.path, headers={"Accept": "application/rdap+json"})
        reply = connection.getresponse()
        return reply.status, reply.read(_LARGEST)
    finally:
        connection.close()


def parse(domain: str, body: bytes) -> Registration:
    """Return what an answer says."""
    try:
        found = json.loads(body)
        events = {str(each["eventAction"]): str(each["eventDate"]) for each in found["events"]}
        return Registration(
            domain,
            _time(events.get("registration")),
            _time(events.get("expiration")),
            tuple(str(each) for each in _list(found.get("status"))),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Registration(domain, reason="RDAP: ?")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _time(written: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(written or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
