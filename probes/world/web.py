"""Web mail as a browser meets it: by its name over https, and where http leads."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass

from probes.world.tcp import TIMEOUT, Reach, reach_of
from probes.world.tls import reason_of, trusting


@dataclass(frozen=True, slots=True)
class WebView:
    """What a web host's name showed at an address.

    secure, plain: whether 443 and 80 could be connected to. mail: PMail answered, by a certificate
    that is right; `reason` says why not (HTTP status, or what TLS says). leads: where http leads,
    or "".
    """

    address: str
    name: str
    secure: Reach
    mail: bool = False
    reason: str = ""
    plain: Reach = Reach.REFUSED
    leads: str = ""


def look(
    address: str,
    name: str,
    trust_file: str | None = None,
    timeout: float = TIMEOUT,
    ports: tuple[int, int] = (443, 80),
) -> WebView:
    """Ask a web host for what only PMail answers so, and by http for its page; reads only.

    trust_file: PEM file of the authority, or None for the system's. ports: of https and http.
    """
    secure, mail, reason = _mail(address, ports[0], name, trusting(trust_file), timeout)
    plain, leads = _leads(address, ports[1], name, timeout)
    return WebView(address, name, secure, mail, reason, plain, leads)


class _Secure(http.client.HTTPSConnection):
    """To an address, with another name in the handshake."""

    def __init__(
        self, address: str, port: int, name: str, context: ssl.SSLContext, timeout: float
    ) -> None:
        super().__init__(address, port, timeout=timeout, context=context)
        self._made, self._name = context, name

    def connect(self) -> None:
        """Connect, with TLS for the name."""
        http.client.HTTPConnection.connect(self)
        self.sock = self._made.wrap_socket(self.sock, server_hostname=self._name)


def _mail(
    address: str, port: int, name: str, context: ssl.SSLContext, timeout: float
) -> tuple[Reach, bool, str]:
    connection = _Secure(address, port, name, context, timeout)
    try:
        connection.request("GET", "/api/ping", headers={"Host": name})
        reply = connection.getresponse()
        said = reply.read(4096)
    except ssl.SSLError as error:
        return Reach.OPEN, False, reason_of(error)
    except OSError as error:
        return reach_of(error), False, reason_of(error)
    except http.client.HTTPException as error:
        return Reach.OPEN, False, type(error).__name__
    finally:
        connection.close()
    # PMail controllers/ping.go
    mail = reply.status == 200 and b"pong" in said
    return Reach.OPEN, mail, "" if mail else f"HTTP {reply.status}"


def _leads(address: str, port: int, name: str, timeout: float) -> tuple[Reach, str]:
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request("GET", "/", headers={"Host": name})
        reply = connection.getresponse()
    except OSError as error:
        return reach_of(error), ""
    except http.client.HTTPException:
        return Reach.OPEN, ""
    finally:
        connection.close()
    leads = reply.headers.get("Location", "") if 300 <= reply.status < 400 else ""
    return Reach.OPEN, leads
