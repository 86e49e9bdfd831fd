"""PMail's HTTP API, called on the host itself with curl; nothing secret is a process argument.

Uses the `Token` header (PMail listen/http_server/https_server.go): unlike a login it writes no
session row, so looking changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyinfra.api import Host

from deploys.accounts.database import stored_password
from deploys.host import pmail_layout as layout
from deploys.host.gathering import Script
from deploys.host.remote import read
from deploys.host.snapshot import look
from deploys.host.web_layout import ENDPOINT
from ground.errors import DeployError
from ground.foreign import json_object

_INFO = "/api/user/info"
_AHEAD = 30  # seconds; PMail refuses a token 5 s after its time, and takes one before it
# The host's own clock counts. Whatever is secret comes by standard input and goes on by a pipe.
# Where there is a socket for a web server, that is the way, whatever the inventory says by now.
_CALL = rf"""
way=port other=socket
[ ! -S {ENDPOINT} ] || {{ way=socket other=port; }}
IFS= read -r account; IFS= read -r secret
moment=$(($(date +%s) + {_AHEAD}))
proof=$(printf %s "$secret$moment" | md5sum | cut -d' ' -f1)
{{ sed "s/^$way: //; /^$other: /d"
    printf '\nheader = "Token: %s:%s:%s"\n' "$account" "$proof" "$moment"; }} | curl --config -
"""

LOGIN_REFUSED = "host.api.login"


class ApiError(DeployError):
    """PMail did not answer, or said no."""


@dataclass(frozen=True, slots=True)
class Api:
    """Calls as one account on one host."""

    host: Host
    web_host: str
    account: str
    password: str

    def __repr__(self) -> str:
        return f"Api({self.host.name}, {self.account})"

    def info(self) -> tuple[bool, tuple[str, ...]]:
        """Return whether the account is admin, and the server's domains. Raises ApiError."""
        reply = look(self.host, self.info_look)
        data = self._data(_INFO, reply.ok, reply.stdout, reply.stderr)
        domains = data.get("domains")
        return bool(data.get("is_admin")), tuple(domains) if isinstance(domains, list) else ()

    @property
    def info_look(self) -> Script:
        """What `info` looks at."""
        return Script(f"{{{_CALL}}} <<'END'\n{self._asked(_INFO, {})}\nEND", secret=True)

    def create(self, account: str, name: str, password: str) -> None:
        """Make a mailbox. Raises ApiError."""
        body = {"account": account, "username": name, "password": password}
        self._call("/api/user/create", body)

    def set_disabled(self, account: str, disabled: bool) -> None:
        """Disable or enable a mailbox. Raises ApiError."""
        self._call("/api/user/edit", {"account": account, "disabled": int(disabled)})

    def _call(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        reply = read(self.host, _CALL, stdin=self._asked(path, body))
        return self._data(path, reply.ok, reply.stdout, reply.stderr)

    def _asked(self, path: str, body: Mapping[str, object]) -> str:
        """What the script reads: as whom, and what for."""
        at = self.web_host
        options = {
            "socket: url": f"http://{at}{path}",
            "socket: unix-socket": ENDPOINT,
            "port: url": f"https://{at}:{layout.HTTPS_PORT}{path}",
            "port: resolve": f"{at}:{layout.HTTPS_PORT}:127.0.0.1",
            "data": json.dumps(body),
        }
        lines = [f"{name} = {_quoted(value)}" for name, value in options.items()]
        # The connection stays on the host; whose certificate it is, is checked elsewhere.
        lines += ["insecure", "silent", "show-error", "http1.1", "max-time = 20", 'noproxy = "*"']
        lines += ['header = "Content-Type: application/json"']
        return "\n".join((self.account, stored_password(self.password), *lines))

    def _data(self, path: str, ok: bool, stdout: str, stderr: str) -> dict[str, Any]:
        if not ok:
            raise ApiError("host.api.no_answer", path=path, reason=stderr.strip())
        answer = json_object(stdout)
        if "errorNo" not in answer:
            raise ApiError("host.api.no_answer", path=path, reason="no JSON")
        number, message = answer["errorNo"], str(answer.get("errorMsg", ""))
        if number != 0:
            message_id = LOGIN_REFUSED if number in (100, 403) else "host.api.refused"
            raise ApiError(message_id, path=path, account=self.account, reason=message)
        data = answer.get("data")
        return data if isinstance(data, dict) else {}


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
