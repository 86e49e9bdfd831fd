"""DKIM rotation on real servers: whoever receives mail meanwhile does not notice.

Each message's signature is verified when it arrives, through three resolvers that PMail's side
never asks: one keeps nothing, one keeps each record for its TTL, one too long.
"""

from __future__ import annotations

import re
import time

import pytest

from keys.rotation import Rules, Strategy, forecast
from tests.lab.nameservers import API_ZONE, BY_API
from tests.lab.network import RESOLVER
from tests.lab.operator import Run
from tests.lab.process import wait_for
from tests.lab.receiver import Receiver
from tests.lab_tests.rotation import (
    DKIM_FOLDER,
    NONE,
    ROTATE,
    TIMES,
    a_day_passes,
    arrived,
    failures,
    going_on,
    has_sent,
    history,
    in_use,
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
    settings = {"domains": domains, "outbound": "relay", "retry_after": 2, "dkim_keep_days": 1}
    server = site.add_server("example.test", **settings)
    with site.dns.lagging_looks_every(1):
        assert site.operator.run().status == 0
    before = {domain: selectors(site, domain) for domain in domains}
    young = rotate(site, "rotate_check_age=1")
    assert (young.status, young.changed) == (0, 0), young.output
    assert {domain: selectors(site, domain) for domain in domains} == before
    site.dns.start_caches(least_ttl=3600 + 60)
    with (
        streaming(site, server, domains, ["recv.test"], EVERY) as sent,
        site.dns.lagging_looks_every(5),
    ):
        assert has_sent(12)
        done = rotate(site)
        assert done.status == 0, done.output
        assert has_sent(12)
        # Whatever the old key has signed arrives within a day.
        assert arrived(Sent(set(sent.accepted)))
        waits = rotate(site)
        assert (waits.status, waits.changed) == (0, 0), waits.output
        for domain in domains:
            assert len(selectors(site, domain)) == 2
            a_day_passes(site, domain)
        done = rotate(site)
        assert done.status == 0, done.output
        assert has_sent(12)
    assert sent.refused == {}
    seen = failures(arrived(sent))
    assert seen == NONE, (seen, history(site), history(site, "lag.test"))
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
    never_follows(site, server)


def announced(site: Site, server: Server, *steps: str) -> None:
    """A dry run tells of these steps and where they are done, and does none of them."""

    def everything() -> tuple[str, dict[str, bytes], dict[str, str]]:
        files = [path for path in site.operator.folder.rglob("*") if path.is_file()]
        kept = {str(path): path.read_bytes() for path in files}
        return site.records(server.domain), kept, site.tree(server)

    before = everything()
    dry = site.operator.run(ROTATE, "--dry")
    assert dry.status == 0 and everything() == before
    told = re.findall(r"DKIM: (.+?)  +1 \((\S+)\)", dry.output)
    names = {"zone": f"@zone/{server.domain}", "host": server.name}
    expected = [each.rpartition(" @ ") for each in steps]
    assert told == [(what, names[where]) for what, _, where in expected], dry.output


def never_follows(site: Site, server: Server) -> None:
    """A name server that never follows keeps the old key of its zone in use, and of no other."""
    server.data |= {"propagation_timeout": 10, "dkim_keep_days": 0}
    (old,), others = selectors(site, "lag.test"), selectors(site, "example.test")
    for meant in ("example.test,lag.test", "lag.test"):
        done = rotate(site, f"rotate_domains={meant}")
        assert done.status != 0 and "ns3.servers.test" in done.output, done.output
        assert "Traceback" not in done.output
        assert in_use(server)["lag.test"] == old
        assert old in selectors(site, "lag.test")
        verdict = submit(site, server, to="someone@recv.test", domain="lag.test")
        assert f"s={old};" in verdict.message and verdict.dkim == "pass"
    assert len(history(site, "lag.test")) == 1 and len(history(site, "example.test")) == 2
    (newer,) = selectors(site, "example.test")
    assert newer not in others
    shown = rotate(site, "rotate_action=status").output
    assert "next: prove it on every server" in shown and "ns3.servers.test" in shown
    # Turned back, nothing is left of it.
    done = rotate(site, "rotate_action=abort", "rotate_domains=lag.test")
    assert done.status == 0, done.output
    assert selectors(site, "lag.test") == [old]
    assert private_keys(site, "lag.test") == [old]
    leaked(site, server, old)


def leaked(site: Site, server: Server, old: str) -> None:
    """An emergency gives the signer no key either that is not everywhere; then the old one goes."""
    done = rotate(site, "rotate_emergency=1", "rotate_domains=lag.test")
    assert done.status != 0 and "ns3.servers.test" in done.output, done.output
    assert in_use(server)["lag.test"] == old
    server.data["propagation_timeout"] = 30
    with site.dns.lagging_looks_every(1):
        done = rotate(site)
    assert done.status == 0, done.output
    assert site.txt(f"{old}._domainkey.lag.test") == ["v=DKIM1; p="]
    (new,) = private_keys(site, "lag.test")
    verdict = submit(site, server, to="someone@recv.test", domain="lag.test")
    assert new != old and f"s={new};" in verdict.message and verdict.dkim == "pass"
    leaked_again(site, server, new)


def leaked_again(site: Site, server: Server, old: str) -> None:
    """A key that leaks while the record before it is kept is replaced, and both records go."""
    server.data["dkim_keep_days"] = 1
    with site.dns.lagging_looks_every(1):
        assert rotate(site, "rotate_domains=lag.test").status == 0
        (leaked,) = set(private_keys(site, "lag.test")) - {old}
        assert in_use(server)["lag.test"] == leaked
        done = rotate(site, "rotate_emergency=1", "rotate_domains=lag.test")
    assert done.status == 0, done.output
    (new,) = private_keys(site, "lag.test")
    assert new not in (old, leaked)
    for gone in (old, leaked):
        assert site.txt(f"{gone}._domainkey.lag.test") == ["v=DKIM1; p="]
        assert f"lag.test.{gone}.key" not in server.host.run(f"ls {DKIM_FOLDER}")
    verdict = submit(site, server, to="someone@recv.test", domain="lag.test")
    assert f"s={new};" in verdict.message and verdict.dkim == "pass"
    first, second = history(site, "lag.test")[-2:]
    assert (first["new"]["name"], first["emergency"]) == (leaked, False)
    assert (second["old"]["name"], second["superseded"][0]["name"]) == (leaked, old)


def private_keys(site: Site, domain: str) -> list[str]:
    """Names of the private keys that the store has."""
    return [path.stem for path in (site.operator.keys / domain).glob("*.key")]


def direct(site: Site, ttl: int, slack: int, domain: str = "example.test") -> Server:
    """A server whose PMail signs itself, with short times; not deployed yet."""
    server = site.add_server(domain, dkim_keep_days=0, dkim_ttl_slack=slack)
    site.operator.zones[domain]["ttl"] = ttl
    return server


def unexpected(sent: Sent, pauses: list[tuple[float, float]]) -> dict[str, str]:
    """What was refused though it was tried while mail was not paused."""

    def paused(mark: str) -> bool:
        began, ended = sent.tried[mark]
        return any(began <= end and ended >= begin for begin, end in pauses)

    return {mark: why for mark, why in sent.refused.items() if not paused(mark)}


@pytest.mark.more
def test_a_key_that_is_replaced_in_place_fails_no_signature_while_mail_is_paused(
    new_site: Site,
) -> None:
    site = new_site
    ttl, slack = 5, 5
    server = direct(site, ttl, slack, "lag.test")
    with site.dns.lagging_looks_every(1):
        assert site.operator.run().status == 0
    (old,) = site.txt("default._domainkey.lag.test")
    # Without --wait a run ends with the first wait.
    announced(site, server, "make the key @ host", "lower the TTL, wait out the old TTL @ zone")
    site.dns.start_caches(least_ttl=ttl + slack)
    with streaming(site, server, ["lag.test"], ["recv.test"], EVERY) as sent:
        assert has_sent(12)
        with site.dns.lagging_looks_every(2):
            done = rotate(site, "rotate_wait=1")
            assert done.status == 0, done.output
        assert has_sent(12)
        (new,) = site.txt("default._domainkey.lag.test")
        # Where one server does not follow the old record is put back, and mail goes on.
        server.data["propagation_timeout"] = 15
        done = rotate(site, "rotate_wait=1")
        assert done.status != 0 and "ns3.servers.test" in done.output, done.output
        assert "by itself" in done.output and "Traceback" not in done.output
        assert has_sent(12)
    assert new != old and site.txt("default._domainkey.lag.test") == [new]
    seen = failures(arrived(sent))
    assert seen == NONE, (seen, history(site, "lag.test"))
    past = history(site, "lag.test")
    assert [each["aborted"] for each in past] == [False, True]
    pauses = [(each["steps"]["age"], each["steps"]["resume"]) for each in past]
    assert unexpected(sent, pauses) == {}
    assert sent.refused, "nothing was refused, so nothing was paused"
    assert going_on(site, "lag.test") is None
    assert private_keys(site, "lag.test") == [past[0]["new"]["name"]]
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output
    # One name server is behind for half an hour, and all TTLs are short here.
    assert {str(each["check"]) for each in site.not_green(server)} <= {"DEL-05", "DEL-11"}, (
        site.not_green(server)
    )


@pytest.mark.skipif(TIMES == 1, reason="waits for a minute that caches end")
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
        for each in seen[name]:
            assert steps["pause"] <= each.when <= steps["prove"] + last, (name, each)
    assert unexpected(sent, [(steps["make"], steps["resume"])]) == {}


@pytest.mark.long
def test_a_shorter_key_and_the_old_one_revealed_once_nothing_is_verified_with_it(
    new_site: Site,
) -> None:
    site = new_site
    settings = {"dkim_retire": "revoke", "dkim_keep_retired": True}
    server = site.add_running("relay", ttl=5, dkim_keep_days=0, dkim_ttl_slack=0, **settings)
    (old,) = selectors(site, "example.test")
    announced(
        site,
        server,
        "make the key @ host",
        "publish the record, prove it on every server @ zone",
        "put the key on the host, sign with the new key, verify a signature by every resolver"
        " @ host",
        "keep the old record for mail verified late @ zone",
        "wait until the queue holds nothing that the old key signed @ host",
        "retire the old record @ zone",
        "delete the old private key @ host",
    )
    half = site.operator.run(ROTATE, "-y", "--limit", "@zone/example.test")
    assert half.status != 0 and f"take {server.name} into --limit" in half.output, half.output
    assert selectors(site, "example.test") == [old] and going_on(site) is None
    server.data["dkim_bits"] = 1024
    done = rotate(site)
    assert done.status == 0, done.output
    (new,) = {*selectors(site, "example.test")} - {old}
    assert site.txt(f"{old}._domainkey.example.test") == ["v=DKIM1; p="]
    assert len(site.txt(f"{new}._domainkey.example.test")[0]) < 300
    assert submit(site, server, to="someone@recv.test").dkim == "pass"

    def revealed(selector: str) -> Run:
        return rotate(
            site,
            "rotate_action=reveal",
            "rotate_domains=example.test",
            f"rotate_selector={selector}",
        )

    refused = revealed(new)
    assert refused.status != 0 and new in refused.output, refused.output
    path = site.operator.state / "revealed" / f"example.test.{old}.pem"
    assert wait_for(lambda: revealed(old).status == 0, 30, pause=2.0)
    assert path.read_bytes() == (site.operator.keys / "example.test" / f"{old}.key").read_bytes()
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.long
def test_a_provider_that_refuses_keeps_its_zones_old_key_and_no_other_providers(
    new_site: Site,
) -> None:
    site = new_site
    site.add_zone_by_api()
    domains = ["example.test", API_ZONE]
    server = site.add_server("example.test", domains=domains, outbound="relay", dkim_keep_days=0)
    done = site.operator.run()
    assert done.status == 0, done.output
    old = in_use(server)
    key = site.operator.secrets.pop("POWERDNS_KEY")
    site.operator.secrets["POWERDNS_KEY"] = "wrong"
    done = rotate(site)
    assert done.status != 0 and "refuses the API key" in done.output, done.output
    new = in_use(server)
    assert new["example.test"] != old["example.test"] and new[API_ZONE] == old[API_ZONE]
    site.operator.secrets["POWERDNS_KEY"] = key
    done = rotate(site, f"rotate_domains={API_ZONE}")
    assert done.status == 0, done.output
    last = in_use(server)
    assert last["example.test"] == new["example.test"] and last[API_ZONE] != old[API_ZONE]
    for domain in domains:
        verdict = submit(site, server, to="someone@recv.test", domain=domain)
        assert verdict.dkim == "pass" and f"s={last[domain]};" in verdict.message
    owner = f"{old[API_ZONE]}._domainkey.{API_ZONE}"
    assert site.dns.records(owner, "TXT", BY_API) == []
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output


def test_nothing_begins_while_a_check_is_red_unless_a_key_has_leaked(new_site: Site) -> None:
    site = new_site
    server = site.add_running("relay", ttl=5, dkim_keep_days=0)
    (old,) = selectors(site, "example.test")
    owner = "_dmarc.example.test"
    site.dns.edit("example.test", owner, "TXT")
    assert wait_for(lambda: not site.dns.records(owner, "TXT", RESOLVER), 90)
    done = rotate(site)
    assert done.status != 0 and f"DMARC-01 {owner}" in done.output, done.output
    assert (in_use(server), going_on(site)) == ({"example.test": old}, None)
    assert selectors(site, "example.test") == [old]
    done = rotate(site, "rotate_emergency=1")
    assert done.status == 0 and "are not waited for" in done.output, done.output
    assert site.txt(f"{old}._domainkey.example.test") == ["v=DKIM1; p="]
    verdict = submit(site, server, to="someone@recv.test")
    assert in_use(server)["example.test"] != old and verdict.dkim == "pass"
