"""Mutated records: nothing crashes or hangs, advice holds, and where others differ a rule says why.

`PMAIL_LONG=1` tries a hundred thousand of each kind instead of a thousand.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import dkim as dkimpy
import dns.resolver
import pytest

from dns_providers.rrset import MX, TXT, Address, owner_name
from keys.dkim import KeyFormatError, public_from_data
from postmaster import dkim, dkim_lint, dmarc, dmarc_lint, spf, spf_lint
from postmaster.dkim import DkimSyntaxError
from postmaster.dmarc import DmarcSyntaxError
from postmaster.spf import SpfSyntaxError
from probes.world.dns import Answer
from probes.world.spf import evaluated
from tests.postmaster.mutated import DMARC, SPF, dkim_records, records
from tests.postmaster.spf_world import DOMAIN, Dns, judged
from tests.postmaster.worlds.dkim import PUBLIC

COUNT = 100_000 if os.environ.get("PMAIL_LONG") else 1_000
BUDGET = 2  # seconds for one record: what is slower hangs
HOSTS = ["h", "m", "p", "e"]

Rule = Callable[[str], bool]


@contextlib.contextmanager
def budget() -> Iterator[None]:
    """Whatever takes longer is interrupted."""

    def over(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, BUDGET)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def unexplained(different: list[str], rules: dict[str, Rule]) -> list[str]:
    """Differences that no rule is the reason of. Each rule has to be needed, in a long run."""
    used = Counter(
        rule for record in different for rule, applies in rules.items() if applies(record)
    )
    if os.environ.get("PMAIL_LONG"):
        assert [rule for rule in rules if not used[rule]] == []
    return [each for each in different if not any(applies(each) for applies in rules.values())]


# -- SPF -----------------------------------------------------------------------------------------


def world() -> Dns:
    """Every host of the records is there, and every domain that they include."""
    found = Dns()
    for name in (DOMAIN, *(f"{host}.test" for host in HOSTS)):
        found.records[name, "A"] = (Address("198.51.100.1"),)
        found.records[name, "MX"] = (MX(10, owner_name("h.test")),)
    for name in ("i.test", "r.test", "e.test"):
        found.records[name, "TXT"] = (TXT(b"v=spf1 ip4:198.51.100.2 -all"),)
    return found


def is_valid(record: bytes) -> bool:
    try:
        spf.parse(record)
    except SpfSyntaxError:
        return False
    return True


def test_whatever_an_spf_record_is_it_is_judged_in_time_and_what_is_proposed_is_valid() -> None:
    for record in records(SPF, COUNT):
        data = record.encode("utf-8", "replace")
        with budget():
            wrong, better = spf_lint.mistake(data), spf_lint.repaired(data)
            spf_lint.unglued(data), spf_lint.is_meant(data)
            merged = spf_lint.merged([data, b"v=spf1 mx -all"], ["ip4:192.0.2.9"])
            assert (wrong is None) is is_valid(data), record
            for each in filter(None, (better, merged)):
                assert is_valid(each.encode()), (record, each)
                assert spf_lint.repaired(each.encode()) == each, record
            if merged:
                assert merged.startswith("v=spf1 ip4:192.0.2.9")
            if wrong is None and spf.is_spf(TXT(data)):
                terms = spf.parse(data)
                spf_lint.too_wide(terms), spf_lint.by_name(terms), spf_lint.unreached(terms)


# Why another implementation may have another result for a record than spftrace, by which we judge.
SPF_RULES: dict[str, Rule] = {
    "RFC 7208 6.2: what exp= names is a domain-spec, so pyspf may not overlook that it is none": (
        lambda record: at_fault(record).lower().startswith("exp=")
    ),
    "RFC 7208 6: unknown modifiers may be there more than once": lambda record: any(
        often > 1 for often in Counter(re.findall(r"(?<= )[\w.-]+(?==)", record)).values()
    ),
    "RFC 7208 4.6: a syntax error counts wherever it is, also in a macro behind a match": (
        lambda record: "%" in at_fault(record)
    ),
    "RFC 7208 7.1: only printable ASCII is in a record": lambda record: bool(
        re.search(r"[^\x20-\x7e]", record)
    ),
    "RFC 7208 4.8: a name with an empty label is none; pyspf finds out when it asks for it": (
        lambda record: bool(re.search(r"[:=]\.|\.\.", at_fault(record)))
    ),
    "RFC 7208 4.6.1: names of modifiers ignore case": lambda record: bool(
        re.search(r" (?!redirect=|exp=)(?i:redirect|exp)=", record)
    ),
}


def at_fault(record: str) -> str:
    """The term that makes a record invalid by our reading, or nothing."""
    try:
        spf.parse(record.encode("utf-8", "replace"))
    except SpfSyntaxError as error:
        return str(error)
    return ""


def result(record: str, address: str, there: Dns) -> str:
    """What a receiver makes of it, by our entry point."""

    async def ask(owner: str, rtype: str) -> Answer:
        return there(owner.rstrip(".").lower(), rtype)

    return asyncio.run(evaluated(address, DOMAIN, ask, record)).result


@pytest.mark.slow
def test_where_pyspf_has_another_result_there_is_a_rule_for_it() -> None:
    different = []
    there = world()
    for record in records(SPF, COUNT, seed=2):
        if not spf.is_spf(TXT(record.encode())):
            continue
        for address in ("192.0.2.1", "2001:db8::1"):
            with budget():
                ours, theirs = result(record, address, there), judged(address, record, there)
            if ours != theirs:
                different.append(record)
                print("DIFF", repr(record), address, ours, theirs)
    assert unexplained(different, SPF_RULES) == []


# -- DMARC ---------------------------------------------------------------------------------------


def is_heeded(record: str) -> bool:
    try:
        dmarc.read(record.encode("utf-8", "replace"))
    except DmarcSyntaxError:
        return False
    return True


def test_whatever_a_dmarc_record_is_it_is_judged_in_time_and_what_is_proposed_has_no_flaw() -> None:
    for record in records(DMARC, COUNT):
        data = record.encode("utf-8", "replace")
        with budget():
            wrong, better = dmarc_lint.mistake(data), dmarc_lint.repaired(data)
            dmarc_lint.is_meant(data)
            assert (wrong is None) is is_heeded(record), record
            if better is not None:
                read = dmarc.read(better.encode())
                assert dmarc_lint.flaws(read) == (), (record, better)
                assert dmarc_lint.rewritten(read) == better, record
            if wrong is None:
                read = dmarc.read(data)
                anew = dmarc.read(dmarc_lint.rewritten(read).encode())
                assert dmarc_lint.effective(anew) == dmarc_lint.effective(read), record
                assert dmarc_lint.flaws(anew) == (), record


# Why checkdmarc takes a record for another thing than we do.
DMARC_RULES: dict[str, Rule] = {
    "RFC 9989 4.7: what is wrong behind v, p, sp and np is as if it were not there": (
        lambda record: is_heeded(record) and not is_plain(record)
    ),
    "RFC 9989 4.8: a record begins with v, and white space is space and tab": lambda record: (
        not is_heeded(record) and bool(re.search(r"^[^vV]|[^\x20-\x7e\t]", record))
    ),
    "RFC 9989 4.7: a policy has no quotation marks; checkdmarc takes them off": lambda record: (
        not is_heeded(record) and '"' in record
    ),
    "RFC 9989 4.10.1: no policy, and no address for reports, is no record": lambda record: (
        not is_heeded(record) and not re.search(r";\s*p\s*=", record, re.I)
    ),
}
_REST = {
    "adkim": "[rs]",
    "aspf": "[rs]",
    "t": "[yn]",
    "psd": "[ynu]",
    "fo": "([01ds]|d:s|s:d)(:[01ds])*",
    **dict.fromkeys(
        ("rua", "ruf"),
        r"mailto:[\w.+-]+@[\w.-]+\w(!\d+[kmgt]?)?(\s*,\s*mailto:[\w.+-]+@[\w.-]+\w(!\d+[kmgt]?)?)*",
    ),
}


def is_plain(record: str) -> bool:
    """Whether all tags of a record have names and values that nobody can take for wrong."""
    parts = [part.partition("=") for part in record.rstrip().removesuffix(";").split(";")[1:]]
    rest = ((name.strip(), value.strip()) for name, _, value in parts)
    return not re.search(r"[^\x20-\x7e]", record) and all(
        re.fullmatch("[a-zA-Z]+", name)
        and value
        and re.fullmatch(_REST.get(name.lower(), ".*"), value, re.I)
        for name, value in rest
    )


class _NothingThere:
    """A resolver for checkdmarc: no name exists."""

    nameservers: tuple[str, ...] = ()
    timeout = lifetime = 1.0

    def resolve(self, *_: Any, **__: Any) -> Any:
        raise dns.resolver.NXDOMAIN


def test_where_checkdmarc_takes_another_record_there_is_a_rule_for_it() -> None:
    checked = pytest.importorskip("checkdmarc.dmarc", reason="checkdmarc is not installed")
    different = []
    for record in records(DMARC, COUNT, seed=3):
        try:
            checked.parse_dmarc_record(record, DOMAIN, resolver=_NothingThere())
            theirs = True
        except checked.DMARCError:
            theirs = False
        if is_heeded(record) is not theirs:
            different.append(record)
            print("DIFF", repr(record), "ours", is_heeded(record))
    assert unexplained(different, DMARC_RULES) == []


# -- DKIM ----------------------------------------------------------------------------------------


def is_usable(record: str) -> bool:
    """Whether a signature of ours could verify with a record."""
    try:
        tags = dkim.read(record.encode("utf-8", "replace"))
        if tags.kind != "rsa" or not {"*", "email"} & set(tags.parts("s", "*")):
            return False
        public_from_data(tags.data)
    except (DkimSyntaxError, KeyFormatError):
        return False
    return True


def test_whatever_a_key_record_is_it_is_judged_in_time_and_what_is_proposed_can_be_read() -> None:
    for record in records(dkim_records(PUBLIC.data), COUNT):
        data = record.encode("utf-8", "replace")
        with budget():
            wrong, better = dkim_lint.mistake(data), dkim_lint.repaired(data)
            dkim_lint.is_joint_kept(data), is_usable(record), dkim.fingerprint(data)
            if wrong is None:
                dkim_lint.cut(dkim.read(data).data)
            if better is not None:
                assert dkim_lint.mistake(better.encode()) is None, (record, better)
                assert dkim_lint.repaired(better.encode()) == better, record


# Why dkimpy can use a key record that we call unusable, or the other way round.
DKIM_RULES: dict[str, Rule] = {
    "RFC 6376 3.6.1: v= is the first tag where there is one": (
        lambda record: wrong_tag(record).startswith("v=")
    ),
    "RFC 6376 3.2: a tag's name is a letter, and letters, digits and _ behind it": lambda record: (
        "=" not in wrong_tag(record) and not re.fullmatch(r"[A-Za-z]\w*", wrong_tag(record), re.A)
    ),
    "RFC 6376 3.2: a value has printable characters of ASCII": lambda record: bool(
        re.search(r"[^\x20-\x7e]", record)
    ),
    "RFC 6376 2.10: only base64 and white space are in p=; dkimpy leaves out what is not": (
        lambda record: bool(re.search(r"p=[^;]*[^A-Za-z0-9+/=;\s][^;]*", record))
    ),
    "RFC 6376 3.6.1, RFC 5280 4.1: p= is one whole key; dkimpy reads as far as it needs": (
        lambda record: not wrong_tag(record) and not is_usable(record)
    ),
}


def wrong_tag(record: str) -> str:
    """The tag that makes a key record unreadable, or nothing."""
    wrong = dkim_lint.mistake(record.encode("utf-8", "replace"))
    return wrong.at if wrong else ""


def test_where_dkimpy_takes_another_key_record_there_is_a_rule_for_it() -> None:
    different = []
    for record in records(dkim_records(PUBLIC.data), COUNT, seed=4):
        data = record.encode("utf-8", "replace")
        try:
            _, bits, kind, reports = dkimpy.evaluate_pk("x", data)
            theirs = kind == b"rsa" and bool(bits) and not reports
        except Exception:  # it asserts that what DNS has is well formed
            theirs = False
        if is_usable(record) is not theirs:
            different.append(record)
            print("DIFF", repr(record.replace(PUBLIC.data, "KEY")), "ours", is_usable(record))
    assert unexplained(different, DKIM_RULES) == []
