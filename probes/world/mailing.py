"""Mail as users and other servers bring it and get it: over 465, by the web mail, on 25, by IMAP.

This is the one probe that does something: it sends a message, to whoever the caller names.
"""

from __future__ import annotations

import email
import email.policy
import http.client
import imaplib
import json
import smtplib
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

from ground.foreign import json_object
from probes.world.tls import accepting_any, reason_of, trusting

_CONNECT = 15.0
_TRANSFER = 180.0  # seconds for all of a message; a line of 64 kB/s needs a quarter of it
_OUR_NAME = "probe.invalid"  # RFC 2606: never a name of somebody
_AHEAD = 30  # seconds; PMail takes a token before its time


@dataclass(frozen=True, slots=True)
class Reached:
    """How a server is reached. trust_file: PEM file of its authority, None for the system's."""

    address: str
    mail_host: str
    web_host: str
    trust_file: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An account, and what it logs in with. address: of its mailbox."""

    name: str
    address: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """How a server took a message. reason: "" where it did; what it said, or why nobody could.

    closed: its port could not be reached. later: it said that it may take it another time.
    """

    reason: str = ""
    closed: bool = False
    later: bool = False


Message = bytes


def by_program(server: Reached, account: Account, to: str, message: Message) -> Taken:
    """Submit a message over port 465 as a mail program does, with a verified certificate."""

    def send() -> None:
        with _Submission(server) as client:
            client.login(account.name, account.password)
            client.sendmail(account.address, [to], message)

    return _taken(send)


def by_server(server: Reached, to: str, message: Message) -> Taken:
    """Bring a message to port 25 as another server does, with the null sender: nothing comes back.

    Encrypted where that is offered, with whatever certificate, as servers do.
    """

    def send() -> None:
        with smtplib.SMTP(timeout=_CONNECT, local_hostname=_OUR_NAME) as client:
            client.connect(server.address, 25)
            _patient(client)
            client.ehlo()
            if client.has_extn("starttls"):
                client._host = server.mail_host  # type: ignore[attr-defined]  # what SNI names
                client.starttls(context=accepting_any())
                client.ehlo()
            client.sendmail("", [to], message)

    return _taken(send)


def by_web(
    server: Reached, account: Account, stored: str, to: str, content: Mapping[str, Any]
) -> Taken:
    """Send a message by the web mail's own call (PMail controllers/email/send.go).

    stored: the account's password as PMail stores it: its `Token` leaves no session behind.
    content: subject, text, html and attrs.
    """
    moment = int(time.time()) + _AHEAD
    proof = md5(f"{stored}{moment}".encode(), usedforsecurity=False).hexdigest()
    body = {
        "from": {"name": "", "email": account.address},
        "to": [{"name": "", "email": to}],
        **content,
    }
    head = {
        "Content-Type": "application/json",
        "Token": f"{account.name}:{proof}:{moment}",
        "Host": server.web_host,
    }
    connection = _Web(server)
    try:
        connection.request("POST", "/api/email/send", json.dumps(body), head)
        reply = connection.getresponse()
        answer = json_object(reply.read(65536).decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException) as error:
        return Taken(_reason(error), closed=isinstance(error, OSError))
    finally:
        connection.close()
    if answer.get("errorNo") != 0:
        said = answer.get("errorMsg") or answer.get("data") or reply.status
        return Taken(str(said))
    return Taken()


@dataclass(frozen=True, slots=True)
class Found:
    """A message in a mailbox, as IMAP shows it, and the folder that it is in."""

    folder: str
    message: bytes


@dataclass(frozen=True, slots=True)
class Imap:
    """An IMAP server with TLS from the start; host: name in its certificate."""

    host: str
    user: str
    password: str = field(repr=False)
    address: str = ""
    trust_file: str | None = None
    port: int = 993


def read(mailbox: Imap, marks: Iterable[str], within: float) -> dict[str, Found] | str:
    """Return the messages with these words in their subject, waiting for those that come late.

    within: seconds. Returns why the mailbox could not be read, where that is so.
    """
    until, wanted, found = time.monotonic() + within, tuple(marks), dict[str, Found]()
    while True:
        try:
            found |= _look(mailbox, [each for each in wanted if each not in found])
        except (OSError, imaplib.IMAP4.error) as error:
            return _reason(error)
        if len(found) == len(wanted) or time.monotonic() > until:
            return found
        time.sleep(1)


def _look(mailbox: Imap, marks: list[str]) -> dict[str, Found]:
    client = _ImapClient(mailbox)
    try:
        client.login(mailbox.user, mailbox.password)
        found = dict[str, Found]()
        for folder in _folders(client):
            if client.select(f'"{folder}"', readonly=True)[0] != "OK":
                continue
            found |= {m: f for m, f in _marked(client, folder, marks).items() if m not in found}
        return found
    finally:
        client.shutdown()


def _folders(client: imaplib.IMAP4) -> list[str]:
    """All folders that can hold mail, INBOX first."""
    names = []
    for line in client.list()[1]:
        words = line.decode("utf-8", "replace") if isinstance(line, bytes) else ""
        name = words.rpartition('"')[0].rpartition('"')[2] if words.endswith('"') else ""
        name = name or words.rpartition(" ")[2]
        if name and "\\Noselect" not in words and "\\All" not in words:
            names.append(name)
    return sorted(names, key=lambda name: name.upper() != "INBOX") or ["INBOX"]


def _marked(client: imaplib.IMAP4, folder: str, marks: list[str]) -> dict[str, Found]:
    """Of the last messages of a folder, those with a mark: SEARCH does not do everywhere."""
    (count,) = client.response("EXISTS")[1] or (b"0",)
    last = int(count or b"0")
    found = dict[str, Found]()
    for number in range(last, max(0, last - 20), -1):
        head = _fetched(client, number, "(BODY.PEEK[HEADER])")
        subject = _subject(head)
        for mark in marks:
            if mark in subject:
                found[mark] = Found(folder, _fetched(client, number, "(BODY.PEEK[])"))
    return found


def _subject(head: bytes) -> str:
    read = email.message_from_bytes(head, policy=email.policy.default)
    return str(read["Subject"] or "")


def _fetched(client: imaplib.IMAP4, number: int, what: str) -> bytes:
    parts = client.fetch(str(number), what)[1]
    return next((part[1] for part in parts if isinstance(part, tuple)), b"")


# -- connections -------------------------------------------------------------------------------


def _taken(send: Callable[[], None]) -> Taken:
    try:
        send()
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return Taken(f"{error.smtp_code} {text}", later=400 <= error.smtp_code < 500)
    except smtplib.SMTPRecipientsRefused as error:
        ((code, refusal),) = error.recipients.values()
        shown = refusal.decode("utf-8", "replace")
        return Taken(f"{code} {shown}", later=400 <= code < 500)
    except smtplib.SMTPServerDisconnected as error:
        return Taken(str(error))
    except _Unreached as error:
        return Taken(str(error), closed=True)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        return Taken(_reason(error))
    return Taken()


class _Unreached(OSError):
    """No connection was made."""


def _reason(error: Exception) -> str:
    return reason_of(error) if isinstance(error, OSError) else str(error) or type(error).__name__


def _connected(address: str, port: int) -> socket.socket:
    try:
        return socket.create_connection((address, port), timeout=_CONNECT)
    except OSError as error:
        raise _Unreached(_reason(error)) from error


def _patient(client: smtplib.SMTP) -> None:
    if client.sock:
        client.sock.settimeout(_TRANSFER)


class _Submission(smtplib.SMTP):
    """A connection to port 465 at an address, whose certificate is for the mail host."""

    def __init__(self, server: Reached) -> None:
        self._server = server
        super().__init__(server.mail_host, 465, local_hostname=_OUR_NAME, timeout=_TRANSFER)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        raw = _connected(self._server.address, port)
        raw.settimeout(timeout)
        return trusting(self._server.trust_file).wrap_socket(raw, server_hostname=host)


class _Web(http.client.HTTPSConnection):
    """A connection to port 443 at an address, whose certificate is for the web host."""

    def __init__(self, server: Reached) -> None:
        super().__init__(
            server.web_host, 443, timeout=_TRANSFER, context=trusting(server.trust_file)
        )
        self._server = server

    def connect(self) -> None:
        """Connect to the address, whatever DNS says of the name."""
        raw = _connected(self._server.address, 443)
        raw.settimeout(_TRANSFER)
        context = trusting(self._server.trust_file)
        self.sock = context.wrap_socket(raw, server_hostname=self._server.web_host)


class _ImapClient(imaplib.IMAP4):
    """A connection to an IMAP server's TLS port."""

    def __init__(self, mailbox: Imap) -> None:
        self._mailbox = mailbox
        super().__init__(mailbox.host, mailbox.port, timeout=_CONNECT)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        raw = _connected(self._mailbox.address or self._mailbox.host, self._mailbox.port)
        raw.settimeout(_TRANSFER)
        context = trusting(self._mailbox.trust_file)
        return context.wrap_socket(raw, server_hostname=self._mailbox.host)
