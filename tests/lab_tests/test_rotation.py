"""DKIM rotation on real servers: whoever receives mail meanwhile does not notice.

Each message's signature is verified when it arrives, through three resolvers that PMail's side
never asks: one keeps nothing, one keeps each record for its TTL, one too long.
"""

from __future__ import annotations

import time

import pytest

from keys.rotation import Rules, Strategy, forecast
from tests.lab.process import wait_for
from tests.lab.receiver import Receiver
from tests.lab_tests.conftest import Relayed
from tests.lab_tests.rotation import (
    KEY_TABLE,
    NONE,
    arrived,
    failures,
    going_on,
    has_sent,
    history,
    rotate,
    selectors,
)
from tests.lab_tests.site import Sent, Server, Site, streaming, submit

pytestmark = pytest.mark.lab
EVERY = 0.25  # seconds between two messages


def test_two_domains_get_new_keys_in_a_running_stream_though_a_name_server_lags(
    new_site: Site,
) -> None:
    site = new_site
    domains = ["example.test", "lag.test"]
    site.add_zone("lag.test")
    settings = {"domains": domains, "outbound": "relay", "retry_after": 2, "dkim_keep_days": 0}
    server = site.add_server("example.test", **settings)
    with site.dns.lagging_looks_every(1):
        assert site.operator.run().status == 0
    before = {domain: selectors(site, domain) for domain in domains}
    site.dns.start_caches(least_ttl=3600 + 60)
    with (
        streaming(site, server, domains, ["recv.test"], EVERY) as sent,
        site.dns.lagging_looks_every(5),
    ):
        assert has_sent(12)
        done = rotate(site)
        assert done.status == 0, done.output
        assert has_sent(12)
    assert sent.refused == {}
    assert failures(arrived(sent)) == NONE
    for domain in domains:
        (old,), (new,) = before[domain], selectors(site, domain)
        assert new != old and new[:-1] == old[:-1]
        assert not (site.operator.keys / domain / f"{old}.key").exists()
        received = "".join(verdict.message for verdict in Receiver().verdicts())
        assert f"s={old};" in received and f"s={new};" in received
    # An ordinary run has nothing to do with it, and everything is green.
    with site.dns.lagging_looks_every(1):
        again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output
    assert site.not_green(server) == []
    assert "-> pm" in rotate(site, "rotate_action=status").output


def direct(site: Site, ttl: int, slack: int, domain: str = "example.test") -> Server:
    """A server whose PMail signs itself, with short times; not deployed yet."""
    server = site.add_server(domain, dkim_keep_days=0, dkim_ttl_slack=slack)
    site.operator.zones[domain]["ttl"] = ttl
    return server


def outside(sent: Sent, begin: float, end: float) -> dict[str, str]:
    """What was refused though it was tried at another time than this."""
    return {
        mark: why
        for mark, why in sent.refused.items()
        if sent.tried[mark][1] < begin or sent.tried[mark][0] > end
    }


def test_a_key_that_is_replaced_in_place_fails_no_signature_while_mail_is_paused(
    new_site: Site,
) -> None:
    site = new_site
    ttl, slack = 5, 5
    server = direct(site, ttl, slack)
    assert site.operator.run().status == 0
    (old,) = site.txt("default._domainkey.example.test")
    site.dns.start_caches(least_ttl=ttl + slack)
    with streaming(site, server, ["example.test"], ["recv.test"], EVERY) as sent:
        assert has_sent(12)
        done = rotate(site, "rotate_wait=1")
        assert done.status == 0, done.output
        assert has_sent(12)
    (new,) = site.txt("default._domainkey.example.test")
    assert new != old
    assert failures(arrived(sent)) == NONE
    assert sent.refused, "nothing was refused, so nothing was paused"
    (past,) = history(site)
    assert outside(sent, past["steps"]["age"], past["steps"]["resume"]) == {}
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output
    assert site.not_green(server) == []


def test_without_the_pause_signatures_fail_for_no_longer_than_was_said(new_site: Site) -> None:
    site = new_site
    ttl, slack = 40, 10
    server = direct(site, ttl, slack)
    assert site.operator.run().status == 0
    site.dns.start_caches(least_ttl=ttl + slack)
    with streaming(site, server, ["example.test"], ["recv.test"], EVERY) as sent:
        assert has_sent(4)
        done = rotate(site, "rotate_emergency=1")
        assert done.status == 0, done.output
        (past,) = history(site)
        steps = past["steps"]
        rules = Rules(ttl, ttl, slack, keep=0)
        said = forecast(Strategy.FIXED, rules, past["spread"], emergency=True)
        time.sleep(max(0.0, steps["prove"] + said.window - time.time()))
        assert has_sent(12)
    seen = failures(arrived(sent))
    assert seen["cold"] == []
    assert seen["stretching"], "nothing failed, so nothing was seen"
    for name, last in (("warm", ttl), ("stretching", said.window)):
        for when in seen[name]:
            assert steps["pause"] <= when <= steps["prove"] + last, name
    assert outside(sent, steps["make"], steps["resume"]) == {}


# -- name servers that never agree -------------------------------------------------------------


def test_a_name_server_that_does_not_follow_keeps_the_old_key_in_use(new_site: Site) -> None:
    site = new_site
    server = site.add_server("lag.test", outbound="relay", retry_after=2)
    with site.dns.lagging_looks_every(1):
        assert site.operator.run().status == 0
    server.data["propagation_timeout"] = 3
    (old,) = selectors(site, "lag.test")
    for _ in range(2):
        done = rotate(site)
        assert done.status != 0 and "ns3.servers.test" in done.output, done.output
        assert "Traceback" not in done.output
        assert old in server.host.run(f"cat {KEY_TABLE}")
        assert old in selectors(site, "lag.test")
        assert f"s={old};" in submit(site, server, to="someone@recv.test").message
    shown = rotate(site, "rotate_action=status").output
    assert "next: prove it on every server" in shown and "ns3.servers.test" in shown
    # Turned back, nothing is left of it.
    done = rotate(site, "rotate_action=abort", "rotate_domains=lag.test")
    assert done.status == 0, done.output
    assert selectors(site, "lag.test") == [old]
    assert submit(site, server, to="someone@recv.test").dkim == "pass"
    assert [path.stem for path in (site.operator.keys / "lag.test").glob("*.key")] == [old]


def test_a_record_that_does_not_follow_in_place_is_put_back_and_mail_goes_on(
    new_site: Site,
) -> None:
    site = new_site
    ttl, slack = 5, 5
    server = direct(site, ttl, slack, "lag.test")
    with site.dns.lagging_looks_every(1):
        assert site.operator.run().status == 0
    server.data["propagation_timeout"] = 15
    old = site.txt("default._domainkey.lag.test")
    site.dns.start_caches(least_ttl=ttl + slack)
    with streaming(site, server, ["lag.test"], ["recv.test"], EVERY) as sent:
        assert has_sent(12)
        done = rotate(site, "rotate_wait=1")
        assert done.status != 0 and "ns3.servers.test" in done.output, done.output
        assert "Traceback" not in done.output
        assert has_sent(12)
    assert site.txt("default._domainkey.lag.test") == old
    assert failures(arrived(sent)) == NONE
    (past,) = history(site, "lag.test")
    assert past["aborted"] and going_on(site, "lag.test") is None
    assert [path.stem for path in (site.operator.keys / "lag.test").glob("*.key")] == ["default"]
    assert wait_for(lambda: server.answers(465), 5)


def test_what_is_young_is_left_alone(relayed: Relayed) -> None:
    site, _ = relayed
    before = selectors(site, "example.test")
    done = rotate(site, "rotate_check_age=1")
    assert (done.status, done.changed) == (0, 0), done.output
    assert selectors(site, "example.test") == before
