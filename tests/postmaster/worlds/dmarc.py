"""DMARC records as people write them, each beside one that is right."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from postmaster.checks.results import Status
from postmaster.checks.seen import Seen
from tests.postmaster.worlds.case import Case, Fact
from tests.postmaster.worlds.dkim import by_pmail
from tests.postmaster.worlds.spf import both, txt
from tests.postmaster.worlds.tree import NOW, Zone
from tests.postmaster.worlds.world import World

DOMAIN, ELSEWHERE = "example.com", "reports.test"
OWNER, OTHER = f"_dmarc.{DOMAIN}", "_dmarc.other.org"
RUA = f"rua=mailto:dmarc@{DOMAIN}"
RIGHT = f"v=DMARC1; p=none; {RUA}"
CONSENT = f"{DOMAIN}._report._dmarc.{ELSEWHERE}"
WARN, FAIL, UNKNOWN = Status.WARN, Status.FAIL, Status.UNKNOWN


def has(*records: str) -> Fact:
    return txt(OWNER, *records)


def tags(rest: str) -> Fact:
    return has(f"v=DMARC1; {rest}")


def nowhere(world: World) -> None:
    world.zone().drop(OWNER, "TXT")


def instead(name: str) -> Fact:
    """The record is at another name."""
    return both(nowhere, txt(name, RIGHT))


def dangling(world: World) -> None:
    nowhere(world)
    world.zone().put(OWNER, "CNAME", "policy.example.com.")


def long_way(world: World) -> None:
    dangling(world)
    world.zone().put("policy.example.com", "CNAME", "p.example.com.")
    world.zone().put("p.example.com", "TXT", f'"{RIGHT}"')


def old(days: int) -> Fact:
    """The domain sends for so long."""

    def known(seen: Seen) -> Seen:
        return replace(seen, made={(DOMAIN, "pm202611a"): NOW - timedelta(days=days)})

    return lambda world: world.later.append(known)


def service(world: World) -> None:
    """Somebody evaluates reports for others, and says so for this domain."""
    made = world.tree.add(Zone(ELSEWHERE), {"ns.reports.test": ("198.18.10.53",)})
    made.put(ELSEWHERE, "MX", f"10 mx.{ELSEWHERE}.")
    made.put(CONSENT, "TXT", '"v=DMARC1;"')


def forgotten(world: World) -> None:
    world.zone(ELSEWHERE).drop(CONSENT, "TXT")


def unserved(world: World) -> None:
    world.tree.server("198.18.10.53").silent = True


def no_mail(world: World) -> None:
    world.zone(ELSEWHERE).drop(ELSEWHERE, "MX")


def no_spf(world: World) -> None:
    world.zone("other.org").put("other.org", "TXT", '"v=spf1 -all"')


def registry(world: World) -> None:
    """A registry has a DMARC record for its own mail."""
    world.tree.parent(DOMAIN).put("_dmarc.com", "TXT", '"v=DMARC1; p=none"')


def case(rule: str, name: str, fact: Fact, status: Status = FAIL, remedy: str = "") -> Case:
    return Case(rule, name, fact, status, subject=OWNER, remedy=remedy)


ADDRESSES = ",".join(f"mailto:{each}@{DOMAIN}" for each in "abc")
AWAY = f"p=none; rua=mailto:a@{ELSEWHERE}"
PUBLISH = f'{OWNER} TXT "{RIGHT}"'
CASES = (
    case("DMARC-01", "there is none", nowhere, remedy=PUBLISH),
    case("DMARC-01", "there are two", has(RIGHT, "v=DMARC1; p=reject"), remedy=PUBLISH),
    case("DMARC-01", "something beside it", has(RIGHT, "token=1"), WARN, "v=DMARC1"),
    case("DMARC-01", "an SPF record", has("v=spf1 -all"), remedy=PUBLISH),
    case("DMARC-01", "at the domain itself", instead(DOMAIN), remedy=PUBLISH),
    case("DMARC-01", "the domain was entered twice", instead(f"{OWNER}.{DOMAIN}"), remedy=PUBLISH),
    case("DMARC-01", "no semicolon", has(f"v=DMARC1 p=none; {RUA}"), remedy=PUBLISH),
    case("DMARC-01", "quotes in it", has(f'"\\"{RIGHT}\\""'), remedy=PUBLISH),
    case("DMARC-02", "a policy that is none", tags(f"p=block; {RUA}"), remedy=PUBLISH),
    case(
        "DMARC-02",
        "commas",
        tags("p=none, sp=reject, rua=dmarc@example.com"),
        remedy="p=none; sp=reject; rua=mailto:dmarc@example.com",
    ),
    case("DMARC-02", "a tag of RFC 7489", tags(f"p=none; pct=50; {RUA}"), WARN, RIGHT),
    case("DMARC-02", "p is the last", tags(f"{RUA}; p=none"), WARN, RIGHT),
    case("DMARC-02", "a tag that nobody knows", tags(f"p=none; x=1; {RUA}"), WARN, RIGHT),
    case("DMARC-02", "a size limit", tags(f"p=none; {RUA}!10m"), WARN, RIGHT),
    case("DMARC-02", "no policy", tags(RUA), WARN, RIGHT),
    Case(
        "DMARC-03",
        "none for a year",
        old(365),
        WARN,
        subject=OWNER,
        before=(old(10),),
        remedy="dmarc_policy to quarantine",
    ),
    case(
        "DMARC-04",
        "names below are open",
        tags(f"p=reject; sp=none; {RUA}"),
        WARN,
        f'"v=DMARC1; p=reject; {RUA}"',
    ),
    case(
        "DMARC-04",
        "names that do not exist are",
        tags(f"p=reject; np=none; {RUA}"),
        WARN,
        "np=reject",
    ),
    case(
        "DMARC-04",
        "still a test",
        tags(f"p=reject; t=y; {RUA}"),
        WARN,
        f'"v=DMARC1; p=reject; {RUA}"',
    ),
    Case("DMARC-05", "another domain signs", by_pmail, WARN, subject=OTHER, remedy="relay"),
    Case(
        "DMARC-05",
        "and SPF does not pass",
        by_pmail,
        subject=OTHER,
        before=(no_spf,),
        remedy="relay",
    ),
    case("DMARC-06", "no reports", tags("p=none"), WARN, RIGHT),
    case("DMARC-06", "no scheme", tags("p=none; rua=dmarc@example.com"), remedy=RIGHT),
    case("DMARC-06", "three addresses", tags(f"p=none; rua={ADDRESSES}"), WARN),
    Case(
        "DMARC-06",
        "whoever gets them takes no mail",
        no_mail,
        subject=OWNER,
        before=(service, tags(AWAY)),
        remedy=f"give {ELSEWHERE} an MX record",
    ),
    Case(
        "DMARC-07",
        "nobody there wants them",
        forgotten,
        subject=OWNER,
        before=(service, tags(AWAY)),
        remedy=f'{CONSENT} TXT "v=DMARC1;"',
    ),
    Case(
        "DMARC-07",
        "nobody there answers",
        unserved,
        UNKNOWN,
        subject=OWNER,
        before=(service, tags(AWAY)),
    ),
    case("DMARC-08", "a registry with a record", registry, WARN, f"{RIGHT[:16]}"),
    case("DMARC-09", "says that it is a registry", tags(f"p=none; psd=y; {RUA}"), remedy=PUBLISH),
    case("DMARC-10", "an alias to nothing", dangling, remedy="policy.example.com"),
    case("DMARC-10", "a long way", long_way, WARN, "p.example.com"),
    Case("DMARC-01", "of a domain that nobody knows", nowhere, check=True, remedy=PUBLISH),
)
