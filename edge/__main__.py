"""The program: `serve CONFIG` under systemd, and `kept CONFIG ...` for an administrator.

Also lies at the top of the zip file as its `__main__.py`, beside the package `edge`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from edge import auth, config, dns, lmtp, milter, routes, sockets
from edge.accounts import Accounts
from edge.door import PORTS, Certificate, Doors, Inside, quiet
from edge.guesses import Guesses, Watch
from edge.kept import NotKept, Store
from edge.limits import Purses
from edge.pmail import Pmail
from edge.rules import Rules
from edge.sent import SentCopies

# A socket unit leads it to the host's resolver.
RESOLVER = dns.Upstream("127.0.0.1", 5353)
# Made anew for each message of a deploy's proof (deploys/outbound/proof.py), by root alone.
PROVING = Path("/run/pmail-deploy-edge/proving")
_PROVES_FOR = 60.0  # seconds
_FINISH = 20.0

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status: 0, 1 for a failure, 2 for wrong use."""
    given = _parser().parse_args(arguments)
    try:
        if given.command == "serve":
            named = sockets.names(os.environ, os.getpid())
            sockets.need(given.sockets, named)
            return asyncio.run(serve(given.config, sockets.taken(named)))
        return _kept(config.read(given.config), given.action, getattr(given, "id", ""))
    except (OSError, ValueError, sqlite3.Error, sockets.NoSockets, NotKept) as error:
        print(f"edge: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edge", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="serve the sockets that systemd hands over")
    serving.add_argument("config", type=Path)
    serving.add_argument("sockets", nargs="*", help="names of sockets that must be among them")
    keeping = commands.add_parser("kept", help="messages that were kept aside")
    keeping.add_argument("config", type=Path)
    actions = keeping.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="show them, one line of JSON each, oldest first")
    for name, text in (
        ("deliver", "hand one to PMail, and remove it once PMail has it"),
        ("remove", "delete one"),
    ):
        actions.add_parser(name, help=text).add_argument("id")
    return parser


# -- kept --------------------------------------------------------------------------------------


def store(settings: config.Config) -> Store:
    """Return where messages are kept aside."""
    return Store(Path(settings.state) / "kept")


def _kept(settings: config.Config, action: str, name: str) -> int:
    there = store(settings)
    if action == "list":
        for each in there.all():
            print(json.dumps(asdict(each)))
        return 0
    if action == "remove":
        there.remove(name)
        return 0
    return asyncio.run(deliver(there, Pmail(settings.mail_host), name))


async def deliver(there: Store, pmail: Pmail, name: str) -> int:
    """Hand a kept message to PMail; returns 0 and removes it where PMail has it for all its
    recipients, else 1. Raises NotKept, OSError.

    As trusted: somebody has looked at it, and PMail would hide an own domain's mail else.
    """
    kept, content = there.release(name)
    replies = await pmail.hand_over(kept.sender, kept.recipients, content, trusted=True)
    for recipient, reply in zip(kept.recipients, replies, strict=True):
        print(json.dumps({"recipient": recipient, "code": reply.code, "text": reply.text}))
    if not all(reply.good for reply in replies):
        return 1
    there.remove(name)
    return 0


# -- serve -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Services:
    """What one reading of the configuration leads to."""

    post: lmtp.Post
    rules: Rules
    login: auth.Login
    routes: routes.Routes


class Told:
    """What the configuration says now; SIGHUP has it read again.

    Guesses and certificate are of the start: what is known of guessers outlives a reading, and the
    doors notice by themselves when the certificate's files change.
    """

    def __init__(self, path: Path) -> None:
        """Read the configuration. Raises OSError, ValueError, sqlite3.Error."""
        self._path = path
        self._turn = asyncio.Lock()
        self._pmail = auth.PMail()
        settings = config.read(path)
        self._watch = Watch(Guesses(settings.guesses))
        self.doors = Doors(Certificate(settings.chain, settings.key), self._watch, self._pmail)
        self.inside = Inside(self._watch, self._pmail)
        self.now = self._services(settings)

    def read_again(self) -> None:
        """Read the configuration; one that cannot be used changes nothing."""
        try:
            self.now = self._services(config.read(self._path))
        except (OSError, ValueError, TypeError, LookupError, sqlite3.Error) as error:
            _say(f"{self._path} is not taken, the settings stay as they were: {error}")
            return
        _say("configuration read")

    def _services(self, settings: config.Config) -> Services:
        accounts = Accounts(settings.database)
        pmail = Pmail(settings.mail_host)
        # Sent copies before and after a reading still go one at a time.
        copies = SentCopies(settings.database, settings.primary, pmail, self._turn)
        purses = Purses(settings.state, settings.limits, settings.forwards_hour)
        return Services(
            lmtp.Post(settings, accounts.known, pmail, copies, store(settings)),
            Rules(settings, accounts.known, purses, proving),
            auth.Login(settings.domains, accounts, self._watch, self._pmail),
            routes.Routes(
                settings.receivers,
                settings.domains,
                routes.resolver(RESOLVER),
            ),
        )


def handlers(told: Told, office: lmtp.Server) -> dict[str, Handler]:
    """Return what serves the connections of each socket but those of the doors."""
    reach = dns.Reach(RESOLVER)
    return {
        "lmtp": office.serve,
        "milter": lambda reader, writer: milter.serve(reader, writer, told.now.rules, reach),
        "auth": lambda reader, writer: auth.serve(reader, writer, told.now.login),
        "routes": lambda reader, writer: routes.serve(reader, writer, told.now.routes),
        "dns": dns.Server(RESOLVER).serve,
        "web": told.inside.serve,
    }


class Connections:
    """The connections that are being served, so that their end is quiet at the program's end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def open(self) -> int:
        """How many there are."""
        return len(self._tasks)

    def counted(self, handler: Handler) -> Handler:
        """Return a handler whose connections `close` ends."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                await handler(reader, writer)
            except asyncio.CancelledError:
                if not self._closing:
                    raise
            finally:
                self._tasks.discard(task)
                writer.close()

        return serve

    async def close(self) -> None:
        """End all of them."""
        self._closing = True
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def serve(path: Path, given: dict[str, list[socket.socket]]) -> int:
    """Serve until SIGTERM; returns 0, or 1 where a door broke.

    given: listening sockets by name. Raises sockets.NoSockets for a name that nothing here serves;
    OSError, ValueError, sqlite3.Error for a configuration that cannot be used.
    """
    told = Told(path)
    office = lmtp.Server(lambda: told.now.post)
    serving = handlers(told, office)
    if unknown := sorted(set(given) - set(serving) - set(PORTS)):
        raise sockets.NoSockets(f"no service for the sockets {', '.join(unknown)}")
    quiet()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGHUP, told.read_again)
    connections = Connections()
    listening = [(name, each) for name, found in given.items() for each in found]
    servers = [
        await asyncio.start_server(connections.counted(serving[name]), sock=each)
        for name, each in listening
        if name in serving
    ]
    doors = [
        asyncio.create_task(told.doors.serve(name, each))
        for name, each in listening
        if name in PORTS
    ]
    notify("READY=1")
    broken = await _ended(stop, doors)
    notify("STOPPING=1")
    # systemd keeps the sockets: who connects from now on waits for the next process.
    for server in servers:
        server.close()
    for door in doors:
        door.cancel()
    if not await office.finish(_FINISH):
        _say(f"messages were still being handed over after {_FINISH:.0f} s")
    await connections.close()
    await asyncio.gather(*doors, return_exceptions=True)
    return 1 if broken else 0


async def _ended(stop: asyncio.Event, doors: Sequence[asyncio.Task[None]]) -> bool:
    """Wait until it is time to end; returns whether that is because a door broke."""
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([stopped, *doors], return_when=asyncio.FIRST_COMPLETED)
    for door in doors:
        if door.done():
            _say(f"a door broke: {door.exception()!r}")
    stopped.cancel()
    return not stop.is_set()


def notify(state: str) -> None:
    """Tell systemd (sd_notify(3)); without NOTIFY_SOCKET nobody asked. Raises OSError."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
        to.connect(address)
        to.sendall(state.encode())


def proving(path: Path = PROVING) -> bool:
    """Return whether a deploy has begun a message of its proof a moment ago."""
    try:
        return abs(time.time() - path.stat().st_mtime) < _PROVES_FOR
    except OSError:
        return False


def _say(text: str) -> None:
    print(f"edge: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
