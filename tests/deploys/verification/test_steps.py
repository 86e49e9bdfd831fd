"""What a verification looks at, and what it makes of resolvers that differ or say nothing."""

from __future__ import annotations

import pytest

from deploys.verification import steps
from dns_providers.publishing.propagation import Expected, ServerState, Verdict
from dns_providers.rrset import TXT, key
from postmaster.checks.seen import RecordView, ResolverView
from postmaster.desired import desired
from postmaster.settings_table import RESOLVERS as DEFAULT
from postmaster.witnesses import witnesses
from probes.world.dns import Answer, Outcome, Resolvers
from probes.world.enquiry import Enquiry
from tests.postmaster.full_view import ADDRESSES, RESOLVERS, server
from tests.postmaster.test_desired import key_of
from tests.postmaster.test_settings import site

DOMAINS = ("example.com", "other.org")
OWNER = key("example.com", "TXT")
RIGHT, OLD = TXT(b"new"), TXT(b"old")


@pytest.mark.parametrize(
    ("outbound", "ehlo", "keys"),
    [
        ("relay", ("smtp.example.com",) * 2, [f"pm202611a._domainkey.{name}" for name in DOMAINS]),
        ("direct", DOMAINS, ["default._domainkey.example.com"]),
    ],
)
def test_a_server_is_looked_at_by_all_its_addresses_names_and_ports(
    outbound: str, ehlo: tuple[str, ...], keys: list[str]
) -> None:
    there = server(outbound)
    seen = steps.target(there)
    assert (seen.addresses, seen.domains, seen.ehlo_names) == (ADDRESSES, DOMAINS, ehlo)
    assert list(seen.dkim_owners) == keys
    assert (seen.mail_host, seen.web_host) == ("smtp.example.com", "mail.example.com")
    assert seen.spf_includes == ("spf.provider.test",)
    assert {110, 587, 995} <= set(seen.closed_ports)
    assert seen.resolvers.addresses == RESOLVERS
    assert seen.far_domains == there.preflight_mx_domains


def test_records_that_somebody_may_have_in_other_words_are_not_told_as_missing() -> None:
    claims = desired(site(outbound="direct"), "example.com", key_of).claims
    _, missing = steps.published(claims, {}, [RecordView(each.key, 0) for each in claims])
    kinds = {each.group.partition(":")[0] for each in missing}
    assert kinds == {"addresses", "dkim", "srv", "mx"}


def test_a_record_is_right_at_how_many_servers_wrong_at_which_and_silent_at_which() -> None:
    said = {"a": Verdict.OK, "b": Verdict.STALE, "c": Verdict.TIMEOUT}
    states = [ServerState("ns1", where, OWNER, verdict) for where, verdict in said.items()]
    other = ServerState("ns1", "a", key("other.org", "TXT"), Verdict.STALE)
    view = steps._record_view(Expected(OWNER, frozenset({RIGHT})), [*states, other])
    assert (view.key, view.right) == (OWNER, 1)
    assert [line[:7] for line in (*view.wrong, *view.silent)] == ["ns1 (b)", "ns1 (c)"]
    assert len(view.wrong) == len(view.silent) == 1


class Caches(Enquiry):
    """Resolvers of which one has an old TXT record for 90 seconds more, and one is mute."""

    async def at_resolver(
        self, resolver: str, owner: str, rtype: str, *, unchecked: bool = False
    ) -> Answer:
        if resolver == "9.9.9.9":
            return Answer(owner, rtype, Outcome.TIMEOUT, resolver=resolver)
        shown = {"TXT": frozenset({OLD}), "A": frozenset({RIGHT, OLD})}[rtype]
        return Answer(owner, rtype, Outcome.ANSWER, shown, resolver, ttl=90)


def test_each_resolver_is_asked_for_itself_and_one_that_is_mute_says_so() -> None:
    second, caches = key("example.com", "A"), Caches(Resolvers(RESOLVERS))
    wanted = [Expected(each, frozenset({RIGHT})) for each in (OWNER, second)]
    assert steps._ask_resolvers(wanted, RESOLVERS, {second: 60}, caches) == (
        ResolverView("1.1.1.1", 2, (OWNER,), left=90, stretched=(second,)),
        ResolverView("9.9.9.9", 0, answers=False),
    )
    assert steps._ask_resolvers([], RESOLVERS, {}, caches) == ()


def test_resolvers_all_over_the_world_are_asked_unless_somebody_names_his() -> None:
    more = witnesses(DEFAULT)
    assert set(more) > {*DEFAULT, "114.114.114.114", "180.76.76.76"}
    assert witnesses(RESOLVERS) == RESOLVERS
