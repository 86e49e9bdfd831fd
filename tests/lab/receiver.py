"""A receiving mail server that checks SPF, DKIM and DMARC, and writes down what it found.

Started inside the lab as `python -m tests.lab.receiver ADDRESS FILE`: one JSON line a message.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.network import RECEIVER, Network, state
from tests.lab.process import Daemon, run, wait_for


@dataclass(frozen=True)
class Verdict:
    """What a receiver found of one message."""

    sender: str
    ehlo: str
    peer: str
    spf: str
    dkim: str
    dmarc: str
    message: str


@dataclass(frozen=True)
class Receiver:
    """The receiver of one lab instance; takes mail for everybody at recv.test."""

    @property
    def file(self) -> Path:
        """Where it writes its verdicts."""
        return state() / "received.jsonl"

    @property
    def daemon(self) -> Daemon:
        """Its process."""
        return Daemon(state() / "receiver.pid")

    def up(self) -> None:
        """Start it, with nothing received yet."""
        self.daemon.stop()
        self.file.write_text("")
        here = str(Path(__file__).parents[2])
        module = [sys.executable, "-m", "tests.lab.receiver", RECEIVER, str(self.file)]
        command = Network().inside(module)
        self.daemon.start(command, state() / "receiver.log", {"PYTHONPATH": here})
        greeting = ["bash", "-c", f"exec 3<>/dev/tcp/{RECEIVER}/25"]
        probe = ["ip", "netns", "exec", Network().name, *greeting]
        if not wait_for(lambda: _succeeds(probe), 15):
            raise RuntimeError((state() / "receiver.log").read_text())

    def verdicts(self) -> list[Verdict]:
        """All messages so far, in their order."""
        return [Verdict(**json.loads(line)) for line in self.file.read_text().splitlines()]


def _succeeds(command: list[str]) -> bool:
    try:
        run(*command)
    except RuntimeError:
        return False
    return True


class Handler:
    """Checks each message as a receiver does, and takes it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._greylisted: set[tuple[str, str]] = set()

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Answer as the recipient's name says: `greylist@` at the second time, `refuse@` never."""
        local = address.partition("@")[0]
        if local == "later":
            return "451 4.3.2 Not yet"
        if local == "refuse":
            return "550 5.1.1 no such user here"
        seen = (envelope.mail_from, address)
        if local == "greylist" and seen not in self._greylisted:
            self._greylisted.add(seen)
            return "451 4.7.1 Greylisted, try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Check in a thread: the libraries wait for DNS."""
        peer, ehlo = session.peer[0], session.host_name
        work = asyncio.get_running_loop().run_in_executor
        verdict = await work(None, examine, peer, ehlo, envelope.mail_from, envelope.content)
        with self._file.open("a") as file:
            file.write(json.dumps(verdict) + "\n")
        return "250 OK"


def examine(peer: str, ehlo: str, sender: str, content: bytes) -> dict[str, str]:
    """Return the verdict on one message."""
    import authheaders

    found = authheaders.authenticate_message(
        content,
        "mx.recv.test",
        ip=peer,
        mail_from=sender,
        helo=ehlo,
        spf=True,
        dkim=True,
        arc=False,
        dmarc=True,
        psddmarc=False,
    )
    return {
        "sender": sender,
        "ehlo": ehlo,
        "peer": peer,
        **{name: _result(found, name) for name in ("spf", "dkim", "dmarc")},
        "message": content.decode("utf-8", "replace"),
    }


def _result(header: str, name: str) -> str:
    found = re.search(rf"\b{name}=(\w+)", header)
    return found[1] if found else "none"


def main() -> None:
    """Receive until ended."""
    from aiosmtpd.controller import Controller

    address, file = sys.argv[1], Path(sys.argv[2])
    Controller(Handler(file), hostname=address, port=25).start()
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
