"""A document as a program fetches it by http or https: by name, with no redirect followed."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from probes.world.tcp import TIMEOUT
from probes.world.tls import reason_of, trusting

_LONGEST = 64 * 1024 + 1  # octets


@dataclass(frozen=True, slots=True)
class Document:
    """What came. status: 0 where nothing did, then `reason` says why. location: of a redirect."""

    name: str
    path: str
    status: int = 0
    media_type: str = ""
    location: str = ""
    content: bytes = b""
    reason: str = ""

    @property
    def came(self) -> bool:
        """Whether it came whole, and from where it was asked for."""
        return self.status == 200


def fetch(
    name: str,
    path: str,
    addresses: Iterable[str],
    trust_file: str | None = None,
    *,
    encrypted: bool = True,
    timeout: float = TIMEOUT,
) -> Document:
    """Fetch a document from the first of a name's addresses that answers.

    trust_file: PEM file of the authority that the certificate comes from, or None for the system's.
    """
    last = Document(name, path, reason="-")
    for address in addresses:
        try:
            return _fetch(name, path, address, trust_file, encrypted, timeout)
        except OSError as error:
            last = Document(name, path, reason=reason_of(error))
        except http.client.HTTPException as error:
            last = Document(name, path, reason=type(error).__name__)
    return last


def _fetch(
    name: str, path: str, address: str, trust_file: str | None, encrypted: bool, timeout: float
) -> Document:
    raw = socket.create_connection((address, 443 if encrypted else 80), timeout=timeout)
    with raw:
        stream = trusting(trust_file).wrap_socket(raw, server_hostname=name) if encrypted else raw
        connection = http.client.HTTPConnection(name, timeout=timeout)
        connection.sock = stream
        connection.request("GET", path)
        reply = connection.getresponse()
        content = reply.read(_LONGEST)
        connection.close()
    return Document(
        name,
        path,
        reply.status,
        reply.headers.get("Content-Type", ""),
        reply.headers.get("Location", ""),
        content,
    )
