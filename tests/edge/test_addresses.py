"""An address is an alias, an account, or a duty of the administrator, in that order."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.addresses import PATH, accounts_of, may_send_as, printable, sendable, split
from tests.edge.sample import config, known


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("Bob@Example.TEST", ("bob", "example.test")),
        ("<bob@example.test>", ("bob", "example.test")),
        ("<>", ("", "")),
        ("", ("", "")),
        ("<Postmaster>", ("postmaster", "")),
        ('"b o\\"b"@example.test', ('b o"b', "example.test")),
        ('"a@b"@example.test', ("a@b", "example.test")),
        ("a@b@example.test", ("a@b", "example.test")),
        ("bob@example.test.", ("bob", "example.test")),
    ],
)
def test_an_address_is_split_in_lower_case(address: str, parts: tuple[str, str]) -> None:
    assert split(address) == parts


@pytest.mark.parametrize(
    ("address", "accounts"),
    [
        ("bob@example.test", ("Bob",)),
        ("BOB@SECOND.TEST", ("Bob",)),
        ('"bob"@example.test', ("Bob",)),
        ("bob+news@second.test", ("Bob",)),
        ("c+c@example.test", ("c+c",)),
        ("info@example.test", ("Bob", "carol")),
        ("INFO+x@example.test", ("Bob", "carol")),
        ("postmaster@example.test", ("admin",)),
        ("abuse+x@second.test", ("admin",)),
        ("Postmaster@smtp.example.test", ("admin",)),
        ("Postmaster", ("admin",)),
        ("root@smtp.example.test", ("admin",)),
        ("MAILER-DAEMON@smtp.example.test", ("admin",)),
        ("dmarc@example.test", ("admin",)),
    ],
)
def test_mail_goes_to(address: str, accounts: tuple[str, ...]) -> None:
    assert accounts_of(address, config(), known) == accounts


@pytest.mark.parametrize(
    "address",
    [
        "nobody@example.test",
        "info@second.test",
        "gone@example.test",
        "bob@smtp.example.test",
        "bob@other.test",
        "bob",
        "root@example.test",
        "postmaster@other.test",
        "dmarc@second.test",
        "+bob@example.test",
        "",
    ],
)
def test_mail_goes_to_nobody(address: str) -> None:
    assert accounts_of(address, config(), known) == ()


@pytest.mark.parametrize(
    ("account", "address"),
    [
        ("Bob", "bob@example.test"),
        ("bob", "BOB+x@second.test"),
        ("c+c", "c+c@example.test"),
        ("carol", "info@example.test"),
        ("carol", "info+x@example.test"),
        ("Admin", "anything@second.test"),
    ],
)
def test_an_account_may_send_as(account: str, address: str) -> None:
    assert may_send_as(account, address, config())


@pytest.mark.parametrize(
    ("account", "address"),
    [
        ("bob", "carol@example.test"),
        ("bob", "bob@other.test"),
        ("bob", "bob@smtp.example.test"),
        ("bob", "bob"),
        ("bob", ""),
        ("carol", "info@second.test"),
        ("c", "c2@example.test"),
        ("admin", "admin@other.test"),
        ("admin", "@example.test"),
    ],
)
def test_an_account_may_not_send_as(account: str, address: str) -> None:
    assert not may_send_as(account, address, config())


_PATHS = st.text(st.sampled_from('ab.@"\\<> ()[]:,\x07\xe9-'), max_size=12)


@given(_PATHS)
@example('"a > \\" b"@example.test')
def test_what_is_sendable_is_a_path_of_lmtp(address: str) -> None:
    if sendable(address):
        assert printable(address)
        assert re.fullmatch(PATH, address.removeprefix("<").removesuffix(">"))


def test_an_address_is_sendable_up_to_256_characters_with_its_brackets() -> None:
    assert sendable("a" * 241 + "@example.test")
    assert not sendable("a" * 242 + "@example.test")
