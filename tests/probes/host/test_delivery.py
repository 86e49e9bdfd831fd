"""Postfix's journal as structured data: what became of each message, and how it went."""

from __future__ import annotations

import json

from probes.host.delivery import Delivery, parse

# As Postfix 3.7 of Debian 12 wrote them.
TO = "delay=0.1, delays=0/0/0.1/0, "
SENT = f"{TO}dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4F)"
REFUSED = (
    "host mx3.qq.com[203.205.219.57] said: 550 5.7.1 Mail content denied. "
    "https://service.mail.qq.com/detail/0/1000726 (in reply to end of DATA command)"
)
TLS = "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"


def delivered(**changes: object) -> Delivery:
    """A delivery in clear text to another server."""
    values: dict[str, object] = {
        "time": 0.0,
        "queue_id": "A1B2C3D4E5",
        "message_id": "m@example.com",
        "sender": "a@example.com",
        "recipient": "b@recv.test",
        "receiver": "mx.recv.test",
        "address": "198.51.100.25",
        "port": 25,
        "status": "sent",
        "dsn": "2.0.0",
        "code": 250,
        "text": "250 2.0.0 Ok",
        "tls": "",
        "trust": "",
        "handshake_failed": False,
    }
    return Delivery(**{**values, **changes})  # type: ignore[arg-type]


def journal(*lines: str, pid: str = "7") -> list[str]:
    """Lines of `journalctl -o json`; `pid|` before a message names another process."""
    found = []
    for number, line in enumerate(lines):
        process, bar, message = line.partition("|")
        record = {
            "__REALTIME_TIMESTAMP": str(1_795_632_981_000_000 + number),
            "SYSLOG_PID": process if bar else pid,
            "MESSAGE": message if bar else line,
        }
        found.append(json.dumps(record))
    return found


def queued(queue_id: str) -> tuple[str, str]:
    """The lines that tell a message's Message-ID and sender."""
    return (
        f"1|{queue_id}: message-id=<{queue_id.lower()}@example.com>",
        f"2|{queue_id}: from=<a@example.com>, size=1217, nrcpt=1 (queue active)",
    )


def test_a_refusal_has_the_receivers_code_and_whole_text() -> None:
    relay = "relay=mx3.qq.com[203.205.219.57]:25"
    (found,) = parse(
        journal(
            *queued("A1B2C3D4E5"),
            f"A1B2C3D4E5: to=<b@qq.com>, {relay}, {TO}dsn=5.7.1, status=bounced ({REFUSED})",
        )
    )
    assert (found.sender, found.message_id) == ("a@example.com", "a1b2c3d4e5@example.com")
    assert (found.recipient, found.receiver, found.address) == (
        "b@qq.com",
        "mx3.qq.com",
        "203.205.219.57",
    )
    assert (found.status, found.dsn, found.code, found.text) == ("bounced", "5.7.1", 550, REFUSED)


def test_tls_is_of_the_message_that_the_same_process_delivers_next() -> None:
    secure, clear = "mx.secure.test[198.51.100.26]:25", "mx.recv.test[198.51.100.25]:25"
    found = parse(
        journal(
            *queued("A1B2C3D4E5"),
            *queued("B1B2C3D4E5"),
            f"7|Untrusted TLS connection established to {secure}: {TLS}",
            f"8|B1B2C3D4E5: to=<b@recv.test>, relay={clear}, {SENT}",
            f"7|A1B2C3D4E5: to=<a@secure.test>, relay={secure}, {SENT}",
            f"7|A1B2C3D4E5: to=<c@secure.test>, relay={secure}, {SENT}",
            f"7|B1B2C3D4E5: to=<d@secure.test>, relay={secure}, {SENT}",
        )
    )
    assert [(each.recipient[0], each.tls, each.trust) for each in found] == [
        ("b", "", ""),
        ("a", "TLSv1.3", "untrusted"),
        ("c", "TLSv1.3", "untrusted"),
        ("d", "", ""),
    ]


def test_clear_text_after_a_failed_handshake_is_told() -> None:
    relay = "mx.broken.test[198.51.100.27]:25"
    found = parse(
        journal(
            f"SSL_connect error to {relay}: -1",
            f"A1B2C3D4E5: to=<a@broken.test>, relay={relay}, {TO}dsn=4.7.5, "
            "status=deferred (Cannot start TLS: handshake failure)",
            f"SSL_connect error to {relay}: -1",
            f"A1B2C3D4E5: to=<a@broken.test>, relay={relay}, {SENT}",
        )
    )
    assert [(each.status, each.handshake_failed, each.code) for each in found] == [
        ("deferred", True, None),
        ("sent", True, 250),
    ]


def test_a_message_given_up_is_expired_for_each_recipient_that_waited() -> None:
    found = parse(
        journal(
            *queued("A1B2C3D4E5"),
            f"A1B2C3D4E5: to=<b@dead.test>, relay=none, {TO}dsn=4.4.1, status=deferred "
            "(connect to mx.dead.test[198.51.100.57]:25: Connection timed out)",
            "2|A1B2C3D4E5: from=<a@example.com>, status=expired, returned to sender",
        )
    )
    assert [each.status for each in found] == ["deferred", "expired"]
    assert (found[1].recipient, found[1].receiver, found[1].port) == ("b@dead.test", "", 0)


def test_lines_that_are_no_deliveries_and_torn_ones_are_passed_over() -> None:
    octets = json.dumps({"__REALTIME_TIMESTAMP": "1", "MESSAGE": [255, 254]})
    assert parse(["{", "null", octets, *journal("connect from localhost[127.0.0.1]")]) == ()
