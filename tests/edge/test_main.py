"""The program as it is run, and the sockets that systemd hands it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge import sockets
from edge.__main__ import Connections, deliver, main, proving, store
from edge.config import read
from edge.kept import NotKept
from edge.pmail import Peer, Pmail
from edge.sockets import NoSockets
from tests.edge.fake_pmail import make_database, running
from tests.edge.fakes import certificate

ROOT = Path(__file__).parents[2]
WAIT = 30.0


def test_a_proof_is_going_on_only_a_moment_after_its_file_was_made(tmp_path: Path) -> None:
    path = tmp_path / "proving"
    assert not proving(path)
    path.touch()
    assert proving(path)
    left_behind = time.time() - 3600
    os.utime(path, (left_behind, left_behind))
    assert not proving(path)


def _settings(folder: Path, **changed: object) -> dict[str, Any]:
    return {
        "mail_host": "smtp.example.test",
        "domains": ["example.test"],
        "admin": "admin",
        "aliases": {},
        "unknown_recipients": "reject",
        "forgeries": "keep",
        "always": [],
        "database": str(folder / "pmail.db"),
        "state": str(folder),
        "limits": {
            "messages_hour": 9,
            "messages_day": 9,
            "recipients_hour": 9,
            "recipients_day": 9,
        },
        "guesses": {"free": 3, "most": 9, "within": 60, "hold": 60},
        "forwards_hour": 9,
        "chain": str(folder / "chain.pem"),
        "key": str(folder / "key.pem"),
        "queue_life": 172800,
        "addresses": ["203.0.113.10"],
        "receivers": {},
        **changed,
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A configuration, with a database of PMail's."""
    make_database(str(tmp_path / "pmail.db"), "admin", "bob")
    made = tmp_path / "edge.json"
    made.write_text(json.dumps(_settings(tmp_path)))
    return made


# -- Sockets -----------------------------------------------------------------------------------


def test_names_are_read_once_and_taken_out_of_the_environment() -> None:
    environment = {
        "LISTEN_PID": "7",
        "LISTEN_FDS": "3",
        "LISTEN_FDNAMES": "lmtp:https:https",
        "PATH": "/bin",
    }
    assert sockets.names(environment, 7) == ("lmtp", "https", "https")
    assert environment == {"PATH": "/bin"}


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({}, "LISTEN_FDS is not set"),
        ({"LISTEN_FDS": "0", "LISTEN_PID": "7"}, "LISTEN_FDS is not set"),
        ({"LISTEN_FDS": "x", "LISTEN_PID": "7"}, "LISTEN_FDS is not set"),
        ({"LISTEN_FDS": "1", "LISTEN_PID": "8", "LISTEN_FDNAMES": "a"}, "LISTEN_PID is 8"),
        ({"LISTEN_FDS": "1", "LISTEN_FDNAMES": "a"}, "LISTEN_PID is not set"),
        ({"LISTEN_FDS": "2", "LISTEN_PID": "7", "LISTEN_FDNAMES": "a"}, "names 1 sockets"),
        ({"LISTEN_FDS": "2", "LISTEN_PID": "7"}, "names 0 sockets"),
    ],
)
def test_what_is_wrong_with_the_sockets_is_said(environment: dict[str, str], text: str) -> None:
    with pytest.raises(NoSockets, match=text):
        sockets.names(environment, 7)


def test_the_program_waits_for_each_of_its_sockets() -> None:
    sockets.need(("lmtp", "https"), ("https", "dns", "lmtp"))
    sockets.need((), ("https",))
    with pytest.raises(NoSockets, match="for auth, lmtp"):
        sockets.need(("lmtp", "https", "auth"), ("https",))


def test_several_sockets_of_one_name_are_all_taken_and_not_inherited() -> None:
    made = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    first = os.dup(made[0].fileno())
    second = os.dup(made[1].fileno())
    assert second == first + 1
    os.set_inheritable(first, True)
    taken = sockets.taken(("https", "https"), first)
    addresses = [each.getsockname() for each in taken["https"]]
    assert addresses == [each.getsockname() for each in made]
    assert not os.get_inheritable(first)
    assert not taken["https"][0].getblocking()
    for each in (*made, *taken["https"]):
        each.close()


def test_a_descriptor_that_is_no_listening_stream_socket_is_named() -> None:
    connected, other = socket.socketpair()
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    read_end, write_end = os.pipe()
    cases = (
        (os.dup(connected.fileno()), "does not listen"),
        (os.dup(datagram.fileno()), "no stream socket"),
        (read_end, "is no socket"),
    )
    for descriptor, text in cases:
        with pytest.raises(NoSockets, match=text):
            sockets.taken(("lmtp",), descriptor)
    os.close(read_end)
    os.close(write_end)
    for each in (connected, other, datagram):
        each.close()


# -- kept --------------------------------------------------------------------------------------


def test_kept_lists_and_removes(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = store(read(path)).keep("a@b.test", ("bob@example.test",), b"A: 1\r\n", "forged")
    capsys.readouterr()
    assert main(["kept", str(path), "list"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "id": made.id,
        "sender": "a@b.test",
        "recipients": ["bob@example.test"],
        "when": made.when,
        "why": "forged",
        "size": 6,
    }
    assert main(["kept", str(path), "remove", made.id]) == 0
    assert main(["kept", str(path), "remove", made.id]) == 1
    assert f"no message {made.id} is kept" in capsys.readouterr().err


@pytest.mark.parametrize(("script", "status", "left"), [((), 0, 0), (("END 554 5.0.0 no",), 1, 1)])
def test_a_kept_message_is_delivered_as_trusted_and_goes_once_pmail_has_it(
    path: Path,
    capsys: pytest.CaptureFixture[str],
    script: tuple[str, ...],
    status: int,
    left: int,
) -> None:
    there = store(read(path))
    made = there.keep("a@b.test", ("bob@example.test",), b"A: 1\r\n", "forged")
    capsys.readouterr()

    async def run() -> list[Any]:
        async with running(*script) as fake:
            # Nobody listens where untrusted mail would go.
            client = Pmail("h.test", Peer("127.0.0.1", fake.port), Peer("127.0.0.1", 1))
            assert await deliver(there, client, made.id) == status
            return fake.messages

    expected = [("a@b.test", ("bob@example.test",), b"A: 1\r\n")]
    assert asyncio.run(run()) == ([] if script else expected)
    assert len(there.all()) == left
    said = json.loads(capsys.readouterr().out)
    assert (said["recipient"], said["code"]) == ("bob@example.test", 554 if script else 250)


def test_delivering_what_is_not_there_says_so(path: Path) -> None:
    async def run() -> None:
        async with running() as fake:
            await deliver(store(read(path)), fake.client(), "1800000000000-00000000")

    with pytest.raises(NotKept):
        asyncio.run(run())


def test_a_configuration_that_cannot_be_read_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kept", str(tmp_path / "none.json"), "list"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("edge: ")
    assert "none.json" in line


# -- serve -------------------------------------------------------------------------------------


def _zip(folder: Path) -> Path:
    """The zip file as the deploy makes it."""
    made = folder / "edge.pyz"
    with zipfile.ZipFile(made, "w") as archive:
        for source in sorted((ROOT / "edge").glob("*.py")):
            archive.write(source, f"edge/{source.name}")
        archive.write(ROOT / "edge" / "__main__.py", "__main__.py")
    return made


# What systemd does between fork and exec.
_EXEC = (
    "import os, sys\n"
    "count = int(sys.argv[1])\n"
    "given = [int(each) for each in sys.argv[2].split(',')]\n"
    "high = [os.dup(each) for each in given]\n"
    "high = [os.dup2(each, 100 + number) for number, each in enumerate(high)]\n"
    "[os.dup2(each, 3 + number) for number, each in enumerate(high)]\n"
    "os.environ['LISTEN_PID'] = str(os.getpid())\n"
    "os.environ['LISTEN_FDS'] = str(count)\n"
    "os.execv(sys.executable, [sys.executable, *sys.argv[3:]])\n"
)


class Program:
    """The program with its sockets, and what it told systemd."""

    def __init__(self, process: subprocess.Popen[str], notified: socket.socket) -> None:
        self.process = process
        self._notified = notified

    def told(self) -> str:
        return self._notified.recv(100).decode()

    def end(self) -> tuple[int, str, str]:
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=WAIT)
        return self.process.returncode, out, err


@contextmanager
def _running(
    command: list[str], folder: Path, listening: dict[str, socket.socket]
) -> Iterator[Program]:
    notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notified.bind(str(folder / "notify"))
    notified.settimeout(WAIT)
    numbers = [each.fileno() for each in listening.values()]
    environment = {
        **os.environ,
        "LISTEN_FDNAMES": ":".join(listening),
        "NOTIFY_SOCKET": str(folder / "notify"),
    }
    line = [sys.executable, "-c", _EXEC, str(len(numbers)), ",".join(map(str, numbers)), *command]
    process = subprocess.Popen(
        line,
        cwd=ROOT,
        env=environment,
        pass_fds=numbers,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Program(process, notified)
    finally:
        process.kill()
        process.communicate()
        notified.close()


def _unix(folder: Path, name: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(str(folder / name))
    made.listen()
    return made


def _connected(folder: Path, name: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(WAIT)
    made.connect(str(folder / name))
    return made


def _command(how: str, folder: Path, path: Path) -> list[str]:
    start = ["-IB", str(_zip(folder))] if how == "zip" else ["-m", "edge"]
    return [*start, "serve", str(path)]


@pytest.mark.parametrize("how", ["zip", "package"])
def test_it_serves_each_socket_by_its_name_until_sigterm(
    path: Path, tmp_path: Path, how: str
) -> None:
    names = ("lmtp", "milter", "auth", "routes")
    listening = {name: _unix(tmp_path, name) for name in names}
    listening |= {
        name: socket.create_server(("127.0.0.1", 0)) for name in ("dns", "imaps", "pops", "https")
    }
    with _running(_command(how, tmp_path, path), tmp_path, listening) as program:
        assert program.told() == "READY=1"
        office = _connected(tmp_path, "lmtp")
        assert office.recv(100) == b"220 smtp.example.test LMTP\r\n"
        login = _connected(tmp_path, "auth")
        assert login.recv(100).startswith(b"VERSION\t1\t")
        route = _connected(tmp_path, "routes")
        route.sendall(b"16:routes a@b.test1,")
        assert route.recv(100) == b"9:NOTFOUND ,"
        milter = _connected(tmp_path, "milter")
        options = b"O" + struct.pack(">III", 6, 0x1FF, 0x1FFFFF)
        milter.sendall(struct.pack(">I", len(options)) + options)
        assert milter.recv(5)[4:] == b"O"
        names_of = socket.create_connection(listening["dns"].getsockname(), timeout=WAIT)
        query = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + b"\1x\0" + struct.pack("!2H", 15, 1)
        names_of.sendall(struct.pack("!H", len(query)) + query)
        assert b"relay\x0cpmail-deploy" in names_of.recv(200)
        for name in ("imaps", "pops", "https"):
            # Without a certificate a door lets nobody in, and the rest goes on.
            door = socket.create_connection(listening[name].getsockname(), timeout=WAIT)
            assert door.recv(10) == b""
            door.close()
        status, out, err = program.end()
        assert program.told() == "STOPPING=1"
        assert (status, out) == (0, "")
        assert "Traceback" not in err
        for each in (office, login, route, milter, names_of):
            each.close()
    # The sockets are systemd's: they are there, and wait for the next process.
    _connected(tmp_path, "lmtp").close()
    for listener in listening.values():
        listener.close()


def test_sighup_reads_the_configuration_and_a_bad_one_changes_nothing(
    path: Path, tmp_path: Path
) -> None:
    listening = {"lmtp": _unix(tmp_path, "lmtp")}

    def greeting() -> bytes:
        with _connected(tmp_path, "lmtp") as office:
            return office.recv(100)

    with _running(["-m", "edge", "serve", str(path)], tmp_path, listening) as program:
        assert program.told() == "READY=1"
        assert program.process.stderr
        path.write_text(json.dumps(_settings(tmp_path, mail_host="mx.new.test")))
        program.process.send_signal(signal.SIGHUP)
        assert program.process.stderr.readline() == "edge: configuration read\n"
        assert greeting() == b"220 mx.new.test LMTP\r\n"
        path.write_text("{")
        program.process.send_signal(signal.SIGHUP)
        assert "is not taken" in program.process.stderr.readline()
        assert greeting() == b"220 mx.new.test LMTP\r\n"
    listening["lmtp"].close()


def _hello(name: bytes) -> bytes:
    """The first bytes of a client that asks for a server name of four octets."""
    sent = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), sent, server_hostname="qxjz")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return sent.read().replace(b"qxjz", name)


def test_a_server_name_that_is_no_ascii_and_lost_limits_are_no_tracebacks(
    path: Path, tmp_path: Path
) -> None:
    certificate(tmp_path)
    (tmp_path / "limits.db").write_bytes(b"no database " * 1000)
    listening = {"imaps": socket.create_server(("127.0.0.1", 0))}
    with _running(["-m", "edge", "serve", str(path)], tmp_path, listening) as program:
        assert program.told() == "READY=1"
        for name, answered in ((b"\xff\xfe\xe9\x80", False), (b"a\nb\t", True)):
            door = socket.create_connection(listening["imaps"].getsockname(), timeout=WAIT)
            door.sendall(_hello(name))
            assert bool(door.recv(100)) is answered
            door.close()
        status, out, err = program.end()
        assert (status, err) == (0, "")
        assert json.loads(out)["event"] == "limits_lost"
    listening["imaps"].close()


def test_a_socket_that_nothing_serves_and_no_socket_at_all_end_it_with_one_line(
    path: Path, tmp_path: Path
) -> None:
    listening = {"smtp": _unix(tmp_path, "smtp")}
    with _running(["-m", "edge", "serve", str(path)], tmp_path, listening) as program:
        _, err = program.process.communicate(timeout=WAIT)
        assert program.process.returncode == 1
        assert err == "edge: no service for the sockets smtp\n"
    listening["smtp"].close()
    alone = subprocess.run(
        [sys.executable, "-m", "edge", "serve", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=WAIT,
    )
    assert (alone.returncode, alone.stderr.count("\n")) == (1, 1)
    assert "LISTEN_FDS" in alone.stderr


def test_connections_end_quietly_when_the_program_ends() -> None:
    ended: list[str] = []

    async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        finally:
            ended.append("handler")

    async def run() -> bytes:
        connections = Connections()
        server = await asyncio.start_server(connections.counted(waits), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        while not connections.open:
            await asyncio.sleep(0)
        server.close()
        await connections.close()
        assert connections.open == 0
        try:
            return await reader.read()
        finally:
            writer.close()

    assert asyncio.run(run()) == b""
    assert ended == ["handler"]
