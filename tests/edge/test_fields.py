"""An author that we read is the one that PMail reads, whatever else stands in the field."""

from __future__ import annotations

import html
import re
import string
from dataclasses import dataclass

from hypothesis import example, given
from hypothesis import strategies as st

from edge.fields import domains, mailbox

_ATEXT = string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~."
_PHRASE = "[" + re.escape(_ATEXT) + "\x80-\U0010ffff]+"
_SPACE = " \t"

_ATTACKS = [
    '"<ceo@example.test>" a@recv.test',
    "(hi) a@recv.test (<ceo@example.test>)",
    "x:y a@recv.test (<ceo@example.test>)",
    "(<bob@example.test>) a@recv.test",
    'CEO <"ceo@example.test<x"@recv.test>',
    '"ceo@example.test<!--"@recv.test',
    "(x) bob@example.test (<admin@example.test>)",
]
_PIECES = st.sampled_from(
    [
        *'<>"\\()@,:; \t.[]\r\x00\xfc\udce9',
        *("x", "'", "a@recv.test", "<a@recv.test>", "ceo@example.test", "<ceo@example.test>"),
        *('"Smith, Ann"', '"a@recv.test"', "&#64", "&lt;", "<!--", "\uff20", "(x)"),
        *("=?utf-8?q?=3Cceo=40example.test=3E?=", "=?utf-8?q?a=40recv.test?=", "=?utf-8?b?TcO8?="),
        *(
            "=?none?q?x?=",
            "=?utf-8?q?=3D=3F?=",
            "=?utf-8?q?",
            "?=",
            "ceo&#64example.test@recv.test",
        ),
    ]
)
_TEXTS = st.lists(_PIECES, max_size=6).map("".join)
_FIELDS = st.one_of(
    _TEXTS,
    st.builds("{}<a@recv.test>{}".format, _TEXTS, st.just("") | _TEXTS),
    st.builds('"{}" <{}@recv.test>'.format, _TEXTS, _TEXTS),
)


class _Unread(Exception):
    """Go's parser gives up."""


@dataclass(slots=True)
class _Go:
    """net/mail of Go 1.24 (message.go: addrParser), as far as PMail asks for one address."""

    left: str

    def address(self) -> str:
        self.space()
        try:
            spec = self.spec()
        except _Unread:
            if not self.left.startswith("<"):
                self.phrase()
            self.space()
            self.take("<")
            spec = self.spec()
            self.take(">")
        self.comments()
        if self.left:
            raise _Unread
        return spec

    def spec(self) -> str:
        before = self.left
        try:
            self.space()
            local = self.quoted() if self.left.startswith('"') else self.atom()
            self.take("@")
            self.space()
            return f"{local}@{self.atom()}"
        except _Unread:
            self.left = before
            raise

    def phrase(self) -> None:
        words = 0
        while True:
            if words:
                self.comments()
            self.space()
            try:
                if self.left.startswith('"'):
                    self.quoted()
                else:
                    self.match(_PHRASE)
            except _Unread:
                if not words:
                    raise
                return
            words += 1

    def atom(self) -> str:
        found = self.match(_PHRASE)
        if found.startswith(".") or found.endswith(".") or ".." in found:
            raise _Unread
        return found

    def quoted(self) -> str:
        found = self.match(r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t -~\x80-\U0010ffff])*"')
        if len(found) == 2:
            raise _Unread
        return re.sub(r"\\(.)", r"\1", found[1:-1])

    def comments(self) -> None:
        self.space()
        while self.left.startswith("("):
            depth, at = 1, 1
            while depth:
                if at >= len(self.left):
                    raise _Unread
                depth += {"(": 1, ")": -1}.get(self.left[at], 0)
                at += 2 if self.left[at] == "\\" else 1
            self.left = self.left[at:]
            self.space()

    def space(self) -> None:
        self.left = self.left.lstrip(_SPACE)

    def take(self, character: str) -> None:
        self.match(re.escape(character))

    def match(self, pattern: str) -> str:
        found = re.match(pattern, self.left)
        if found is None:
            raise _Unread
        self.left = self.left[found.end() :]
        return found[0]


def _sanitized(text: str) -> str:
    """Bluemonday's strict policy: tags go, entities are read and written anew."""
    return html.escape(html.unescape(re.sub(r"<[^>]*>|<.*", "", text)))


def _read_by_pmail(value: str) -> str:
    """The address of buildUser and NewEmailFromReader in PMail's dto/parsemail/email.go."""
    value = value.strip()
    try:
        if not value.isprintable() and "\udce9" in value:
            raise _Unread  # no UTF-8
        address = _Go(value).address().strip()
    except _Unread:
        found = re.search(r"<(.*@.*)>", value)
        address = found[1].strip() if found else _sanitized(value)
    return _sanitized(address)


@given(_FIELDS)
@example("Ann <a@recv.test>")
@example("o'hara@recv.test")
@example('"a@recv.test" <a@recv.test>')
@example("a@recv.test <a@recv.test>")
def test_what_we_read_pmail_reads(value: str) -> None:
    address = mailbox(value)
    if address is not None:
        assert _read_by_pmail(value) == _sanitized(address) == html.escape(address)
        assert domains(value) == {address.rpartition("@")[2]}


def test_pmail_is_taken_in_by_what_we_do_not_read() -> None:
    read = [_read_by_pmail(value) for value in _ATTACKS]
    assert all("@example.test" in address for address in read), read
    assert [mailbox(value) for value in _ATTACKS] == [None] * len(_ATTACKS)
    assert all("example.test" in domains(value) for value in _ATTACKS)
