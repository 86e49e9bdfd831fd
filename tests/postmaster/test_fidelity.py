"""A message as it was sent beside what came of it: what is a fault, and what has a name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from postmaster import live_mail
from postmaster.fidelity import Limit, faults, in_parts, limits, on_the_wire
from postmaster.header_lint import lint
from tests.postmaster.full_view import NOW

SENT = live_mail.letter(mark="m-1", author="w@a.test", to="r@b.test", web=False, big=False).message
ADDED = b"Received: from x by y; z\r\nDKIM-Signature: v=1;\r\n\tb=x\r\n"
RIGHT = (
    b"From: a@b.test\r\nTo: c@d.test\r\nSubject: x\r\nDate: Wed, 25 Nov 2026 00:00:00 +0000\r\n"
    b"Message-ID: <1@b.test>\r\n\r\nHi\r\n"
)


def test_what_servers_add_on_the_way_is_no_difference() -> None:
    assert on_the_wire(SENT, ADDED + SENT) == ()
    assert on_the_wire(b"Bcc: x@y.test\r\n" + SENT, ADDED + SENT) == ()
    assert on_the_wire(SENT, SENT + b"\r\n") == ()


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (b"panic", b"worry", "body"),
        (b"Subject: ", b"Subject: x", "subject"),
        (b"Reply-To: w@a.test\r\n", b"", "reply-to"),
        (b"MIME-Version: 1.0\r\n", b"MIME-Version: 1.0\r\nX-New: 1\r\n", "x-new"),
    ],
)
def test_each_octet_that_is_different_on_the_wire_is_a_fault(
    before: bytes, after: bytes, what: str
) -> None:
    assert before in SENT
    assert faults(on_the_wire(SENT, SENT.replace(before, after, 1))) == (what,)


def test_fields_in_another_order_are_told() -> None:
    lines = SENT.split(b"\r\n")
    turned = b"\r\n".join((lines[1], lines[0], *lines[2:]))
    assert faults(on_the_wire(SENT, turned)) == ("order of fields",)


def as_pmail(*changes: tuple[str, str]) -> bytes:
    """The message with parts of it changed, before they are encoded."""
    text = SENT.decode("ascii")
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return text.encode("ascii")


@pytest.mark.parametrize(
    ("change", "limit"),
    [
        (("Don't panic: 1 < 2 && 3 > 2.", "Don&#39;t panic: 1 &lt; 2 &amp;&amp; 3 &gt; 2."), None),
        (("Reply-To: w@a.test\r\n", ""), Limit.FIELDS),
        (("References: <before-m-1@a.test>\r\n", ""), Limit.FIELDS),
        (('filename="contract.pdf"', 'filename="no_name_file"'), Limit.FILE_NAME),
        (("<html><body><p>Don't panic", "<p>Don&#39;t panic"), Limit.CLEANED),
    ],
)
def test_what_pmail_is_known_to_lose_has_a_name(
    change: tuple[str, str], limit: Limit | None
) -> None:
    found = in_parts(SENT, as_pmail(change))
    assert faults(found) == ()
    assert limits(found) == (limit or Limit.ESCAPED,)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("panic", "worry"), "text/plain"),
        (("<p>Don't panic", "<p>Don't worry"), "text/html"),
        (("To: r@b.test", "To: x@b.test"), "To"),
        (("From: w@a.test", "From: x@a.test"), "From"),
        (("Reply-To: w@a.test", "Reply-To: x@a.test"), "Reply-To"),
        (('filename="contract.pdf"', 'filename="other.pdf"'), "name of contract.pdf"),
        (("Content-Disposition: attachment", "X-Disposition: attachment"), "contract.pdf"),
    ],
)
def test_any_other_difference_is_a_fault(change: tuple[str, str], fault: str) -> None:
    assert fault in faults(in_parts(SENT, as_pmail(change)))


def test_a_message_as_it_was_has_no_difference() -> None:
    assert in_parts(SENT, ADDED + SENT) == ()


def test_a_right_head_is_right() -> None:
    assert lint(RIGHT, NOW) == ()
    assert lint(SENT, NOW) == ("Date: (RFC 5322 3.3)",)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (b"Subject: x\r\n", b"", "Subject: 0 (RFC 5322 3.6)"),
        (b"Subject: x\r\n", b"Subject: x\r\nSubject: y\r\n", "Subject: 2 (RFC 5322 3.6)"),
        (b"To: c@d.test\r\n", b"", "To: 0 (RFC 5322 3.6)"),
        (b"<1@b.test>", b"1@b.test", "Message-ID: (RFC 5322 3.6.4)"),
        (b"<1@b.test>", b"<1@localhost>", "Message-ID: (RFC 5322 3.6.4)"),
        (b"25 Nov 2026", b"25 Nov 2025", "Date: (RFC 5322 3.3)"),
        (b"Wed, 25 Nov 2026 00:00:00 +0000", b"today", "Date: (RFC 5322 3.3)"),
        (b"Subject: x", b"Subject: \xe4", "8-bit head (RFC 5322 2.2)"),
        (b"Hi\r\n", b"Hi\n", "bare CR or LF (RFC 5321 2.3.8)"),
        (b"Hi", b"x" * 999, "line > 998 (RFC 5322 2.1.1)"),
    ],
)
def test_each_fault_of_a_head_is_told(before: bytes, after: bytes, said: str) -> None:
    assert lint(RIGHT.replace(before, after, 1), NOW) == (said,)


def test_a_date_of_within_the_hour_is_in_time() -> None:
    assert lint(RIGHT, NOW + timedelta(minutes=59)) == ()
    assert lint(RIGHT, NOW + timedelta(minutes=61)) != ()
