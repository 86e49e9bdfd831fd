"""What became of each message: Postfix's words in the journal, as structured data.

Postfix writes one line for each recipient and attempt (`to=…, relay=…, dsn=…, status=…`), and in
other lines of the same message its sender and Message-ID. A TLS line names no message: it is of
the delivery that the same process tells of next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ground.foreign import json_object, whole_number

# Debian 12 runs Postfix as postfix@-.service, Debian 13 as postfix.service.
_SCRIPT = (
    "journalctl -u 'postfix*' --since=-{hours}h --no-pager -q -o json --all "
    "--output-fields=MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID"
)
_QUEUED = re.compile(r"(?P<id>[0-9A-Za-z]{6,20}): (?P<rest>.*)", re.DOTALL)
_SENDER = re.compile(r"from=<(?P<sender>[^>]*)>, size=")
# The queue manager gives up: no line for each recipient then.
_EXPIRED = re.compile(r"from=<[^>]*>, status=expired")
_MESSAGE_ID = re.compile(r"message-id=(?P<id>.*)")
_TO = re.compile(
    r"to=<(?P<to>[^>]*)>,.*? relay=(?P<relay>\S+?),.*? dsn=(?P<dsn>[0-9.]+), "
    r"status=(?P<status>\w+) \((?P<text>.*)\)$",
    re.DOTALL,
)
_RELAY = re.compile(r"(?P<host>[^\[]+)\[(?P<address>[^\]]+)\]:(?P<port>\d+)")
_CODE = re.compile(r"(?:^| said: )(?P<code>[245]\d\d)(?=[ -])")
_TLS = re.compile(
    r"(?P<trust>Verified|Trusted|Untrusted|Anonymous) TLS connection established to "
    r"(?P<relay>\S+): (?P<protocol>\S+)"
)
_NO_HANDSHAKE = re.compile(r"SSL_connect error to (?P<relay>\S+): ")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to deliver one message to one recipient.

    time: Unix seconds. receiver, address, port: the server that was talked to, empty and 0 where
    none was reached. status: sent, deferred, bounced or expired. dsn: enhanced status code. code:
    the receiver's reply code, or None. text: the whole reason as Postfix tells it, the receiver's
    reply in it. tls: the protocol ("TLSv1.3"), empty in clear text. trust: verified, trusted,
    untrusted or anonymous. handshake_failed: clear text because TLS was tried in vain.
    """

    time: float
    queue_id: str
    message_id: str
    sender: str
    recipient: str
    receiver: str
    address: str
    port: int
    status: str
    dsn: str
    code: int | None
    text: str
    tls: str
    trust: str
    handshake_failed: bool

    @property
    def outside(self) -> bool:
        """Whether it was to another server; not to PMail here, nor a proof."""
        return bool(self.address) and not self.address.startswith("127.")


def script(hours: int) -> str:
    """Return the script that shows Postfix's lines of the last hours as JSON."""
    return _SCRIPT.format(hours=hours)


@dataclass(slots=True)
class _Process:
    """What a delivery process said of its connection; `queue_id`: the message it was used for."""

    relay: str
    protocol: str = ""
    trust: str = ""
    failed: bool = False
    queue_id: str = ""


@dataclass(slots=True)
class _Reader:
    senders: dict[str, str] = field(default_factory=dict)
    message_ids: dict[str, str] = field(default_factory=dict)
    processes: dict[str, _Process] = field(default_factory=dict)
    deferred: dict[str, dict[str, Delivery]] = field(default_factory=dict)

    def take(self, time: float, pid: str, message: str) -> tuple[Delivery, ...]:
        """Take one line; returns the deliveries that it tells of."""
        if found := _TLS.match(message):
            relay, protocol = found["relay"], found["protocol"].rstrip(":")
            self.processes[pid] = _Process(relay, protocol, found["trust"].lower())
            return ()
        if found := _NO_HANDSHAKE.match(message):
            self.processes[pid] = _Process(found["relay"], failed=True)
            return ()
        queued = _QUEUED.match(message)
        if queued is None:
            return ()
        queue_id, rest = queued["id"], queued["rest"]
        if found := _SENDER.match(rest):
            self.senders[queue_id] = found["sender"]
        elif found := _MESSAGE_ID.match(rest):
            self.message_ids[queue_id] = found["id"].strip().strip("<>")
        elif found := _TO.match(rest):
            return (self._delivery(time, pid, queue_id, found),)
        elif _EXPIRED.match(rest):
            waited = self.deferred.pop(queue_id, {}).values()
            return tuple(replace(each, time=time, status="expired") for each in waited)
        return ()

    def _delivery(self, time: float, pid: str, queue_id: str, found: re.Match[str]) -> Delivery:
        relay = _RELAY.fullmatch(found["relay"])
        process = self._connection(pid, found["relay"], queue_id)
        code = _CODE.search(found["text"])
        delivery = Delivery(
            time,
            queue_id,
            self.message_ids.get(queue_id, ""),
            self.senders.get(queue_id, ""),
            found["to"],
            relay["host"] if relay else "",
            relay["address"] if relay else "",
            int(relay["port"]) if relay else 0,
            found["status"],
            found["dsn"],
            int(code["code"]) if code else None,
            found["text"],
            process.protocol,
            process.trust,
            process.failed,
        )
        if delivery.status == "deferred":
            self.deferred.setdefault(queue_id, {})[delivery.recipient] = delivery
        return delivery

    def _connection(self, pid: str, relay: str, queue_id: str) -> _Process:
        """The connection that a delivery went over: each message has one of its own with TLS."""
        process = self.processes.get(pid)
        if process is None or process.relay != relay or process.queue_id not in ("", queue_id):
            return _Process(relay)
        process.queue_id = queue_id
        return process


def parse(lines: Iterable[str]) -> tuple[Delivery, ...]:
    """Return the deliveries that a journal tells of, in its order."""
    reader = _Reader()
    records = filter(None, map(_record, lines))
    return tuple(delivery for record in records for delivery in reader.take(*record))


def _record(line: str) -> tuple[float, str, str] | None:
    """Time, process and message of a line; None for what is none (a torn last line)."""
    record = json_object(line)
    time = whole_number(str(record.get("__REALTIME_TIMESTAMP")))
    message = record.get("MESSAGE")
    if isinstance(message, list):  # octets that are no text
        octets = (each for each in message if isinstance(each, int) and 0 <= each < 256)
        message = bytes(octets).decode("utf-8", "replace")
    if time is None or not isinstance(message, str):
        return None
    return time / 1_000_000, str(record.get("SYSLOG_PID") or record.get("_PID") or ""), message
