"""SPF records as people write them, each beside one that is right."""

from __future__ import annotations

from postmaster.checks.results import Status
from tests.postmaster.worlds.case import Case, Fact
from tests.postmaster.worlds.world import V4, V6, World

DOMAIN, HOST, INCLUDED = "example.com", "smtp.example.com", "spf.provider.test"
OURS = f"ip4:{V4} ip6:{V6} include:{INCLUDED}"
RIGHT = f"v=spf1 {OURS} ~all"
WARN, FAIL, UNKNOWN = Status.WARN, Status.FAIL, Status.UNKNOWN


def txt(name: str, *records: str) -> Fact:
    """Have these TXT records. A record may be several strings, with their quotes."""
    quoted = tuple(each if each.startswith('"') else strings(each) for each in records)
    return lambda world: world.zone().put(name, "TXT", *quoted)


def strings(record: str) -> str:
    """A record in strings of at most 255 octets, with their quotes."""
    return " ".join(f'"{record[at : at + 255]}"' for at in range(0, len(record), 255))


def spf(terms: str) -> Fact:
    return txt(DOMAIN, f"v=spf1 {terms}")


def both(*facts: Fact) -> Fact:
    def all_of(world: World) -> None:
        for each in facts:
            each(world)

    return all_of


def host(name: str, address: str) -> Fact:
    return lambda world: world.zone().put(name, "A", address)


def hosts(world: World) -> None:
    """Twelve names that are there, so that only their number is wrong."""
    for number in range(12):
        world.zone().put(f"h{number}.example.com", "A", V4)
        world.zone().put(f"h{number}.example.com", "AAAA", V6)


def asking(count: int) -> Fact:
    """A record that asks DNS so often in all; the include: is one of them."""
    names = " ".join(f"a:h{number}.example.com" for number in range(count - 1))
    return spf(f"{OURS} {names} ~all")


def absent(count: int) -> Fact:
    names = " ".join(f"a:gone{number}.example.com" for number in range(count))
    return spf(f"{OURS} {names} ~all")


def obsolete(world: World) -> None:
    world.zone().put(DOMAIN, "SPF", f'"{RIGHT}"')


def included(*records: str) -> Fact:
    quoted = tuple(f'"{each}"' for each in records)
    return lambda world: world.zone("provider.test").put(INCLUDED, "TXT", *quoted)


def case(rule: str, name: str, fact: Fact, status: Status = FAIL, remedy: str = "") -> Case:
    return Case(rule, name, fact, status, subject=DOMAIN, remedy=remedy)


TOKENS = tuple(f"token-{number}={'x' * 100}" for number in range(12))
FRESH = f'{DOMAIN} TXT "{RIGHT}"'
SENDER = f"{DOMAIN} {V4}"
CASES = (
    case("SPF-01", "there is none", txt(DOMAIN, "token=1"), remedy=FRESH),
    case(
        "SPF-01",
        "a second one from a guide",
        txt(DOMAIN, RIGHT, "v=spf1 include:spf.provider.test a -all"),
        remedy=f'{DOMAIN} TXT "v=spf1 {OURS} a ~all"',
    ),
    case(
        "SPF-01",
        "full-width space",
        txt(DOMAIN, '"v=spf1\\227\\128\\128mx -all"'),
        remedy="mx -all",
    ),
    case("SPF-01", "a space before it", txt(DOMAIN, f" {RIGHT}"), remedy=FRESH),
    case("SPF-01", "quotes in it", txt(DOMAIN, f'"\\"{RIGHT}\\""'), remedy=FRESH),
    case("SPF-02", "a mechanism that is none", spf(f"ipv4:{V4} ~all"), remedy=f"ip4:{V4} ~all"),
    case("SPF-02", "a space after the colon", spf(f"{OURS} a: h.test ~all"), remedy="a:h.test"),
    case(
        "SPF-02",
        "full-width colon",
        txt(DOMAIN, f'"v=spf1 ip4\\239\\188\\154{V4} ~all"'),
        remedy=V4,
    ),
    case("SPF-02", "an equals sign", spf(f"{OURS} ip4=192.0.2.1 ~all"), WARN, "ip4:192.0.2.1"),
    Case(
        "SPF-03",
        "IPv6 was forgotten",
        spf(f"ip4:{V4} ~all"),
        subject=f"{DOMAIN} {V6}",
        remedy=f'"v=spf1 ip6:{V6} ip4:{V4} ~all"',
    ),
    Case(
        "SPF-03", "another server's address", spf("ip4:192.0.2.1 ~all"), subject=SENDER, remedy=V4
    ),
    Case(
        "SPF-03",
        "its name server is mute",
        lambda w: mute(w),
        UNKNOWN,
        subject=SENDER,
        before=(spf("include:spf.provider.test ip4:8.8.8.8 ~all"),),
    ),
    case("SPF-04", "everybody passes", spf(f"{OURS} +all"), remedy=f'"v=spf1 {OURS} ~all"'),
    case(
        "SPF-04", "a whole family passes", spf(f"{OURS} ip4:0.0.0.0/0 ~all"), remedy=f"{OURS} ~all"
    ),
    Case("SPF-05", "eleven ask DNS", asking(11), subject=DOMAIN, before=(hosts,), remedy="a:h0"),
    Case("SPF-05", "eight do", asking(8), WARN, subject=DOMAIN, before=(hosts, asking(7))),
    case("SPF-06", "a name that is gone", absent(1), WARN, "gone0.example.com"),
    case("SPF-06", "three that are gone", absent(3)),
    Case("SPF-07", "it has none", included("x"), subject=INCLUDED, remedy="spf_include"),
    Case("SPF-07", "it has two", included("v=spf1 -all", "v=spf1 ~all"), subject=INCLUDED),
    Case(
        "SPF-07",
        "another's name with a slip",
        spf(f"{OURS} include:spf.provder.test ~all"),
        remedy="include:spf.provder.test",
    ),
    case("SPF-08", "no end", spf(OURS), WARN, f'"v=spf1 {OURS} ~all"'),
    case("SPF-08", "says nothing of others", spf(f"{OURS} ?all"), WARN, "~all"),
    case("SPF-08", "a term after the end", spf(f"{OURS} ~all a"), WARN, f"{OURS} a ~all"),
    case("SPF-09", "ptr", spf(f"{OURS} ptr ~all"), WARN, f'"v=spf1 {OURS} ~all"'),
    case("SPF-09", "a macro with the PTR name", spf(f"{OURS} exists:%{{p}}.x.test ~all"), WARN),
    Case(
        "SPF-10",
        "more than 450 octets",
        spf(f"{OURS} {'ip4:203.0.113.129 ' * 22}~all"),
        WARN,
        subject=DOMAIN,
        remedy="450",
    ),
    case("SPF-10", "many texts beside it", txt(DOMAIN, RIGHT, *TOKENS), WARN, "1232"),
    case(
        "SPF-11",
        "a joint without a space",
        txt(DOMAIN, f'"v=spf1 {OURS} ip4:192.0.2.1" "-all"'),
        remedy=f'"v=spf1 {OURS} ip4:192.0.2.1 -all"',
    ),
    case("SPF-11", "a name takes the end", spf(f"{OURS} include:spf.provider.test-all")),
    case("SPF-12", "a record of type SPF", obsolete, WARN, "SPF"),
    case("SPF-12", "Sender ID", txt(DOMAIN, RIGHT, "spf2.0/pra -all"), WARN, "spf2.0"),
    Case(
        "SPF-13",
        "the web site is elsewhere",
        host(DOMAIN, "203.0.113.80"),
        WARN,
        subject=DOMAIN,
        before=(both(spf(f"{OURS} a ~all"), host(DOMAIN, V4)),),
        remedy=f'"v=spf1 {OURS} ~all"',
    ),
    Case(
        "SPF-14",
        "none for the mail host",
        lambda w: w.zone().drop(HOST, "TXT"),
        WARN,
        subject=f"{HOST} {V4}",
        remedy=f"{HOST} TXT",
    ),
    Case("SPF-14", "not its address", txt(HOST, "v=spf1 -all"), subject=f"{HOST} {V4}", remedy=V4),
    case("SPF-16", "a provider's network", spf(f"{OURS} ip4:203.0.112.0/20 ~all"), WARN),
    Case(
        "SPF-01", "of a domain that nobody knows", txt(DOMAIN, "x"), check=True, remedy="v=spf1 mx"
    ),
)


def mute(world: World) -> None:
    world.tree.server("198.18.9.53").silent = True
