"""Whatever SPF record is there: we pass with ours in it, and nobody who passed is lost.

Judged by another implementation of SPF than the one that merged.
"""

from __future__ import annotations

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from dns_providers.publishing.claims import Merge
from dns_providers.rrset import TXT, Address
from postmaster import spf, spf_merge
from postmaster.spf_merge import LOOKUP_LIMIT, Wanted
from probes.world.dns import Outcome
from tests.postmaster.spf_world import DOMAIN, US, Dns, judged, world

pytestmark = pytest.mark.slow

# Few addresses in networks that lie in one another, so that terms meet.
SENDERS = tuple(f"203.0.113.{number}" for number in range(8, 16))
SENDERS_6 = ("2001:db8::8", "2001:db8::9")
NETWORKS = (
    *(f"ip4:{each}" for each in SENDERS),
    *("ip4:203.0.113.8/29", "ip4:203.0.113.8/30", "ip4:203.0.113.12/31"),
    *("ip6:2001:db8::8", "ip6:2001:db8::/64"),
)
HOSTS = ("h1", "h2", "gone1", "gone2", "gone3")
NAMES = ("a", "b", "c", "d", "e", "f")  # each may only lead to later ones

qualifiers = st.sampled_from(["", "", "", "+", "-", "~", "?"])


def mechanisms(targets: tuple[str, ...]) -> st.SearchStrategy[str]:
    plain = [*NETWORKS, *(f"a:{host}.test" for host in HOSTS), "mx", "a", "exists:%{i}.list.test"]
    leading = [f"include:{name}.test" for name in (*targets, *targets)]
    return st.sampled_from([*plain, *leading])


@st.composite
def records(draw: st.DrawFn, targets: tuple[str, ...], *more_ends: str) -> str:
    """An SPF record that includes some of `targets`, or goes on there."""
    terms = [
        draw(qualifiers) + draw(mechanisms(targets))
        for _ in range(draw(st.integers(min_value=0, max_value=5)))
    ]
    end = draw(st.sampled_from(["-all", "~all", "?all", "", "redirect=", *more_ends]))
    if end == "redirect=":
        end = f"redirect={draw(st.sampled_from(targets))}.test" if targets else ""
    return " ".join(["v=spf1", *terms, end]).strip()


@st.composite
def worlds(draw: st.DrawFn) -> Dns:
    """Names with SPF records, some with none, hosts, and a list of addresses."""
    given_names = {
        name: draw(records(NAMES[number + 1 :]))
        for number, name in enumerate(NAMES)
        if draw(st.integers(0, 9))
    }
    found = world(**given_names)
    found.records["h1.test", "A"] = (Address("203.0.113.9"), Address("203.0.113.10"))
    found.records["h2.test", "A"] = (Address("203.0.113.14"),)
    found.records["h2.test", "AAAA"] = (Address("2001:db8::9"),)
    found.records["203.0.113.11.list.test", "A"] = (Address("127.0.0.2"),)
    return found


def count(record: str, dns: Dns, depth: int = 0) -> int:
    """The lookups of mail that comes to the end of a record, counted by hand."""
    total = 0
    words = record.split()[1:]
    names = [word.lstrip("+-~?").lower() for word in words]
    if "all" in names:
        names = [name for name in names[: names.index("all")] if not name.startswith("redirect=")]
    assert depth < 12
    for name in names:
        kind, _, target = name.replace("=", ":").partition(":")
        total += kind in ("include", "a", "mx", "exists", "redirect")
        if kind in ("include", "redirect"):
            inner = [v for v in dns.records.get((target, "TXT"), ()) if spf.is_spf(v)]
            total += sum(count(v.data.decode(), dns, depth + 1) for v in inner)  # type: ignore[union-attr]
    return total


addresses = st.sampled_from([(US,), (US, "2001:db8::8"), ("203.0.113.14", US)])
includes = st.sampled_from([(), (), ("d.test",), ("e.test", "f.test")])


def merge(record: str, wanted: Wanted, dns: Dns, ours: tuple[str, ...] = ()) -> Merge:
    return spf_merge.merge((record.encode(),), wanted, ours, dns)


def text(found: Merge) -> str:
    assert isinstance(found.value, TXT)
    return found.value.data.decode()


def loses_nobody(
    dns: Dns, there: str, now: str, ips: tuple[str, ...], hubs: tuple[str, ...]
) -> None:
    """Whoever passed by what was there passes by what is there now, and so do we."""
    for sender in ips:
        assert judged(sender, now, dns) == "pass", (sender, there, now)
    for sender in (*SENDERS, *SENDERS_6, "198.51.100.25", "192.0.2.77"):
        if judged(sender, there, dns) == "pass":
            assert judged(sender, now, dns) == "pass", (sender, there, now)
        for hub in hubs:
            if now != there and judged(sender, f"v=spf1 include:{hub} -all", dns) == "pass":
                assert judged(sender, now, dns) == "pass", (hub, sender, there, now)


@given(worlds(), records(NAMES, "+all"), addresses, includes)
def test_what_is_written_loses_nobody_who_passed_and_we_pass(
    dns: Dns, there: str, ips: tuple[str, ...], hubs: tuple[str, ...]
) -> None:
    found = merge(there, Wanted(DOMAIN, spf.our_terms(ips, hubs), "~all"), dns)
    event(found.problem.id if found.problem else "written")
    if found.problem and not found.replaceable:
        return
    now = text(found)
    loses_nobody(dns, there, now, ips, hubs)
    if now != there:
        # No receiver counts what stands behind an include that it gives up at.
        assert found.note or count(now, dns) <= LOOKUP_LIMIT, (there, now)
        # All that was there is still there, in its order.
        ours = list(spf.our_terms(ips, hubs))
        left = [word for word in now.split() if word not in ours]
        assert found.whole or left == [word for word in there.split() if word not in ours]


@given(worlds(), records(NAMES, "+all"), addresses, includes)
def test_what_was_written_is_right_for_the_next_run_and_goes_without_a_trace(
    dns: Dns, there: str, ips: tuple[str, ...], hubs: tuple[str, ...]
) -> None:
    wanted = Wanted(DOMAIN, spf.our_terms(ips, hubs), "~all")
    found = merge(there, wanted, dns)
    assume(found.problem is None or found.replaceable)
    again = merge(text(found), wanted, dns, found.ours)
    assert (again.value, again.ours, again.problem) == (found.value, found.ours, None)
    gone = spf.unmerge(found.ours, found.whole).merge((TXT(text(found).encode()),), ())
    assert found.whole or gone.value == TXT(there.encode())


@given(
    worlds(), records(NAMES, "+all"), addresses, includes, st.sampled_from(["h1", "gone1", *NAMES])
)
def test_a_name_without_an_answer_is_not_one_that_is_not_there(
    dns: Dns, there: str, ips: tuple[str, ...], hubs: tuple[str, ...], silent: str
) -> None:
    wanted = Wanted(DOMAIN, spf.our_terms(ips, hubs), "~all")
    known = merge(there, wanted, dns)
    dns.silent[f"{silent}.test"] = Outcome.TIMEOUT
    found = merge(there, wanted, dns)
    told = found.problem or found.note
    event(told.id if told else "not needed")
    if told and told.id in ("dns.spf.unknown", "dns.spf.unseen"):
        assert told.values and (found.problem or text(found) == there)
        return
    if found.problem and not found.replaceable:
        return  # nothing is written, whatever that name says
    # What may be written does not hang on that name: ours may stand before what does.
    if (found.value, found.note) == (known.value, known.note):
        assert (found.problem and found.problem.id) == (known.problem and known.problem.id)
    else:
        dns.silent.clear()
        loses_nobody(dns, there, text(found), ips, hubs)
