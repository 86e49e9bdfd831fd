"""Receiving mail servers that check SPF, DKIM and DMARC, and write down what they found.

Started inside the lab as `python -m tests.lab.receiver FILE`: one JSON line a message. What they
do wrong depends on the address (no TLS, broken TLS, a stranger's certificate) and on the
recipient's name; see `Handler.handle_RCPT`.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import http.server
import json
import re
import ssl
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.exception
import dns.resolver

from tests.lab.certificates import Files, receiver_files, stranger_files
from tests.lab.nameservers import NameServers
from tests.lab.network import (
    BROKEN,
    RECEIVER,
    RECEIVER_V6,
    SECURE,
    UNTRUSTED,
    Network,
    state,
)
from tests.lab.process import Daemon, run, wait_for

_HOUR = 6  # seconds that the lab's hour has
_HANGS = 3600.0


@dataclass(frozen=True)
class Verdict:
    """What a receiver found of one message. at: its address. tls: whether it was encrypted.

    when: it came, in Unix seconds. caches: DKIM result as seen through each resolver that a test
    has started for that. encoded: its octets, in base64.
    """

    at: str
    tls: bool
    sender: str
    recipients: list[str]
    ehlo: str
    peer: str
    spf: str
    dkim: str
    dmarc: str
    message: str
    when: float = 0.0
    caches: dict[str, str] = field(default_factory=dict)
    encoded: str = ""

    @property
    def raw(self) -> bytes:
        """The message as it came."""
        return base64.b64decode(self.encoded)

    @property
    def message_id(self) -> str:
        """Its Message-ID, without brackets."""
        found = re.search(r"^message-id:\s*<([^>]+)>", self.message, re.IGNORECASE | re.MULTILINE)
        return found[1] if found else ""


@dataclass(frozen=True)
class Receiver:
    """The receivers of one lab instance; they take mail for everybody."""

    @property
    def file(self) -> Path:
        """Where they write their verdicts."""
        return state() / "received.jsonl"

    @property
    def daemon(self) -> Daemon:
        """Their process."""
        return Daemon(state() / "receiver.pid")

    def up(self) -> None:
        """Start them, with nothing received yet."""
        self.daemon.stop()
        self.file.write_text("")
        _memory(self.file).unlink(missing_ok=True)
        self.restart()

    def restart(self) -> None:
        """End them, whatever they are doing, and start them again."""
        self.daemon.stop()
        here = str(Path(__file__).parents[2])
        command = Network().inside([sys.executable, "-m", "tests.lab.receiver", str(self.file)])
        self.daemon.start(command, state() / "receiver.log", {"PYTHONPATH": here})
        greeting = ["bash", "-c", f"exec 3<>/dev/tcp/{RECEIVER}/25"]
        probe = ["ip", "netns", "exec", Network().name, *greeting]
        if not wait_for(lambda: _succeeds(probe), 60):
            raise RuntimeError((state() / "receiver.log").read_text())

    def verdicts(self) -> list[Verdict]:
        """All messages so far, in their order."""
        lines = self.file.read_text().splitlines()
        return [Verdict(**json.loads(line)) for line in lines if line.endswith("}")]

    def count(self) -> int:
        """How many messages there are so far."""
        return self.file.read_bytes().count(b"\n")


def _succeeds(command: list[str]) -> bool:
    try:
        run(*command)
    except RuntimeError:
        return False
    return True


def _memory(file: Path) -> Path:
    """Where receivers keep, over restarts, whom they have seen first and when."""
    return file.with_suffix(".seen")


class Handler:
    """Checks each message as a receiver does, and takes it."""

    def __init__(self, file: Path, address: str) -> None:
        self._file, self._address = file, address

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Answer as the recipient's name says.

        refuse: never. later: not yet, always. greylist: at the second time. hour: after the
        lab's hour. drop: the connection breaks at the first time. hang: no answer at the first.
        """
        local = re.match(r"[a-z]*", address)
        kind = local[0] if local else ""
        if kind == "later":
            return "451 4.3.2 Not yet"
        if kind == "refuse":
            return "550 5.1.1 no such user here"
        known = kind in ("greylist", "hour", "drop", "hang")
        age = self._age(f"{envelope.mail_from} {address}") if known else None
        if kind == "greylist" and age is None:
            return "451 4.7.1 Greylisted, try again later"
        if kind == "hour" and (age is None or age < _HOUR):
            return "450 4.2.1 This mailbox takes nothing more in this hour"
        if kind == "drop" and age is None:
            server.transport.abort()
        if kind == "hang" and age is None:
            await asyncio.sleep(_HANGS)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def _age(self, who: str) -> float | None:
        """Seconds since this sender and recipient were seen first; None when this is the first."""
        memory = _memory(self._file)
        for line in memory.read_text().splitlines() if memory.exists() else ():
            moment, _, known = line.partition(" ")
            if known == who:
                return time.time() - float(moment)
        with memory.open("a") as file:
            file.write(f"{time.time()} {who}\n")
        return None

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Check in a thread: the libraries wait for DNS."""
        peer, ehlo, when = session.peer[0], session.host_name, time.time()
        work = asyncio.get_running_loop().run_in_executor
        found = await work(None, examine, peer, ehlo, envelope.mail_from, envelope.content)
        about = {
            "at": self._address,
            "tls": session.ssl is not None,
            "recipients": envelope.rcpt_tos,
            "when": when,
        }
        with self._file.open("a") as file:
            file.write(json.dumps({**about, **found}) + "\n")
        return "250 OK"


def examine(peer: str, ehlo: str, sender: str, content: bytes) -> dict[str, Any]:
    """Return the verdict on one message."""
    import authheaders

    # First of all: what they say changes while a key is replaced.
    caches = {name: _verified(content, address) for name, address in NameServers().caches.items()}
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
        "encoded": base64.b64encode(content).decode("ascii"),
        "caches": caches,
    }


def _verified(content: bytes, address: str) -> str:
    """The topmost DKIM signature's result with the key that one resolver gives."""
    import dkim

    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.lifetime = [address], 30.0
    resolver.retry_servfail = True  # on a busy machine it may have given up waiting for a server

    def key(name: bytes, timeout: int = 5) -> bytes | None:
        try:
            answer = resolver.resolve(name.decode(), "TXT", raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return None
        return next((b"".join(found.strings) for found in answer.rrset or ()), None)

    try:
        return "pass" if dkim.verify(content, dnsfunc=key) else "fail"
    except dns.exception.DNSException as error:
        return f"temperror: {error}"


def _result(header: str, name: str) -> str:
    found = re.search(rf"\b{name}=(\w+)", header)
    return found[1] if found else "none"


def context(files: Files | None) -> ssl.SSLContext:
    """A server's TLS; without a certificate every handshake fails."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if files:
        made.load_cert_chain(files.chain, files.key)
    return made


class Policies(http.server.BaseHTTPRequestHandler):
    """The MTA-STS policy of any `mta-sts.<domain>`: its only MX host, by verified TLS."""

    def do_GET(self) -> None:
        """Give the policy (RFC 8461 section 3.2)."""
        domain = self.headers.get("Host", "").removeprefix("mta-sts.")
        policy = f"version: STSv1\nmode: enforce\nmx: mx.{domain}\nmax_age: 86400\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(policy)))
        self.end_headers()
        self.wfile.write(policy)


def read_suffixes_once() -> None:
    """Keep the public suffix list: DMARC's library reads it anew for every domain of a message."""
    from authheaders import dmarc_lookup

    suffixes: Callable[[str], Any] = functools.cache(dmarc_lookup.PublicSuffixList)

    def organizational(location: str, domain: str) -> str:
        return str(suffixes(str(location)).get_public_suffix(domain))

    dmarc_lookup.get_org_domain_from_suffix_list = organizational


def main() -> None:
    """Receive until ended."""
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import SMTP

    SMTP.line_length_limit = 100_000  # as the big ones: they take longer lines than RFC 5321's
    read_suffixes_once()
    file = Path(sys.argv[1])
    secure = context(receiver_files())
    receivers: dict[str, ssl.SSLContext | None] = {
        SECURE: secure,
        BROKEN: context(None),
        UNTRUSTED: context(stranger_files()),
        RECEIVER_V6: None,
        RECEIVER: None,  # the last: who waits for it has waited for all
    }
    web = http.server.ThreadingHTTPServer((SECURE, 443), Policies)
    web.socket = secure.wrap_socket(web.socket, server_side=True)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    for address, tls in receivers.items():
        handler = Handler(file, address)
        Controller(handler, hostname=address, port=25, tls_context=tls).start()
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
