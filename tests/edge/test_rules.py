"""What may pass depends on where it came in, on who sends it and on what our own milters say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from edge.accounts import Unreadable
from edge.config import Forgeries, Unknown
from edge.fields import Headers
from edge.rules import Decision, Message, Rules
from tests.edge.sample import config, known

_US = "smtp.example.test"
_DKIM = ("Authentication-Results", f"{_US};\n\tdkim=none")
_PASS = ("Authentication-Results", f"{_US}; dmarc=pass (p=none dis=none) header.from=far.test")
_SPF = ("Authentication-Results", f"{_US}; spf=pass smtp.mailfrom=far.test")
_FROM = ("From", "Ann <ann@far.test>")
_RECEIVED = ("Received", "from x by y; Thu, 1 Jan 1970 00:00:00 +0000")
_TRACE = ("X-PMail-Deploy-Trace", f"{_US} <ann@far.test>")


@dataclass(slots=True)
class _Purses:
    limit: str = ""
    forwards: bool = True
    spent: list[tuple[str, int]] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    forwarded: list[str] = field(default_factory=list)

    def spend(self, mailbox: str, recipients: int, message: str = "") -> str:
        self.spent.append((mailbox, recipients))
        self.named.append(message)
        return self.limit

    def forward(self, mailbox: str) -> bool:
        self.forwarded.append(mailbox)
        return self.forwards


def _rules(
    purses: _Purses | None = None,
    unknown: Unknown = "reject",
    forgeries: Forgeries = "keep",
    proving: bool = False,
) -> Rules:
    return Rules(config(unknown, forgeries), known, purses or _Purses(), lambda: proving)


def _unreadable(name: str) -> str | None:
    raise Unreadable


def _world(*headers: tuple[str, str]) -> Message:
    return Message("edge", "", "ann@far.test", 1, headers)


def _signed(domain: str) -> tuple[str, str]:
    return ("DKIM-Signature", f"v=1; a=rsa-sha256;\n\td={domain}; s=k1; b=abc")


def _program(*headers: tuple[str, str], login: str = "bob") -> Message:
    return Message("submission", login, "bob@example.test", 3, headers)


def _webmail(*headers: tuple[str, str], sender: str = "bob@example.test") -> Message:
    return Message("pmail", "", sender, 2, headers)


_MINE = (_signed("example.test"), ("From", "Bob <bob@example.test>"))


# Recipients


@pytest.mark.parametrize(
    "address", ["<BOB@example.test>", "bob+x@second.test", "info@example.test", "Postmaster"]
)
def test_a_recipient_that_is_somebody_is_accepted(address: str) -> None:
    assert _rules().recipient("edge", address) == Decision()


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("nobody@example.test", "550 5.1.1 "),
        ("sent-copies@example.test", "550 5.1.1 "),
        ("SENT-COPIES+x@smtp.example.test", "550 5.1.1 "),
        ("bob@other.test", "550 5.7.1 "),
        ("bob@sent.invalid", "550 5.1.2 "),
    ],
)
def test_a_recipient_that_is_nobody_is_refused(address: str, code: str) -> None:
    assert _rules().recipient("edge", address).reply.startswith(code)


def test_everybody_is_accepted_for_the_administrator_but_the_account_of_sent_copies() -> None:
    rules = _rules(unknown="admin")
    assert not rules.recipient("edge", "nobody@example.test").reply
    assert rules.recipient("edge", "sent-copies@second.test").reply.startswith("550 5.1.1 ")
    assert rules.recipient("edge", "bob@other.test").reply.startswith("550 5.7.1 ")


def test_recipients_wait_while_the_accounts_cannot_be_read() -> None:
    rules = Rules(config(), _unreadable, _Purses(), lambda: False)
    assert rules.recipient("edge", "bob@example.test").reply.startswith("450 4.3.0 ")


@pytest.mark.parametrize("daemon", ["submission", "pmail"])
def test_nobody_puts_a_message_into_a_sent_folder_by_hand(daemon: str) -> None:
    assert _rules().recipient(daemon, "carol@sent.invalid").reply.startswith("550 5.1.2 ")
    assert not _rules().recipient(daemon, "carol@far.test").reply


def test_only_a_deploy_proves_signatures_by_the_way_of_pmail_and_only_meanwhile() -> None:
    for daemon in ("edge", "submission", "pmail"):
        for proving in (False, True):
            decided = _rules(proving=proving).recipient(daemon, "x@Proof.invalid")
            if proving and daemon in ("pmail", "submission"):
                assert decided == Decision(free=True)
            else:
                assert decided.reply.startswith("550 5.1.2 ")


def test_a_proof_passes_an_empty_purse_and_costs_nothing() -> None:
    purses = _Purses(limit="2 messages an hour")
    proof = replace(_webmail(*_MINE), recipients=0)
    assert _rules(purses).message(proof) == Decision()
    assert purses.spent == []
    assert _rules(purses).message(_webmail(*_MINE)).reply.startswith("450 4.7.1 ")


def test_recipients_of_what_postfix_makes_itself_are_accepted() -> None:
    assert not _rules().recipient("internal", "admin@sent.invalid").reply


# From the world


def test_dmarc_that_passed_is_trusted() -> None:
    assert _rules().message(_world(_PASS, _SPF, _DKIM, _FROM)) == Decision(verdict="trusted")


def test_what_a_login_on_this_host_sends_is_not_trusted_for_the_hosts_address() -> None:
    ours = ("Authentication-Results", f"{_US}; dmarc=pass header.from=example.test")
    for result, author, verdict in (
        (ours, ("From", "ceo@example.test"), "forged"),
        (_PASS, _FROM, "untrusted"),
    ):
        message = replace(_world(result, _SPF, _DKIM, author), here=True)
        assert _rules().message(message) == Decision(verdict=verdict, doubtful=True)
    assert _rules().message(replace(_world(_SPF, _DKIM, _FROM), here=True)).verdict == "untrusted"


@pytest.mark.parametrize(
    ("dmarc", "spf", "verdict"),
    [
        ("fail", "pass", "untrusted"),
        ("none", "pass", "trusted"),
        ("none", "fail", "untrusted"),
        ("none", "none", "untrusted"),
        ("permerror", "pass", "untrusted"),
        (None, "pass", "trusted"),
        (None, None, "untrusted"),
    ],
)
def test_without_dmarc_spf_counts(dmarc: str | None, spf: str | None, verdict: str) -> None:
    headers: Headers = (_DKIM, _FROM)
    if spf:
        headers = (("Authentication-Results", f"{_US}; spf={spf} smtp.mailfrom=x"), *headers)
    if dmarc:
        value = f"{_US.upper()}; dmarc={dmarc} (p=none dis=none) header.from=far.test"
        headers = (("authentication-results", value), *headers)
    assert _rules().message(_world(*headers)).verdict == verdict


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param((_DKIM, _PASS, _SPF, _FROM), id="below OpenDKIM's"),
        pytest.param((_RECEIVED, _PASS, _SPF, _FROM), id="below a Received"),
        pytest.param(
            (("Authentication-Results", f"{_US}; dmarc=fail"), _PASS, _SPF, _FROM), id="2"
        ),
        pytest.param(
            (("Authentication-Results", "other.test; dmarc=pass header.from=far.test"), _FROM),
            id="another server's",
        ),
        pytest.param(
            (("Authentication-Results", f"other.test (; {_US}); dmarc=pass"), _FROM), id="comment"
        ),
        pytest.param(
            (("Authentication-Results", f'{_US}; spf=fail x="; spf=pass"; x=y'), _DKIM, _FROM),
            id="quoted",
        ),
        pytest.param(
            (("Authentication-Results", f"{_US}; spf=fail x=(; spf=pass"), _SPF, _DKIM, _FROM),
            id="bracket that gapes",
        ),
    ],
)
def test_results_that_came_with_the_message_count_for_nothing(headers: Headers) -> None:
    assert _rules().message(_world(*headers)).verdict == "untrusted"


@pytest.mark.parametrize(
    "author",
    [
        "ann@far.test, ceo@other.test",
        "<ann@other.test>",
        "Foo, Inc. <ann@far.test>",
        "a@other.test <ann@far.test>",
        '"ceo@example.test" <ann@far.test>',
        "(Ann) <ann@far.test>",
        "Ann: <ann@far.test>",
        '"ann"@far.test',
        "ann&#64@far.test",
        "=?utf-8?q?ann?=@far.test",
        "=?utf-8?q?a_=3Cx=3E?= <ann@far.test>",
        "=?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?= <ann@far.test>",
        '"=?utf-8?q?=3Cx@y=3E?=" <ann@far.test>',
        "=?utf-7?q?+ADw-x+AEA-y?= <ann@far.test>",
        "=?none?q?x?= <ann@far.test>",
        '"a < b" <ann@far.test>',
        "a\uff20other.test <ann@far.test>",
        "<ann@far.test> Ann",
        "< ann@far.test>",
    ],
)
def test_a_pass_for_another_author_than_everybody_reads_is_none(author: str) -> None:
    message = _world(_PASS, _DKIM, ("From", author))
    assert _rules().message(message).verdict == "untrusted"


@pytest.mark.parametrize(
    "author",
    [
        "CEO <ceo@Example.TEST>",
        "ceo@sub.second.test",
        "root@smtp.example.test",
        "x@far.test, ceo@example.test",
        "<x@far.test> <ceo@example.test>",
        '"gaping <ceo@example.test>',
        "ceo@example.test.",
        "ceo@\uff45xample.test",
        '"<ceo@example.test>" a@far.test',
        "(hi) a@far.test (<ceo@example.test>)",
        "x:y a@far.test (<ceo@example.test>)",
        "(<bob@example.test>) a@far.test",
        'CEO <"ceo@example.test<x"@far.test>',
        '"ceo@example.test<!--"@far.test',
        "ceo@example.test <ann@far.test>",
        "ceo&#64example.test@far.test",
        '"ceo&#64;exa<b>mple.test<" <ann@far.test>',
        "=?utf-8?q?=3Cceo=40example.test=3E?= <ann@far.test>",
        '"=?utf-8?b?PGNlb0BleGFtcGxlLnRlc3Q+?=" <ann@far.test>',
        "=?utf-8?q?ceo=40example.test?= <ann@far.test>",
        "ann@far.test (ceo@smtp.example.test)",
        'A "B\\" <c@example.test>" D <ann@far.test>',
        "ann@far.test (ceo@ example . test)",
    ],
)
def test_an_own_address_without_dmarc_is_forged(author: str) -> None:
    message = _world(_PASS, _SPF, _DKIM, ("From", author))
    assert _rules().message(message).verdict == "forged"
    refused = _rules(forgeries="refuse").message(message)
    assert refused.reply.startswith("550 5.7.1 ")
    assert not refused.verdict


@pytest.mark.parametrize(
    ("senders", "verdict"),
    [
        (("ann@far.test",), "trusted"),
        (("A list <list@lists.test>",), "trusted"),
        (("ceo@example.test",), "untrusted"),
        (("<root@smtp.example.test>",), "untrusted"),
        (("CEO <ceo@sub.second.test>",), "untrusted"),
        (("(<ceo@example.test>) ann@far.test",), "untrusted"),
        (("nobody",), "untrusted"),
        (("ann@far.test", "ceo@example.test"), "untrusted"),
        (("ann@far.test", "ann@far.test"), "untrusted"),
    ],
)
def test_nobody_of_ours_is_shown_as_the_sender(senders: tuple[str, ...], verdict: str) -> None:
    named = [("Sender", each) for each in senders]
    for results in ((_PASS, _DKIM), (_SPF, _DKIM)):
        assert _rules().message(_world(*results, _FROM, *named)).verdict == verdict


def test_the_author_of_an_own_domain_may_be_its_sender_too() -> None:
    result = ("Authentication-Results", f"{_US}; dmarc=pass header.from=second.test")
    for sender, verdict in (("BOB@second.test", "trusted"), ("x@second.test", "untrusted")):
        headers = (result, _DKIM, ("From", "bob@second.test"), ("Sender", sender))
        assert _rules().message(_world(*headers)).verdict == verdict


def test_an_author_whom_readers_could_take_for_another_is_not_trusted_for_spf() -> None:
    author = ("From", "ann@far.test (Ann, Bea)")
    assert _rules().message(_world(_SPF, _DKIM, author)).verdict == "untrusted"


@pytest.mark.parametrize("digits", [3000, 9000])
def test_a_long_from_is_judged_too(digits: int) -> None:
    author = ("From", f"=?punycode?q?{'a' * digits}?= &#{'9' * digits}; <ceo@example.test>")
    assert _rules().message(_world(_PASS, author)).verdict == "forged"


_BACKSCATTER = [
    "b\xe9b@example.test",
    "b\udcc3\udca9b@example.test",
    '"b\x07ob"@example.test',
    "b\x7fob@example.test",
    "bob@ex\xe4mple.test",
    "a" * 242 + "@example.test",
    "bob@carol@example.test",
    'bob@"x>y"',
    "b\\ob@example.test",
]


@pytest.mark.parametrize("address", _BACKSCATTER)
@pytest.mark.parametrize("daemon", ["edge", "submission", "pmail"])
def test_a_recipient_that_lmtp_cannot_be_told_is_refused_at_once(daemon: str, address: str) -> None:
    reply = _rules(unknown="admin").recipient(daemon, address).reply
    assert reply.startswith("553 5.1.3 ")
    assert not _rules().recipient("internal", address).reply


@pytest.mark.parametrize("address", _BACKSCATTER)
def test_a_sender_that_lmtp_cannot_be_told_is_refused_at_once(address: str) -> None:
    world = replace(_world(_PASS, _DKIM, _FROM), sender=address)
    program = replace(_program(*_MINE, login="admin"), sender=address)
    for message in (world, program):
        assert _rules().message(message).reply.startswith("550 5.1.7 ")


@pytest.mark.parametrize("sender", ["", "a..b.@far.test", '"a > b"@far.test', "a@[192.0.2.1]", "a"])
def test_other_senders_in_the_world_are_taken(sender: str) -> None:
    assert _rules().message(replace(_world(_PASS, _DKIM, _FROM), sender=sender)).verdict


def test_an_own_address_with_dmarc_is_trusted() -> None:
    result = ("Authentication-Results", f"{_US}; dmarc=pass header.from=second.test")
    message = _world(result, _DKIM, ("From", "Bob via list <bob@second.test>"))
    assert _rules(forgeries="refuse").message(message) == Decision(verdict="trusted")


@pytest.mark.parametrize(
    "author",
    [
        "ann@far.test",
        "<ann@far.test>",
        "Ann<ann@far.test>",
        "Ann J. O'Hara [x] <ann@far.test>",
        '"Ann (Smith, \\"A\\"): x; y" <ann@far.test>',
        "\"'bob@example.test' by a list\" <ann@far.test>",
        '"ann@far.test" <ann@far.test>',
        "ann@far.test <ANN@far.test>",
        "\"'ann@far.test'\" <ann@far.test>",
        "=?utf-8?q?ann=40far.test?= <ann@far.test>",
        "=?utf-8?B?TcO8bGxlcg==?=\n =?iso-8859-1*de?q?_M=FCller?= B. <ann@far.test>",
        '"=?gb2312?B?1cXI/Q==?=" <ann@far.test>',
        "=?iso-2022-jp?B?GyRCOzNFRBsoQg==?= <ann@far.test>",
        "M\xfcller <ann@far.test>",
        "M\udcfcller <ann@far.test>",
        'A "B, C" D\n\t<ann@far.test>',
    ],
)
def test_a_name_that_everybody_tells_from_an_address_is_trusted(author: str) -> None:
    assert _rules().message(_world(_PASS, _DKIM, ("From", author))).verdict == "trusted"


@pytest.mark.parametrize(
    "headers",
    [(), (_FROM, _FROM), (("From", "Ann"),), (("From", "<>"),), (("From", '"ann@far.test"'),)],
)
def test_a_message_needs_one_from_with_an_address(headers: Headers) -> None:
    assert _rules().message(_world(*headers)).reply.startswith("550 5.7.1 ")


def test_a_message_that_has_been_here_too_often_is_refused() -> None:
    foreign = ("X-PMail-Deploy-Trace", "smtp.far.test <>")
    assert not _rules().message(_world(*[_TRACE] * 5, *[foreign] * 9, _FROM)).reply
    assert _rules().message(_world(*[_TRACE] * 6, _FROM)).reply.startswith("554 5.4.6 ")


@pytest.mark.parametrize("forgeries", ["keep", "refuse"])
@pytest.mark.parametrize("author", ["ann@far.test", "bob@example.test"])
def test_what_does_not_pass_is_in_doubt_as_a_host_without_dns_says_the_same(
    forgeries: Forgeries, author: str
) -> None:
    decided = _rules(forgeries=forgeries).message(_world(_DKIM, ("From", author)))
    assert decided.doubtful
    assert not _rules(forgeries=forgeries).message(_world(_PASS, _DKIM, _FROM)).doubtful


@pytest.mark.parametrize("remark", ["Ann", "Cron Daemon"])
def test_a_plain_comment_after_the_author_changes_nothing(remark: str) -> None:
    author = ("From", f"ann@far.test ({remark})")
    assert _rules().message(_world(_PASS, _SPF, _DKIM, author)).verdict == "trusted"


def test_verdicts_that_came_along_are_all_deleted() -> None:
    forged = (("x-pmail-deploy-verdict", "trusted"), ("X-PMail-Deploy-Verdict", "trusted"))
    assert _rules().message(_world(*forged, _FROM)) == Decision(
        verdict="untrusted", delete=2, doubtful=True
    )
    assert _rules().message(_program(*forged, *_MINE)) == Decision(delete=2)


# From mail programs


def test_a_user_sends_in_his_own_name_from_his_purse() -> None:
    purses = _Purses()
    assert _rules(purses).message(_program(*_MINE, login="BOB@example.test")) == Decision()
    assert purses.spent == [("Bob", 3)]


@pytest.mark.parametrize(
    "author",
    [
        "bob+x@second.test",
        "info@example.test",
        '"Bob, for carol@x.test" <bob@second.test>',
        "bob@second.test (Bob)",
    ],
)
def test_a_user_sends_as(author: str) -> None:
    domain = author.rpartition("@")[2].split(" ")[0].rstrip(">")
    assert not _rules().message(_program(_signed(domain), ("From", author))).reply


@pytest.mark.parametrize(
    "headers",
    [
        (("From", "carol@example.test"),),
        (("From", "bob@far.test"),),
        (("From", "bob@smtp.example.test"),),
        (("From", "bob@example.test, bob@second.test"),),
        (("From", "carol@example.test <bob@example.test>"),),
        (("From", "<bob@example.test> <carol@example.test>"),),
        (("From", "us: bob@example.test;"),),
        (("From", "bob@example.test (carol"),),
        (("From", "bob(x)@example.test"),),
        (("From", "bob@example.test (Bob, Bea)"),),
        (("From", "(x) bob@example.test (<admin@example.test>)"),),
        (("From", '"<admin@example.test>" bob@example.test'),),
        (("From", '"carol@example.test" <bob@example.test>'),),
        (("From", "B\\ob <bob@example.test>"),),
        (("From", "bob@example.test"), ("From", "bob@example.test")),
        (),
        (("From", "bob@example.test"), ("Sender", "carol@example.test")),
        (("From", "bob@example.test"), ("Sender", "nobody")),
        (("From", "bob@example.test"), ("Sender", "bob@example.test (<ceo@example.test>)")),
    ],
)
def test_a_user_does_not_send_as_anybody_else(headers: Headers) -> None:
    purses = _Purses()
    message = _program(_signed("example.test"), *headers)
    assert _rules(purses).message(message).reply.startswith("550 5.7.1 ")
    assert purses.spent == []


def test_the_administrator_sends_as_anybody_here_and_nowhere_else() -> None:
    rules = _rules()
    for author, code in (("x@example.test", ""), ("x@far.test", "550 5.7.1 ")):
        message = _program(_signed("example.test"), ("From", author), login="admin")
        assert rules.message(message).reply[:10] == code


@pytest.mark.parametrize("sender", ["", "carol@example.test", "bob@far.test"])
def test_the_envelope_sender_is_an_own_address(sender: str) -> None:
    message = replace(_program(*_MINE), sender=sender)
    assert _rules().message(message).reply.startswith("550 5.7.1 ")


@pytest.mark.parametrize("login", ["", "nobody"])
def test_nobody_sends_without_an_account(login: str) -> None:
    assert _rules().message(_program(*_MINE, login=login)).reply.startswith("550 5.7.1 ")


@pytest.mark.parametrize(
    "signatures",
    [(), (_signed("second.test"),), (_signed("second.test"), _signed("example.test"))],
)
def test_what_our_signer_has_not_signed_waits_and_costs_nothing(signatures: Headers) -> None:
    purses = _Purses()
    message = _program(*signatures, ("From", "bob@example.test"))
    assert _rules(purses).message(message).reply.startswith("451 4.7.5 not signed")
    assert purses.spent == []


def test_an_empty_purse_makes_a_message_wait() -> None:
    reply = _rules(_Purses(limit="2 messages an hour")).message(_program(*_MINE)).reply
    assert reply == "450 4.7.1 mailbox Bob may send 2 messages an hour, try again later"


def test_mail_waits_while_the_accounts_cannot_be_read() -> None:
    rules = Rules(config(), _unreadable, _Purses(), lambda: False)
    assert rules.message(_program(*_MINE)).reply.startswith("450 4.3.0 ")


def test_what_a_reply_repeats_cannot_break_it() -> None:
    message = replace(_program(*_MINE), sender="ä\r\n250 ok\udcff" + 999 * "x")
    reply = _rules().message(message).reply
    assert reply.isascii()
    assert reply.isprintable()
    assert len(reply) <= 400


# From PMail


def test_web_mail_passes_from_the_purse_of_its_author() -> None:
    purses = _Purses()
    rules = _rules(purses)
    assert rules.message(_webmail(*_MINE, sender="BOB@example.test")) == Decision()
    headers = (_signed("example.test"), ("From", "office@example.test"))
    assert rules.message(_webmail(*headers, sender="office@example.test")) == Decision()
    assert purses.spent == [("Bob", 2), ("admin", 2)]


def test_web_mail_is_counted_by_its_message_id_and_a_programs_is_not() -> None:
    # A program writes its own: one for all would be a way round the purse.
    purses = _Purses()
    rules = _rules(purses)
    name = ("Message-Id", "<1@example.test>")
    assert rules.message(_webmail(name, *_MINE)) == Decision()
    assert rules.message(_program(name, *_MINE)) == Decision()
    assert purses.named == ["<1@example.test>", ""]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ((_signed("example.test"), ("From", "carol@example.test")), "550 5.7.1 "),
        ((("From", "bob@example.test"),), "451 4.7.5 "),
        ((*_MINE, ("X-Forwarded-By", "bob@example.test")), "550 5.7.1 "),
        ((*_MINE, _MINE[1]), "550 5.7.1 "),
        ((_signed("example.test"), ("From", "bob@example.test (<ceo@x.test>)")), "550 5.7.1 From"),
    ],
)
def test_other_web_mail_does_not(headers: Headers, code: str) -> None:
    assert _rules().message(_webmail(*headers)).reply.startswith(code)


def test_web_mail_of_a_foreign_domain_does_not_pass() -> None:
    message = _webmail(_signed("far.test"), ("From", "bob@far.test"), sender="bob@far.test")
    assert _rules().message(message).reply.startswith("550 5.7.1 ")


def test_web_mail_waits_for_its_purse() -> None:
    rules = _rules(_Purses(limit="2 messages an hour"))
    assert rules.message(_webmail(*_MINE)).reply.startswith("450 4.7.1 ")


def test_a_forward_passes_unsigned_and_costs_no_message() -> None:
    purses = _Purses()
    headers = (_TRACE, ("X-Forwarded-By", "x@far.test"), _FROM)
    assert _rules(purses).message(_webmail(*headers)) == Decision()
    assert (purses.spent, purses.forwarded) == ([], ["Bob"])


@pytest.mark.parametrize(
    "header",
    [
        ("Auto-Submitted", "auto-replied (out of office)"),
        ("Content-Type", "Multipart/Report; report-type=delivery-status"),
        ("Return-Path", "<>"),
    ],
)
def test_what_a_program_wrote_is_forwarded_without_a_sender(header: tuple[str, str]) -> None:
    assert _rules().message(_webmail(_TRACE, header, _FROM)) == Decision(sender="")


def test_a_bounce_is_forwarded_without_a_sender() -> None:
    null = ("X-PMail-Deploy-Trace", f"{_US} <>")
    assert _rules().message(_webmail(null, _TRACE, _FROM)) == Decision(sender="")
    answered = ("Auto-Submitted", "no (by hand)")
    assert _rules().message(_webmail(_TRACE, null, answered, _FROM)) == Decision()


def test_a_forwarding_loop_is_dropped_without_a_bounce() -> None:
    purses = _Purses()
    assert not _rules(purses).message(_webmail(*[_TRACE] * 5, _FROM)).discarded
    assert _rules(purses).message(_webmail(*[_TRACE] * 6, _FROM)) == Decision(
        discarded="Bob", why="a forwarding loop"
    )
    assert purses.forwarded == ["Bob"]


def test_a_forged_author_that_somebody_delivered_is_not_passed_on() -> None:
    author = ("From", "ceo@example.test")
    for result in ("fail", "none"):
        failed = ("Authentication-Results", f"{_US}; dmarc={result} header.from=example.test")
        decided = _rules().message(_webmail(_TRACE, failed, _SPF, _DKIM, author))
        assert decided == Decision(discarded="Bob", why="a forged author")
    right = ("Authentication-Results", f"{_US}; dmarc=pass header.from=example.test")
    assert _rules().message(_webmail(_TRACE, right, _SPF, _DKIM, author)) == Decision()
    assert _rules().message(_webmail(_TRACE, author)) == Decision()


def test_too_many_forwards_are_dropped_and_told_as_pmail_would_rebuild_what_is_refused() -> None:
    rules = _rules(_Purses(forwards=False))
    decided = rules.message(_webmail(_TRACE, _FROM))
    assert decided == Decision(discarded="Bob")  # the purse has told of it


def test_a_forward_passes_while_the_accounts_cannot_be_read_from_a_purse_by_its_name() -> None:
    purses = _Purses()
    rules = Rules(config("reject", "keep"), _unreadable, purses, lambda: False)
    assert rules.message(_webmail(_TRACE, _FROM)) == Decision()
    assert purses.forwarded == ["bob"]
    assert rules.message(_webmail(*_MINE)).reply.startswith("450 ")
    assert purses.spent == []


def test_the_trace_of_another_server_makes_no_forward() -> None:
    foreign = ("X-PMail-Deploy-Trace", "smtp.far.test <ann@far.test>")
    assert _rules().message(_webmail(foreign, _FROM)).reply.startswith("550 5.7.1 ")


# From the host itself


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ((_signed("example.test"), ("From", f"MAILER-DAEMON@{_US} (Mail Delivery System)")), ""),
        ((("From", f"MAILER-DAEMON@{_US} (Mail Delivery System)"),), "451 4.7.5 "),
        ((_signed("example.test"), ("From", f"root@{_US} (Cron Daemon)")), ""),
        ((_signed("example.test"), ("From", f"x@{_US} (<root@example.test>)")), "451 4.7.5 "),
        ((_signed("example.test"), ("From", "root@example.test")), ""),
        ((_signed("example.test"), ("From", "root@second.test")), ""),
        ((_signed("second.test"), ("From", "root@second.test")), ""),
        ((_signed("far.test"), ("From", "root@second.test")), "451 4.7.5 "),
        ((("From", "root@example.test"),), "451 4.7.5 "),
        ((_signed("far.test"), ("From", "root@far.test")), "451 4.7.5 "),
        ((), "451 4.7.5 "),
    ],
)
def test_mail_of_the_host_needs_an_own_and_signed_address(headers: Headers, code: str) -> None:
    purses = _Purses(limit="nothing")
    reply = _rules(purses).message(Message("internal", "", "", 1, headers)).reply
    assert reply[:10] == code
    assert purses.spent == []


def test_mail_from_an_unknown_daemon_waits() -> None:
    message = replace(_world(_PASS, _FROM), daemon="smtp.example.test")
    assert _rules().message(message).reply.startswith("451 4.3.5 ")


@pytest.mark.parametrize(
    ("client", "server", "here"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("203.0.113.10", "127.0.0.1", True),
        ("203.0.113.10", "203.0.113.10", True),
        ("203.0.113.10", "10.99.0.1", True),
        ("IPv6:2001:db8::1", "2001:db8::1", True),
        ("IPv6:2001:db8::10", "fd00::1", True),
        ("::1", "::1", True),
        ("203.0.113.9", "203.0.113.10", False),
        ("", "", False),
    ],
)
def test_a_client_on_this_host_is_known(client: str, server: str, here: bool) -> None:
    assert _rules().here(client, server) is here
