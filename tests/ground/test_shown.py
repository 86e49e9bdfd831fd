"""What is said has no secret in it, in whatever form, and no character that is not seen."""

from __future__ import annotations

import base64
import html
import io
import json
import pprint
import textwrap
import unicodedata
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dns_providers.rrset import CAA, TXT, Other
from ground.columns import aligned
from ground.errors import Told
from ground.messages.en.secret import TEXTS
from ground.secret_values import BadSecret, read_file, read_variable
from ground.shown import (
    CONTINUED,
    is_name_of_variable,
    is_path,
    json_line,
    keep_secret,
    one_line,
    redacted,
    shortened,
    shown,
    shown_in,
    shown_on,
    visible,
    without_tokens,
)
from ground.words import Words, lines, text

SECRETS = (
    "k7+Q/z9=='\"\\x-~y%é",
    "v1.0-2ab37bd6c1d94e3bb0d1",
    "K2tf3TRrmE7TJd+m2NPBuw==",
    "hunter2",
    "abc\ndef0123456789",
)
# What libraries make of a secret before they put it into a text.
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "repr": repr,
    "repr of octets": lambda secret: repr(secret.encode()),
    "JSON": json.dumps,
    "HTML": html.escape,
    "percent-encoded": lambda secret: quote(secret, safe=""),
    "percent-encoded as a path": quote,
    "in a query": quote_plus,
    "encoded twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "password of a URL": lambda secret: f"https://user:{secret}@host.test/",
    "in a URL's query": lambda secret: f"https://host.test/?key={quote(secret)}&a=b",
    "header": lambda secret: f"{{'X-API-Key': {secret!r}}}",
    "Basic authorization": lambda secret: (
        "Authorization: Basic " + base64.b64encode(f"user:{secret}".encode()).decode()
    ),
    "Base64 alone": lambda secret: f"({base64.b64encode(secret.encode()).decode()})",
    "Base64 for URLs": lambda secret: base64.urlsafe_b64encode(f"a:{secret}".encode()).decode(),
    "hex": lambda secret: secret.encode().hex(),
    "over two lines": lambda secret: (
        f"{secret[:5]}\n      {secret[5:]}" if len(secret) > 8 else secret
    ),
    "wrapped": lambda secret: pprint.pformat(f"says {secret} of {secret} and more of it", width=20),
    "folded": lambda secret: "\n".join(textwrap.wrap(secret, 9)) if " " not in secret else secret,
}


def has(said: str, secret: str) -> bool:
    """Whether a person could read a secret, or more than a scrap of it, out of a text."""
    whole = "".join(said.split()).replace("'", "").replace('"', "").replace("\\", "")
    scrap = "".join(secret.split()).replace("'", "").replace('"', "").replace("\\", "")
    return scrap in whole or repr(secret)[1:-1] in said


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_that_was_read_is_not_shown_whatever_a_library_makes_of_it(
    secret: str, form: str
) -> None:
    said = f"it failed: {FORMS[form](secret)}, so there"
    keep_secret(secret)
    told = str(Told("dns.error.http_unreachable", url="api.test", reason=said))
    for out in (redacted(said), shown(said), told, text("rotation.cut", host="a", reason=said)):
        assert not has(out, secret)
        assert "***" in out and "it failed: " in out and out.count("so there") == 1
        for part in _decoded(out):
            assert secret.encode() not in part


def _decoded(said: str) -> list[bytes]:
    """What the words of a text are in Base64, where they are that."""
    found = []
    for word in said.replace("(", " ").replace(")", " ").replace(",", " ").split():
        for coding in (base64.b64decode, base64.urlsafe_b64decode):
            try:
                found.append(coding(word + "=" * (-len(word) % 4)))
            except ValueError:
                continue
    return found


@given(
    st.text(min_size=8, max_size=60).filter(str.strip), st.sampled_from(sorted(FORMS)), st.text()
)
@example("aaaaaaaa", "Basic authorization", "")
def test_no_secret_of_any_letters_is_shown(secret: str, form: str, around: str) -> None:
    secret = "".join(secret.split()).replace("\x00", "") + "8letters"
    keep_secret(secret)
    said = redacted(f"{around}: {FORMS[form](secret)} {around}")
    assert secret not in said and repr(secret)[1:-1] not in said


@pytest.mark.parametrize(
    "said",
    [
        "https://user:pa/ss@host.test/x",
        "redis://:pa55@host.test:6379",
        "https://t0ken@host.test/x.git",
        "{'Authorization': 'Bearer pa55pa55'}",
        "authorization: token pa55pa55",
        "X-Auth-Key: pa55",
        "-----BEGIN PRIVATE KEY-----\npa55\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\npa55 (cut off",
    ],
)
def test_what_looks_like_a_credential_is_not_shown_though_nobody_read_it(said: str) -> None:
    assert not any(each in redacted(said) for each in ("pa55", "pa/ss", "t0ken"))


@pytest.mark.parametrize(
    "said",
    [
        "https://ns1.example.com:8081/api/v1/servers/localhost/zones/example.com./@",
        "mailto:dmarc@example.com",
        "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A",
        "the API key was refused (401), the authorization too",
        "user@host: 5.7.1 not allowed",
    ],
)
def test_what_is_no_credential_stays(said: str) -> None:
    keep_secret("v1.0-2ab37bd6c1d94e3bb0d1")
    assert redacted(said) == said


def test_no_beginning_of_a_secret_is_left_where_a_text_is_cut() -> None:
    keep_secret(SECRETS[1])
    assert shortened(f"no: {SECRETS[1]}", 20) == "no: ***"


# -- characters ----------------------------------------------------------------------------------

HOSTILE = (
    "\x1b[2J\x1b[1;1H", "\x1b]0;title\x07", "\r", "\x08" * 8, "\x9b31m", "\x00", "\u202e", "\u2066",
    "\u200b", "\ufeff", "\u2028", "\u0085", "\x7f", "\udc9b", "\x0b\x0c", "\u00ad", "\U000e0041",
)  # fmt: skip


def unseen(said: str) -> set[str]:
    return {
        char
        for char in said
        if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Co") and char != "\n"
    }


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_what_others_wrote_has_no_character_that_is_not_seen(hostile: str) -> None:
    said = f"550 no{hostile}yes"
    for out in (
        shown(said),
        visible(said),
        text("rotation.cut", host=said, reason=Exception(said)),
        str(Words.of("rotation.cut", host="a", reason=said)),
        str(Words.of("rotation.cut", host="a", reason="b").having(host=said)),
        str(Told("rotation.cut", host="a", reason=Told("rotation.cut", host=said, reason=said))),
        lines([said, said]),
    ):
        assert unseen(out) == set()
        assert ascii(hostile[0])[1:-1] in out


@given(st.text())
def test_a_text_is_the_same_however_often_it_is_said(said: str) -> None:
    assert unseen(shown(said)) == set()
    assert shown(shown(said)) == shown(said)


def test_a_further_line_of_others_cannot_be_taken_for_ours() -> None:
    said = text("rotation.cut", host="a", reason="no\n[host] Success\r\n\n  + MX\n")
    head, *more = said.splitlines()
    assert "no" in head and len(more) == 3
    assert all(line.startswith(CONTINUED) for line in more)
    again = text("rotation.cut", host="b", reason=said)
    assert [each.startswith(CONTINUED) for each in again.splitlines()] == [False, True, True, True]


@given(st.text())
@example("a\nb\x9b\u202e\U000e0041\ud800")
def test_a_line_of_a_list_is_one_line_and_one_for_programs_is_their_data(said: str) -> None:
    (line,) = aligned([(said, said)]) or ("",)
    for shown_as in (one_line(said), line, json_line([said])):
        assert unseen(shown_as) == set() and "\n" not in shown_as
    assert json.loads(json_line([said])) == [said]
    assert visible(json_line([said]), styles=True) == json_line([said])


def test_a_record_s_value_is_on_one_line_of_a_plan() -> None:
    forged = b"v=spf1 -all\n[zone] + MX\x1b[2J\x7f"
    for value in (TXT(forged), CAA(0, "issue", forged), Other(forged, forged.decode())):
        assert "\n" not in str(value) and unseen(str(value)) == set()
    assert str(TXT(b"a\nb")) == '"a\\010b"'


def test_lines_of_ours_stay_lines() -> None:
    several = lines(["one", "two\nforged"], "  - ")
    assert several == f"  - one\n  - two\n{CONTINUED}forged"
    assert several in text("rotation.cut", host="a", reason=several)


def test_data_for_a_file_has_neither(tmp_path: Path) -> None:
    keep_secret(SECRETS[1])
    data = {"a\x9b": ["\x1b[2J", ({"b": f"x{SECRETS[1]}\n"}, 1, None)], "c": True}
    assert shown_in(data) == {"a\\x9b": ["\\x1b[2J", [{"b": "x***\n"}, 1, None]], "c": True}


def test_chinese_and_other_scripts_stay_as_they_are() -> None:
    assert shown("邮件服务器：пример, ñ — “x”") == "邮件服务器：пример, ñ — “x”"


# -- the screen ----------------------------------------------------------------------------------


def screened(*texts: str) -> str:
    below = io.StringIO()
    screen = shown_on(shown_on(below))
    for each in texts:
        screen.write(each)
    return below.getvalue()


@pytest.mark.parametrize("hostile", [each for each in HOSTILE if each != "\r"], ids=ascii)
def test_the_screen_shows_no_character_that_a_terminal_obeys(hostile: str) -> None:
    assert unseen(screened(f"a{hostile}b\n")) == set()


def test_styles_of_our_own_and_the_spinner_of_pyinfra_reach_the_screen() -> None:
    styled = "\x1b[32m  + a\tb\x1b[0m\n"
    assert screened(styled, "    - 10% \r", "\x1b[K") == styled + "    - 10% \r\x1b[K"
    assert "\r" not in screened("Success\rError")
    assert "\x1b[8m" not in screened("\x1b[8mhidden\x1b[0m")


def test_no_secret_reaches_the_screen_and_there_is_no_way_around() -> None:
    keep_secret(SECRETS[0])
    assert not has(screened(f"Traceback: {SECRETS[0]!r}\n"), SECRETS[0])
    screen = shown_on(io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert not hasattr(screen, "buffer") and not hasattr(screen, "detach")
    screen.write("邮件\n")


# -- secrets as they are read --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "secret.empty"),
        (" \n", "secret.empty"),
        ("one\ntwo", "secret.lines"),
        ("one\r\n\r\ntwo", "secret.lines"),
        ("one\u2028two", "secret.lines"),
        (" token", "secret.blanks"),
        ("token\t", "secret.blanks"),
        ("Bearer token", "secret.blanks"),
        ("to\u00a0ken", "secret.blanks"),
        ("to\x1bken", "secret.unprintable"),
        ("to\u200bken", "secret.unprintable"),
        ("\ufefftoken", "secret.unprintable"),
    ],
    ids=ascii,
)
def test_what_can_be_no_secret_is_refused_and_not_shown(value: str, problem: str) -> None:
    with pytest.raises(BadSecret) as error:
        read_variable(value, "MY_TOKEN")
    assert error.value.words == Words.of(problem, where="MY_TOKEN")
    assert problem in TEXTS and "token" not in str(error.value)


def test_one_line_end_after_a_secret_does_no_harm() -> None:
    assert read_variable("token\r\n", "MY_TOKEN") == "token"


def test_a_password_that_people_chose_may_have_blanks_inside_and_at_no_end() -> None:
    assert read_variable("correct horse", "A", chosen=True) == "correct horse"
    for bad in (" correct horse", "correct horse ", "correct\thorse", "correct\nhorse"):
        with pytest.raises(BadSecret):
            read_variable(bad, "A", chosen=True)


def test_a_private_key_may_have_lines() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    assert read_variable(pem, "TRANSIP_KEY") == pem.rstrip()
    with pytest.raises(BadSecret):
        read_variable(pem.replace("AAAA", "AA\x1bAA"), "TRANSIP_KEY")


def test_a_file_that_is_no_text_is_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadSecret, match="token"):
        read_file(path)
    path.write_text("token\n")
    assert read_file(path) == "token"


@pytest.mark.parametrize(
    "name", ["PMAIL_TSIG", "TOKEN", "CF_TOKEN_2", "SECOND_TOKEN", "AWS_KEY1", "my_token", "R_53"]
)
def test_names_of_variables_look_like_it(name: str) -> None:
    assert is_name_of_variable(name)


@pytest.mark.parametrize(
    "token",
    [
        "abc123DEF456ghi789",
        "v1.0-2ab37bd6c1d94e3bb0d1",
        "K2tf3TRrmE7TJd+m2NPBuw==",
        "AKIAIOSFODNN7EXAMPLE",
        "deadbeefdeadbeef",
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "q9Zx_T-4mM",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "hunter2",
        "",
    ],
)
def test_tokens_do_not_look_like_names_or_paths(token: str) -> None:
    assert not is_name_of_variable(token)
    assert not is_path(token)


def test_words_that_may_be_tokens_are_taken_out_and_others_stay() -> None:
    said = "name 'Abc123DEF456ghi' is not in /etc/a1/b2.conf, secrets/cf2026.token or PMAIL_TSIG_2"
    assert without_tokens(said) == said.replace("Abc123DEF456ghi", "***")


@pytest.mark.parametrize("path", ["/a/b", "~/token", "./x", "secrets/cf.token", "token.txt"])
def test_paths_look_like_it(path: str) -> None:
    assert is_path(path)
