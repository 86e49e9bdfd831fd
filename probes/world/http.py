"""Is PMail's unauthenticated set-up server reachable anywhere."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass

from probes.world.tcp import TIMEOUT, Reach, reach_of
from probes.world.tls import accepting_any


@dataclass(frozen=True, slots=True)
class SetUpView:
    """What a port says to a question only the set-up server answers. `answered`: it did."""

    port: int
    reach: Reach
    answered: bool = False


def set_up_server(address: str, port: int, timeout: float = TIMEOUT) -> SetUpView:
    """Ask a port for the set-up wizard's first step (PMail controllers/setup.go); reads only."""
    body = json.dumps({"action": "get", "step": "password"})
    try:
        connection = _connection(address, port, timeout)
        connection.request("POST", "/api/setup", body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        data = reply.read(4096)
        connection.close()
    except OSError as error:
        return SetUpView(port, reach_of(error))
    except http.client.HTTPException:
        return SetUpView(port, Reach.OPEN)
    return SetUpView(port, Reach.OPEN, reply.status == 200 and b"errorNo" in data)


def _connection(address: str, port: int, timeout: float) -> http.client.HTTPConnection:
    if port != 443:
        return http.client.HTTPConnection(address, port, timeout=timeout)
    return http.client.HTTPSConnection(address, port, timeout=timeout, context=accepting_any())
