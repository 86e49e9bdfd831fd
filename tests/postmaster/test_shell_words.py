"""What an inventory says is quoted or refused before it reaches a shell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from postmaster.parse import SettingsError
from postmaster.settings_table import SERVER_SETTINGS, BadValue, Setting
from tests.postmaster.test_settings import reasons, site
from tests.rooms import ROOT, sources

HOSTILE = (
    "v2; touch x; #", "$(touch x)", "`touch x`", "a\nb", "a b", "a'b", 'a"b', "a|b", "a>b", "a&b",
    "a\x1b[2J", "a\\b", "a*b", "-rf", "a{b,c}", "~root", "a\u202eb", "a\0b", "fe80::1%$(touch x)",
)  # fmt: skip
# Where each setting's value can have a text of the user's, with that text in it.
SHAPES = (
    "{}", "https://{}", "https://host.test/{}", "/{}", "{}@example.com", "mailto:{}@example.com",
    "a.{}", "{}.example.com", "8.8.8.8{}", "::1%{}", "a{}",
)  # fmt: skip
# Characters that mean something to a shell between words, or to who reads the screen.
ACTIVE = re.compile(r"[\s;$`'\"|<>\\(){}\x00-\x1f\x7f-\x9f\u200b-\u202e\u2066-\u2069]|&&|^-|^~")
# Files on this machine, and names for people: they reach no command. An address's local part may
# have `$`, so every command that takes one quotes it.
NO_COMMAND = {
    *("acme_ca_file", "tls_trust_file", "tls_cert_file", "tls_key_file", "dkim_key_file"),
    *("dane_trust_anchor", "users", "smarthost", "smarthosts", "aliases", "dmarc_rua"),
    *("acme_email", "tls_rpt"),
}


def texts(value: Any) -> Iterator[str]:
    """All texts in a setting's value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from texts(each)


def read(setting: Setting, value: object) -> Iterator[str]:
    for given in (value, [value]):
        try:
            yield from texts(setting.read(given))
        except BadValue:
            continue


@pytest.mark.parametrize("setting", SERVER_SETTINGS, ids=lambda each: each.name)
def test_a_setting_has_no_text_that_a_shell_obeys(setting: Setting) -> None:
    given = [shape.format(hostile) for shape in SHAPES for hostile in HOSTILE]
    found = {text for each in given for text in read(setting, each) if ACTIVE.search(text)}
    assert setting.name in NO_COMMAND or found == set()


@pytest.mark.parametrize("hostile", ["a\nb", "a\x1b[2J", "a\u202eb", "a\0b", "a\rb"], ids=ascii)
def test_no_setting_has_a_character_that_is_not_seen(hostile: str) -> None:
    for setting in SERVER_SETTINGS:
        for shape in SHAPES:
            assert all(text.isprintable() for text in read(setting, shape.format(hostile)))
    user = {"account": "bob", "name": hostile}
    assert len(reasons(users=[user])) == 1
    provider = {"host": "smtp.provider.test", "user": "site", "password_env": "PROVIDER"}
    for name in ("host", "user", "password_env"):
        with pytest.raises(SettingsError):
            site(outbound="smarthost", smarthost={**provider, name: hostile})


def test_a_version_that_ran_as_root_is_refused() -> None:
    (reason,) = reasons(pmail_version="v2; touch x; #")
    assert "pmail_version" in reason
    assert site(pmail_version="v2.9.7-rc.1").servers[0].source.version == "v2.9.7-rc.1"


@pytest.mark.parametrize("name", ["pmail_source", "pmail_mirror", "acme_directory"])
def test_a_password_in_an_address_is_refused_and_not_shown(name: str) -> None:
    (reason,) = reasons(**{name: "https://user:pa55word@host.test/x"})
    assert name in reason and "pa55word" not in reason
    assert len(reasons(**{name: "http://host.test/x"})) == 1


def test_a_token_in_place_of_a_smarthost_s_variable_is_refused_and_not_shown() -> None:
    token = "SG.abcDEF123-_x"
    provider = {"host": "smtp.provider.test", "user": "site", "password_env": token}
    found = reasons(outbound="smarthost", smarthost=provider)
    assert token not in " ".join(found) and "smarthost" in found[0]


@pytest.mark.parametrize("name", ["_sudo_password", "_su_password"])
def test_a_password_for_sudo_in_the_inventory_is_refused_and_not_shown(name: str) -> None:
    (reason,) = reasons(**{name: "pa55word"})
    assert name in reason and "pa55word" not in reason


# -- commands --------------------------------------------------------------------------------------

# What makes a text a command, and what in it comes from an inventory.
COMMAND = re.compile(
    r"(;|&&|\|\||\| |2>| -[a-z]\b|\b(sh|rm|mv|cat|ls|stat|install|grep|nft|curl) )"
)
FROM_INVENTORY = re.compile(
    r"\b(server|smarthost|source|tls|asked|domain|zone|user|site|request)\.\w|"
    r"\b(account|email|domain|web_host|mail_host|version|location)\b"
)
QUOTED = re.compile(r"^(shlex\.)?quote\(|map\((shlex\.)?quote, |^text\(|^shlex\.join\(|^say\(")


def unquoted(source: str) -> list[tuple[int, str]]:
    """Return what of an inventory stands in a command as it is: line, expression."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.JoinedStr):
            continue
        written = "".join(str(v.value) for v in node.values if isinstance(v, ast.Constant))
        parts = [ast.unparse(v.value) for v in node.values if isinstance(v, ast.FormattedValue)]
        found += [
            (node.lineno, part)
            for part in parts
            if COMMAND.search(written) and FROM_INVENTORY.search(part) and not QUOTED.search(part)
        ]
    return found


@pytest.mark.parametrize(
    "path",
    [
        each
        for each in sources()
        if each.parts[0] == "deploys" or each.parts[:2] == ("probes", "host")
    ],
    ids=Path.as_posix,
)
def test_no_command_has_a_text_of_the_inventory_unquoted(path: Path) -> None:
    # A version of the rules, made of hexadecimal digits.
    digests = {"configure.firewall_version(server)"}
    # SQL, quoted as that.
    sql = path == Path("deploys/accounts/stored.py")
    assert [each for each in unquoted(sources()[path]) if each[1] not in digests and not sql] == []


@pytest.mark.parametrize(
    ("line", "noticed"),
    [
        ('read(host, f"rm -f {server.source.version}")', True),
        ('read(host, f"cat {folder}/{account} | wc")', True),
        ('read(host, f"rm -f {shlex.quote(server.source.version)}")', False),
        ('host.log(f"{server.host} is {text(message, domain=domain)}")', False),
    ],
)
def test_a_command_with_a_text_of_the_inventory_is_noticed(line: str, noticed: bool) -> None:
    assert bool(unquoted(line)) is noticed
    assert ROOT.is_dir()
