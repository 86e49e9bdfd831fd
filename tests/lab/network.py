"""The lab's network: one namespace that plays the Internet, with a bridge to the hosts."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab.process import run

RESOLVER = "198.51.100.55"
RECEIVER = "198.51.100.25"  # a receiver that speaks no TLS
SECURE = "198.51.100.26"  # one with a certificate of the lab's authority; policies too, on 443
BROKEN = "198.51.100.27"  # one whose every TLS handshake fails
UNTRUSTED = "198.51.100.28"  # one with somebody's certificate for another name
RECEIVER_V6 = "2001:db8:113::25"  # one on IPv6 only
GATEWAY = "203.0.113.1"
SILENT = "198.51.100.57"  # drops what comes to port 25
COLD, WARM, STRETCHING = (f"198.51.100.{last}" for last in (61, 62, 63))  # receivers' resolvers
_SERVICES = (25, 26, 27, 28, 53, 54, 55, 56, 57, 58, 60, 61, 62, 63, 80)
_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET, _CLONE_NEWNS = 0x40000000, 0x00020000
_MS_BIND, _MS_REC, _MS_PRIVATE = 1 << 12, 1 << 14, 1 << 18


def instance() -> str:
    """Name of this lab instance: `PMAIL_LAB`, and the test worker that it is for."""
    name, worker = os.environ.get("PMAIL_LAB", "lab"), os.environ.get("PYTEST_XDIST_WORKER")
    return f"{name}-{worker}" if worker else name


def state() -> Path:
    """Folder in RAM with everything of this instance."""
    return Path("/dev/shm") / f"pmail-lab-{instance()}"


def cache() -> Path:
    """Folder outside the clone for what is slow to make."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("PMAIL_LAB_CACHE") or home / "pmail-deploy" / "lab")


@dataclass(frozen=True)
class Network:
    """The namespace that plays the Internet."""

    @property
    def name(self) -> str:
        """Its namespace."""
        return f"pmd-{instance()}"

    @property
    def exists(self) -> bool:
        """Whether it is up."""
        return Path(f"/run/netns/{self.name}").exists()

    def up(self) -> None:
        """Make it; it has no way out."""
        if self.exists:
            return
        state().mkdir(parents=True, exist_ok=True)
        run("ip", "netns", "add", self.name)
        self._ip("link", "set", "lo", "up")
        self._ip("link", "add", "br0", "type", "bridge")
        self._ip("addr", "add", f"{GATEWAY}/24", "dev", "br0")
        for last in _SERVICES:
            self._ip("addr", "add", f"198.51.100.{last}/24", "dev", "br0")
        for address in ("2001:db8:113::1", RECEIVER_V6):
            self._ip("-6", "addr", "add", f"{address}/64", "dev", "br0", "nodad")
        self._ip("link", "set", "br0", "up")
        rules = (
            "table inet lab {\n chain input {\n  type filter hook input priority 0;\n"
            f"  ip daddr {SILENT} tcp dport 25 drop\n }}\n}}\n"
        )
        run("ip", "netns", "exec", self.name, "nft", "-f", "-", input=rules)
        resolv = state() / "resolv.conf"
        resolv.write_text(f"nameserver {RESOLVER}\noptions timeout:2 attempts:1\n")

    def down(self) -> None:
        """Remove it."""
        run("ip", "netns", "del", self.name, check=False)

    def _ip(self, *arguments: str) -> None:
        run("ip", "-n", self.name, *arguments)

    def inside(self, command: list[str]) -> list[str]:
        """Return a command that runs in the namespace, with the lab's resolver."""
        resolv = state() / "resolv.conf"
        script = f'mount --bind {resolv} /etc/resolv.conf && exec ip netns exec {self.name} "$@"'
        return ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "lab", *command]

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Sockets that this thread opens meanwhile are in the namespace."""
        with entered(self.name):
            yield

    def move_in(self) -> None:
        """Have this process be as `inside` runs a command: in the namespace, with its resolver."""
        _join(f"/run/netns/{self.name}")
        resolv = os.fsencode(state() / "resolv.conf")
        _done(_LIBC.unshare(_CLONE_NEWNS))
        _done(_LIBC.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None))
        _done(_LIBC.mount(resolv, b"/etc/resolv.conf", None, _MS_BIND, None))


@contextmanager
def entered(namespace: str) -> Iterator[None]:
    """Sockets that this thread opens meanwhile are in the network namespace."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _join(f"/run/netns/{namespace}")
        yield
    finally:
        _set_namespace(home)
        os.close(home)


def _join(path: str) -> None:
    there = os.open(path, os.O_RDONLY)
    try:
        _set_namespace(there)
    finally:
        os.close(there)


def _set_namespace(file: int) -> None:
    _done(_LIBC.setns(file, _CLONE_NEWNET))


def _done(failed: int) -> None:
    if failed:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
