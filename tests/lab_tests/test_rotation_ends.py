"""A rotation ends when no message needs the old record any more, and no server has it."""

from __future__ import annotations

from tests.lab.process import wait_for
from tests.lab.receiver import Receiver
from tests.lab_tests.rotation import assert_one_key, going_on, in_use, rotate, selectors
from tests.lab_tests.site import Site, send


def test_an_old_record_waits_for_the_queue_and_goes_though_the_ledger_is_lost(
    new_site: Site,
) -> None:
    site = new_site
    server = site.add_server("example.test", outbound="relay", dkim_keep_days=0, retry_after=60)
    assert site.operator.run().status == 0
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
