"""A host's SSH key: shown, and pinned once somebody has compared it. A deploy learns none."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
from contextlib import closing
from pathlib import Path

from paramiko import HostKeys, PKey, SSHException, Transport
from paramiko.hostkeys import HostKeyEntry

from ground.private_files import private_folder

_PORT = 22
_TIMEOUT = 5.0  # seconds


def known_hosts() -> Path:
    """Return the file that ssh and pyinfra look into."""
    return Path(os.path.expanduser("~/.ssh/known_hosts"))


def shown_by(host: str, port: int = _PORT) -> PKey:
    """Return the key that a host shows; nobody has compared it. Raises OSError, SSHException."""
    with closing(socket.create_connection((host, port), _TIMEOUT)) as connection:
        transport = Transport(connection)
        try:
            transport.start_client(timeout=_TIMEOUT)
            return transport.get_remote_server_key()
        except EOFError:
            raise SSHException(host) from None
        finally:
            transport.close()


def fingerprint(key: PKey) -> str:
    """Return a key's fingerprint as ssh shows it: its type, and SHA256 in Base64."""
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode("ascii")
    return f"{key.get_name()} SHA256:{digest.rstrip('=')}"


def is_pinned(host: str, port: int = _PORT) -> bool:
    """Return whether some key of a host is known here."""
    path = known_hosts()
    return path.is_file() and HostKeys(str(path)).lookup(_name(host, port)) is not None


def pin(host: str, key: PKey, port: int = _PORT) -> None:
    """Have a host known by this key from now on, and by no other. Raises OSError."""
    path = known_hosts()
    private_folder(path.parent)
    before = path.read_bytes() if path.exists() else b""
    line = HostKeyEntry([_name(host, port)], key).to_line() or ""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "ab") as stream:
        stream.write(b"\n" * (bool(before) and not before.endswith(b"\n")) + line.encode("ascii"))


def _name(host: str, port: int) -> str:
    return host if port == _PORT else f"[{host}]:{port}"
