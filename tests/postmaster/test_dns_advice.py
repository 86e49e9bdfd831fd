"""What a conflict in DNS says is done to the letter, and the next run has no conflict there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from dns_providers.publishing.ledger import Ledger
from dns_providers.publishing.plan import Conflict, Plan
from dns_providers.publishing.publish import carry_out
from dns_providers.rrset import (
    MX,
    SRV,
    TXT,
    Address,
    Other,
    RRKey,
    RRset,
    Target,
    Value,
    key,
    key_from_text,
    owner_name,
    rrset,
)
from dns_providers.text import value_from_text
from ground.words import Words, catalogue
from keys import dkim as keys
from postmaster import spf, spf_merge
from postmaster.desired import KeyRecord, desired
from probes.world.dns import Outcome
from tests.fakes import MemoryProvider, memory
from tests.postmaster.spf_world import Dns, world
from tests.postmaster.test_settings import site, zone

NAME, HOST, WEB = "example.com", "smtp.example.com", "mail.example.com"
PUBLIC = keys.public_key(keys.read(keys.make(1024)))
OURS, THEIRS = Address("8.8.8.8"), Address("198.51.100.7")
DMARC, SERVICE = f"_dmarc.{NAME}", f"_imaps._tcp.{NAME}"
KEY = "pm202611a._domainkey." + NAME
VALID = TXT(b"v=DMARC1; p=reject")


def txt(owner: str, *texts: str) -> RRset:
    return rrset(owner, "TXT", 300, *(TXT(each.encode()) for each in texts))


@dataclass
class Scene:
    """A zone, what is asked for in it, and what DNS shows. dns: of SPF; shown: of all else."""

    folder: Path
    zone: MemoryProvider
    data: dict[str, Any] = field(default_factory=dict)
    zones: tuple[str, ...] = (NAME,)
    replaced: set[RRKey] = field(default_factory=set)
    dns: Dns = field(default_factory=world)
    shown: dict[RRKey, frozenset[Value] | None] = field(default_factory=dict)

    def run(self) -> Plan:
        """Publish."""
        made = site(*map(zone, self.zones), **{"domains": [NAME], **self.data})
        found = desired(made, NAME, lambda signing: (KeyRecord(signing.selector, PUBLIC),))
        claims = spf_merge.asking(found.claims, self.dns)
        ledger = Ledger(self.folder, NAME)
        look = self.shown.get if self.shown else None
        return carry_out(
            self.zone, claims, ledger, frozenset(self.replaced), look=look, given=found.given
        )

    def put(self, *there: RRset) -> None:
        """Somebody enters records."""
        self.zone.rrsets |= {each.key: each for each in there}

    def drop(self, owner: str, rtype: str) -> None:
        """Somebody deletes records."""
        del self.zone.rrsets[key(owner, rtype)]


Follow = Callable[[Scene, Conflict], None]


def allow(scene: Scene, conflict: Conflict) -> None:
    """Add what the message quotes to dns_replace."""
    (named,) = re.findall(r"add '(\S+)' to dns_replace", str(conflict.problem))
    scene.replaced.add(key_from_text(named))


def enter_below(scene: Scene, conflict: Conflict) -> None:
    """Enter the record as the conflict shows it, in place of all of its kind."""
    (line,) = conflict.wanted
    value = value_from_text(line.partition(" IN TXT ")[2], "TXT")
    live = scene.zone.rrsets[conflict.key]
    others = (each for each in live.values if not spf.is_spf(each))
    scene.put(replace(live, values=frozenset({value, *others})))


def delete(owner: str, rtype: str) -> Follow:
    return lambda scene, _: scene.drop(owner, rtype)


def enter(*there: RRset) -> Follow:
    return lambda scene, _: scene.put(*there)


def setting(**data: Any) -> Follow:
    return lambda scene, _: scene.data.update(data)


def shows(shown: Mapping[RRKey, frozenset[Value] | None]) -> Follow:
    return lambda scene, _: scene.shown.update(shown)


def serves(owner: str, record: str) -> Follow:
    found = (TXT(record.encode()),)
    return lambda scene, _: scene.dns.records.update({(owner, "TXT"): found})


def adds_zone(scene: Scene, _: Conflict) -> None:
    scene.zones = (*scene.zones, f"sub.{NAME}")


def mx(*there: tuple[int, str]) -> RRset:
    return rrset(NAME, "MX", 300, *(MX(number, owner_name(host)) for number, host in there))


SEVERAL = txt(NAME, "v=spf1 ip4:192.0.2.1 -all", "v=spf1 ip4:192.0.2.2 ~all", "token=1")
SPF = key(NAME, "TXT")
LONG = "v=spf1 " + " ".join(f"a:h{number}.test" for number in range(11)) + " -all"
HOSTS = world()
for number in range(11):
    HOSTS.records[f"h{number}.test", "A"] = (Address("192.0.2.1"),)
PROXIED = RRset(
    key(HOST, "A"), 300, frozenset({OURS}), True, special=Words.of("dns.special.proxied")
)

# Message, what is there, what else is so, and each way out that the message names.
Case = tuple[str, tuple[RRset, ...], dict[str, Any], tuple[Follow, ...]]
CASES: tuple[Case, ...] = (
    ("foreign", (rrset(HOST, "A", 300, THEIRS),), {}, (allow,)),
    (
        "foreign",
        (rrset(WEB, "AAAA", 300, Address("2001:db8::7")),),
        {"data": {"ipv6": "2001:4860:4860::8888"}},
        (allow,),
    ),
    ("foreign", (txt(DMARC, "token=1"),), {}, (allow,)),
    ("foreign", (rrset(SERVICE, "SRV", 300, SRV(0, 0, 0, owner_name(".")),),), {}, (allow,)),
    ("foreign", (mx((10, "mx.theirs.test")),), {}, (allow,)),
    ("alias", (rrset(WEB, "CNAME", 300, Target(owner_name("site.test"))),), {},
     (delete(WEB, "CNAME"), setting(web_host=f"post.{NAME}"))),
    ("taken", (rrset(WEB, "ALIAS", 300, Other(b"x", "site.test.")),), {},
     (delete(WEB, "ALIAS"), setting(web_host=f"post.{NAME}"))),
    ("taken", (rrset(HOST, "REDIRECT_URL", 300, Other(b"x", "https://site.test")),), {},
     (delete(HOST, "REDIRECT_URL"),)),
    ("delegated", (rrset(f"sub.{NAME}", "NS", 300, Target(owner_name("ns.test"))),),
     {"data": {"domains": [NAME, f"sub.{NAME}"]}}, (adds_zone,)),
    ("opaque", (PROXIED,), {}, (enter(replace(PROXIED, opaque=False, special=None)),)),
    ("key_changed", (txt(KEY, "v=DKIM1; p=AAAA"),), {}, (delete(KEY, "TXT"),)),
    ("dmarc_several", (txt(DMARC, "v=DMARC1; p=none", "v=DMARC1; p=reject"),), {},
     (enter(rrset(DMARC, "TXT", 300, VALID)), allow)),
    ("dmarc_syntax", (txt(DMARC, "v=DMARC1; p=refuse"),), {},
     (enter(rrset(DMARC, "TXT", 300, VALID)), allow)),
    ("mx_shared", (mx((10, HOST), (10, "mx.theirs.test")),), {},
     (enter(mx((10, HOST))), enter(mx((10, HOST), (11, "mx.theirs.test"))), allow)),
    ("elsewhere", (rrset(DMARC, "CNAME", 300, Target(owner_name("v.test"))),),
     {"shown": {key(DMARC, "TXT"): frozenset()}},
     (shows({key(DMARC, "TXT"): frozenset({VALID})}), delete(DMARC, "CNAME"))),
    ("dmarc_unseen", (rrset(DMARC, "CNAME", 300, Target(owner_name("v.test"))),),
     {"data": {"domains": [f"sub.{NAME}"]}, "shown": {key(DMARC, "TXT"): None}},
     (shows({key(DMARC, "TXT"): frozenset()}),)),
    ("spf.several", (SEVERAL,), {}, (enter_below, allow)),
    ("spf.syntax", (txt(NAME, "v=spf1 ipv4:192.0.2.1 -all"),), {},
     (enter(txt(NAME, "v=spf1 ip4:192.0.2.1 -all")),)),
    ("spf.redirect", (txt(NAME, "v=spf1 redirect=a.test"),),
     {"dns": world(a="v=spf1 ip4:192.0.2.1 -all")},
     (serves("a.test", "v=spf1 ip4:192.0.2.1 ip4:8.8.8.8 -all"), allow)),
    ("spf.parked", (txt(NAME, "v=spf1 -all", "token=1"),), {}, (delete(NAME, "TXT"), allow)),
    ("spf.lookups", (txt(NAME, LONG),), {"dns": HOSTS},
     (enter(txt(NAME, LONG.replace("a:h0.test ", ""))),)),
    ("spf.voids", (txt(NAME, "v=spf1 a:x.test a:y.test a:z.test -all"),), {},
     (enter(txt(NAME, "v=spf1 a:x.test a:y.test -all")),)),
)  # fmt: skip
# Ways out that are none in DNS, or that another test goes.
ELSEWHERE = {
    "dns.conflict.dname": "names no way",
    "dns.conflict.too_long": "names no way",
    "dns.conflict.mx_preference": "names no way",
    "dns.conflict.txt_octets": "names no way",
    "dns.conflict.txt_ends": "names no way",
    "dns.conflict.edited": "test_what_somebody_has_changed_is_written_anew_where_that_is_allowed",
    "dns.spf.unknown": "test_an_answer_is_waited_for_by_running_again",
    "dns.spf.broken": "a note: nothing is in the way",
    "dns.spf.include": "a note: nothing is in the way",
    "dns.spf.unseen": "a note: nothing is in the way",
    "dns.spf.undone": "a note: nothing is in the way",
    "dns.spf.fails": "somebody else has to be asked",
    "dns.spf.loses": "as dns.spf.lookups",
}
WAYS = [(case, number) for case in CASES for number in range(len(case[3]))]


def full(name: str) -> str:
    return f"dns.{name}" if name.startswith("spf.") else f"dns.conflict.{name}"


def of(made: Plan, id: str) -> list[Conflict]:
    return [each for each in made.conflicts if each.problem.id == id]


@pytest.mark.parametrize(
    ("case", "way"), WAYS, ids=[f"{case[0]}-{case[1][0].key}-{way}" for case, way in WAYS]
)
def test_what_a_conflict_says_works_to_the_letter(case: Case, way: int, tmp_path: Path) -> None:
    name, there, more, ways = case
    scene = Scene(tmp_path, memory(there, NAME), **deepcopy(more))
    conflict, *_ = of(scene.run(), full(name))
    ways[way](scene, conflict)
    made = scene.run()
    assert made.conflicts == () and not made.held, made.conflicts
    assert not scene.run().changes
    if ways[way] is allow and conflict.key.rtype == "TXT":
        kept = {TXT(b"token=1")} & there[0].values
        assert conflict.key != SPF or kept <= scene.zone.rrsets[SPF].values


def test_every_conflict_has_its_ways_tried() -> None:
    known = {full(case[0]) for case in CASES} | ELSEWHERE.keys()
    said = {each for each in catalogue("en") if each.startswith(("dns.conflict.", "dns.spf."))}
    assert said == known
    names = {value for value in ELSEWHERE.values() if value.startswith("test_")}
    assert names <= globals().keys()


def test_what_somebody_has_changed_is_written_anew_where_that_is_allowed(tmp_path: Path) -> None:
    for owner, rtype, theirs in (
        (HOST, "A", THEIRS),
        (SERVICE, "SRV", SRV(0, 0, 0, owner_name("."))),
        (NAME, "MX", MX(5, owner_name("mx.theirs.test"))),
        (DMARC, "TXT", TXT(b"token=1")),
    ):
        scene = Scene(tmp_path / rtype, memory((), NAME))
        scene.run()
        written = scene.zone.rrsets[key(owner, rtype)]
        scene.put(rrset(owner, rtype, 300, theirs))
        (conflict,) = of(scene.run(), "dns.conflict.edited")
        allow(scene, conflict)
        assert scene.run().conflicts == ()
        assert scene.zone.rrsets[written.key].values == written.values


def test_an_answer_is_waited_for_by_running_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path, memory([txt(NAME, "v=spf1 include:a.test -all")], NAME))
    scene.dns = world(a="v=spf1 ip4:192.0.2.1 -all")
    scene.dns.silent["a.test"] = Outcome.TIMEOUT
    assert of(scene.run(), "dns.spf.unknown")
    scene.dns.silent.clear()
    assert scene.run().conflicts == ()
