"""DKIM rotation on real servers: whoever receives mail meanwhile does not notice."""

from __future__ import annotations

import re

import pytest

from tests.lab.operator import Run
from tests.lab.process import wait_for
from tests.lab.receiver import Receiver
from tests.lab_tests.conftest import Relayed, add_relayed
from tests.lab_tests.site import Sent, Server, Site, streaming

pytestmark = pytest.mark.lab
ROTATE = "deploys/rotate_dkim.py"


def rotate(site: Site, *data: str) -> Run:
    options = [word for each in data for word in ("--data", each)]
    return site.operator.run(ROTATE, "-y", *options)


def selectors(site: Site, domain: str) -> list[str]:
    """Selectors of the key records of a domain at the primary."""
    owner = rf"^([a-z0-9]+)\._domainkey\.{re.escape(domain)}\.\s.*\sTXT\s"
    return sorted(set(re.findall(owner, site.records(domain), re.MULTILINE)))


def arrived(sent: Sent) -> list[str]:
    """DKIM results of all accepted messages, once they have arrived."""

    def verdicts() -> list[str]:
        seen = Receiver().verdicts()
        return [v.dkim for v in seen if any(mark in v.message for mark in sent.accepted)]

    assert wait_for(lambda: len(verdicts()) >= len(sent.accepted), 60)
    return verdicts()


def test_two_domains_get_new_keys_in_a_running_stream(new_site: Site) -> None:
    site = new_site
    server = add_relayed(site, dkim_keep_days=0)
    assert site.operator.run().status == 0
    domains = ("example.test", "second.test")
    before = {domain: selectors(site, domain) for domain in domains}
    with streaming(site, server, domains, ["recv.test"], every=0.25) as sent:
        done = rotate(site)
        assert done.status == 0, done.output
    assert sent.refused == {}
    assert set(arrived(sent)) == {"pass"}
    for domain in domains:
        (old,), (new,) = before[domain], selectors(site, domain)
        assert new != old and new[:-1] == old[:-1]
        assert not (site.operator.keys / domain / f"{old}.key").exists()
        received = "".join(verdict.message for verdict in Receiver().verdicts())
        assert f"s={old};" in received and f"s={new};" in received
    # An ordinary run has nothing to do with it, and everything is green.
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output
    assert site.not_green(server) == []
    assert "-> pm" in rotate(site, "rotate_action=status").output


def test_a_name_server_that_does_not_follow_keeps_the_old_key_in_use(new_site: Site) -> None:
    site = new_site
    server = site.add_server("lag.test", outbound="relay", retry_after=2)
    with site.dns.lagging_looks_every(1):
        assert site.operator.run().status == 0
    server.data["propagation_timeout"] = 3
    (old,) = selectors(site, "lag.test")
    done = rotate(site)
    assert done.status != 0 and "ns3.servers.test" in done.output, done.output
    assert old in server.host.run("cat /etc/pmail-deploy/dkim/KeyTable")
    assert old in selectors(site, "lag.test")
    # Turned back, nothing is left of it.
    done = rotate(site, "rotate_action=abort", "rotate_domains=lag.test")
    assert done.status == 0, done.output
    assert selectors(site, "lag.test") == [old]


def direct(site: Site) -> Server:
    """A server whose PMail signs itself, with short times."""
    server = site.add_server("example.test", dkim_keep_days=0, dkim_ttl_slack=2)
    site.operator.zones["example.test"]["ttl"] = 5
    assert site.operator.run().status == 0
    return server


def test_a_key_that_is_replaced_in_place_fails_no_signature_while_mail_is_paused(
    new_site: Site,
) -> None:
    site = new_site
    server = direct(site)
    (old,) = site.txt("default._domainkey.example.test")
    with streaming(site, server, ["example.test"], ["recv.test"], every=0.25) as sent:
        done = rotate(site, "rotate_wait=1")
        assert done.status == 0, done.output
    (new,) = site.txt("default._domainkey.example.test")
    assert new != old
    assert set(arrived(sent)) == {"pass"}
    assert sent.refused, "nothing was refused, so nothing was paused"
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output
    assert site.not_green(server) == []


def test_what_is_young_is_left_alone(relayed: Relayed) -> None:
    site, _ = relayed
    before = selectors(site, "example.test")
    done = rotate(site, "rotate_check_age=1")
    assert (done.status, done.changed) == (0, 0), done.output
    assert selectors(site, "example.test") == before
