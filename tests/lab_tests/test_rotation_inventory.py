"""The inventory changes in the middle of a rotation: mail goes on, and the rotation ends."""

from __future__ import annotations

import shutil

import pytest

from tests.lab_tests.rotation import (
    DISTURBED,
    ROTATE,
    Watched,
    a_day_passes,
    data,
    going_on,
    history,
    in_use,
    rotate,
    selectors,
)
from tests.lab_tests.site import Site, converges, submit

pytestmark = [pytest.mark.lab, pytest.mark.long]


def test_another_mode_and_a_domain_taken_out_in_the_middle(new_site: Site) -> None:
    site = new_site
    both = ["example.test", "second.test"]
    server = site.add_running("direct", *both, ttl=6, dkim_keep_days=0, dkim_ttl_slack=2)

    # Killed while mail is paused, and the inventory says something else by then.
    killed = Watched(site, DISTURBED, PMAIL_MOMENT="after pause", PMAIL_LEAST_TTL="2")
    assert killed.ended() != 0
    there = going_on(site)
    assert there and there["step"] == "publish" and not server.answers(465), killed.printed
    server.data["outbound"] = "relay"
    for deploy in ("deploy.py", "deploys/users.py", "deploys/tls.py", "deploys/dns.py"):
        refused = site.operator.run(deploy)
        assert refused.status != 0 and "is paused" in refused.output, refused.output
    for deploy, *more in (
        ("deploys/verify.py",),
        ("deploys/queue.py",),
        (ROTATE, "rotate_action=status"),
    ):
        told = site.operator.run(deploy, *data(*more))
        assert told.status != 0 and "paused" in told.output, (deploy, told.output)
        assert "cloud" not in told.output and "Traceback" not in told.output, told.output
    # The state is lost, and the host remembers.
    journal = site.operator.state / "rotation"
    journal.rename(site.operator.folder / "lost")
    for deploy, *more in (
        *(("deploy.py",), ("deploys/verify.py",), ("deploys/queue.py",), ("deploys/preflight.py",)),
        *((ROTATE,), (ROTATE, "rotate_action=status"), ("deploys/users.py", "users_action=list")),
    ):
        told = site.operator.run(deploy, *data(*more))
        assert told.status != 0 and "the state has lost it" in told.output, (deploy, told.output)
    shutil.rmtree(journal, ignore_errors=True)
    (site.operator.folder / "lost").rename(journal)

    done = rotate(site)
    assert done.status == 0 and going_on(site) is None, done.output
    assert server.answers(465) and len(history(site)) == 1
    verdict = submit(site, server, to="someone@recv.test")
    assert "s=default;" in verdict.message.replace(" ", "") and verdict.dkim == "pass"
    converges(site, server)
    assert in_use(server).keys() == set(both)

    # The other way, and one of two domains is taken out with its zone.
    server.data["dkim_keep_days"] = 1
    done = rotate(site)
    assert done.status == 0, done.output
    server.data["outbound"] = "direct"
    refused = site.operator.run()
    assert refused.status != 0 and "still being replaced" in refused.output, refused.output
    server.data["outbound"], server.data["domains"] = "relay", ["example.test"]
    zone = site.operator.zones.pop("second.test")
    told = rotate(site)
    assert told.status != 0 and "the zone second.test" in told.output, told.output
    site.operator.zones["second.test"] = zone
    old = {domain: there["old"]["selector"] for domain in both if (there := going_on(site, domain))}
    assert old.keys() == set(both)
    for domain in both:
        a_day_passes(site, domain)
    done = rotate(site)
    assert done.status == 0, done.output
    for domain in both:
        assert going_on(site, domain) is None and old[domain] not in selectors(site, domain)
    verdict = submit(site, server, to="someone@recv.test")
    assert verdict.dkim == "pass"


def test_a_host_put_back_to_a_day_when_mail_was_paused_sends_again_after_the_next_deploy(
    new_site: Site,
) -> None:
    site = new_site
    server = site.add_running("direct", ttl=6, dkim_keep_days=0, dkim_ttl_slack=2)
    killed = Watched(site, DISTURBED, PMAIL_MOMENT="after pause", PMAIL_LEAST_TTL="2")
    assert killed.ended() != 0 and not server.answers(465), killed.printed
    files = "/etc/pmail-deploy/manifest.json /etc/pmail-deploy/nftables.nft"
    server.host.run(f"tar -cf /root/paused.tar {files}", check=True)
    assert rotate(site).status == 0 and server.answers(465)

    server.host.run("tar -C / -xf /root/paused.tar", check=True)
    server.host.run("systemctl restart pmail-deploy-firewall", check=True)
    assert not server.answers(465)
    told = site.operator.run("deploys/verify.py")
    assert told.status != 0 and "cloud" not in told.output, told.output
    assert "put back to an earlier day" in told.output
    refused = site.operator.run()
    assert refused.status == 1 and "put back to an earlier day" in refused.output, refused.output
    kept = site.operator.run("deploy.py", *data("keep_database=vps10"))
    assert kept.status == 0 and server.answers(465), kept.output
    converges(site, server)
