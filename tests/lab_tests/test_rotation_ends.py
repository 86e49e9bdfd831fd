"""A rotation ends when no message needs the old record any more, and no server has it."""

from __future__ import annotations

import pytest

from tests.lab.process import wait_for
from tests.lab.receiver import Receiver
from tests.lab_tests.rotation import (
    DISTURBED,
    Watched,
    assert_one_key,
    going_on,
    history,
    in_use,
    rotate,
    selectors,
    signer_key,
)
from tests.lab_tests.site import Site, send, submit

pytestmark = pytest.mark.lab


@pytest.mark.more
def test_an_old_record_waits_for_the_queue_and_goes_though_the_ledger_is_lost(
    new_site: Site,
) -> None:
    site = new_site
    server = site.add_running("relay", dkim_keep_days=0)
    (old,) = selectors(site, "example.test")
    try:
        Receiver().daemon.stop()
        send(site, server, to="someone@recv.test")
        done = rotate(site)
        assert done.status == 0 and "messages signed with the old key" in done.output, done.output
        there = going_on(site)
        assert there and there["step"] == "empty" and there["problem"], done.output
        assert in_use(server)["example.test"] != old and old in selectors(site, "example.test")

        server.host.run("postsuper -h ALL", check=True)
        done = rotate(site)
        assert done.status != 0 and "on hold" in done.output, done.output
        assert old in selectors(site, "example.test")
    finally:
        Receiver().restart()
    before = Receiver().count()
    server.host.run("postsuper -H ALL; postqueue -f", check=True)
    assert wait_for(lambda: Receiver().count() > before, 60)
    verdict = Receiver().verdicts()[-1]
    assert f"s={old};" in verdict.message and verdict.dkim == "pass"

    (site.operator.state / "ledger" / "example.test.json").unlink()
    done = rotate(site)
    assert done.status == 0, done.output
    assert old not in selectors(site, "example.test")
    assert_one_key(site, server, rotations=1)


@pytest.mark.long
def test_a_zone_taken_out_while_mail_is_paused_lets_it_go_on_with_the_key_it_has(
    new_site: Site,
) -> None:
    site = new_site
    both = ("example.test", "second.test")
    server = site.add_running("direct", *both, ttl=6, dkim_keep_days=0, dkim_ttl_slack=2)
    old = signer_key(site, server)
    killed = Watched(site, DISTURBED, PMAIL_MOMENT="after pause", PMAIL_LEAST_TTL="2")
    assert killed.ended() != 0 and not server.answers(465), killed.printed
    server.data["domains"], zone = ["second.test"], site.operator.zones.pop("example.test")
    done = rotate(site)
    assert done.status != 0 and "in the zone example.test" in done.output, done.output
    assert "Traceback" not in done.output
    assert server.answers(465) and signer_key(site, server) == old
    assert submit(site, server, to="someone@recv.test").dkim == "pass"
    # Once it is back in the inventory, what is left of it ends.
    server.data["domains"], site.operator.zones["example.test"] = list(both), zone
    done = rotate(site)
    assert done.status == 0 and going_on(site) is None, done.output
    (ended,) = history(site)
    assert ended["aborted"] and signer_key(site, server) == old
