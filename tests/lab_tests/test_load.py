"""Under load, with everything failing that can: nothing accepted is lost, nothing is unsigned."""

from __future__ import annotations

import json
import time

import pytest

from tests.lab.process import wait_for
from tests.lab.receiver import Receiver
from tests.lab_tests.conftest import Relayed
from tests.lab_tests.site import TWO_DOMAINS, UNLIMITED, Server, Site, marks, send, streaming

pytestmark = pytest.mark.lab
RECEIVERS = ("recv.test", "secure.test", "untrusted.test")
EVERY = 0.3  # seconds between two messages


def all_good() -> None:
    """Every message received is signed right, and aligned with its own From domain."""
    for each in Receiver().verdicts():
        assert (each.dkim, each.dmarc) == ("pass", "pass"), each
        domain = each.sender.rpartition("@")[2]
        assert f"d={domain};" in each.message, each


def queue_empty(server: Server) -> bool:
    """Whether nothing waits; a server that does not answer has something."""
    return "Mail queue is empty" in server.host.run("postqueue -p 2>&1")


@pytest.mark.more
def test_a_thousand_messages_survive_whatever_is_killed(relayed: Relayed) -> None:
    site, server = relayed
    with streaming(site, server, TWO_DOMAINS, RECEIVERS, 60 / 1000) as sent:
        for event in (
            Receiver().restart,
            lambda: server.host.run("pkill -9 -f /usr/sbin/opendkim"),
            lambda: server.host.run("pkill -9 -f 'postfix/sbin/(master|qmgr|smtp)'"),
            server.host.power_cut,
            Receiver().restart,
            lambda: server.host.run("pkill -9 -f /usr/sbin/opendkim"),
        ):
            time.sleep(6)
            event()
        wait_for(lambda: len(sent.accepted) + len(sent.refused) >= 1000, 120)
    assert wait_for(lambda: queue_empty(server), 400), server.host.run("postqueue -p")

    received = marks(Receiver().verdicts())
    assert sent.accepted - set(received) == set()
    all_good()
    twice = {mark for mark, count in received.items() if count > 1}
    unsure = set(received) & set(sent.refused)
    print(
        f"accepted {len(sent.accepted)}, refused {len(sent.refused)}, received {len(received)}, "
        f"more than once {len(twice)}, received though the client saw an error {len(unsure)}"
    )
    # A message comes twice only where a receiver or Postfix died between the receiver's yes and
    # Postfix's note of it: a handful for each kill, not a flood.
    assert len(twice) <= 60, twice
    assert len(sent.accepted) > len(sent.refused)


@pytest.mark.long
def test_from_relay_to_direct_and_back_in_the_stream_nothing_accepted_is_lost_or_unsigned(
    relayed: Relayed,
) -> None:
    site, server = relayed
    # Postfix goes on for this one, also while PMail has the ports.
    send(site, server, "someone@silent.test")
    assert wait_for(lambda: "silent.test" in server.host.run("postqueue -j"), 90)
    with streaming(site, server, TWO_DOMAINS[:1], RECEIVERS, EVERY) as sent:
        for mode in ("direct", "relay"):
            time.sleep(3)
            change(site, server, mode)
        time.sleep(3)
    waiting = json.loads(server.host.run("postqueue -j | grep -F silent.test"))["queue_id"]
    server.host.run(f"postsuper -d {waiting}", check=True)
    assert wait_for(lambda: queue_empty(server), 400), server.host.run("postqueue -p")
    received = marks(Receiver().verdicts())
    assert sent.accepted - set(received) == set()
    for each in Receiver().verdicts():
        assert (each.dkim, each.dmarc) == ("pass", "pass"), each
    ways = {each.ehlo for each in Receiver().verdicts()}
    assert ways == {"example.test", "smtp.example.test"}, "no change was in the stream"


def change(site: Site, server: Server, mode: str) -> None:
    """Change a server's outbound mode by another run."""
    server.data["outbound"] = mode
    server.data["mailbox_limits"] = None if mode == "direct" else UNLIMITED
    done = site.operator.run()
    assert done.status == 0, done.output
