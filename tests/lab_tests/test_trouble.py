"""Trouble that goes away leaves a running server, without a deploy and without anybody's hand."""

from __future__ import annotations

import pytest

from tests.lab.process import wait_for
from tests.lab_tests.conftest import Relayed
from tests.lab_tests.site import Server, submit

pytestmark = pytest.mark.lab
_LONG = 120  # seconds
_OURS = "systemctl list-unit-files --state=enabled --plain --no-legend 'pmail*' | cut -d' ' -f1"
_INACTIVE = f"for u in $({_OURS}); do systemctl is-active -q $u || echo $u; done"
_RESTARTS = "systemctl show -P NRestarts "

# What breaks, what is tried in vain then, what mends it.
TROUBLES = {
    "a folder that PMail cannot read": (
        "chmod 000 /var/lib/pmail/data; systemctl restart --no-block pmail",
        "pmail",
        "chmod 700 /var/lib/pmail/data",
    ),
    "a configuration that the edge cannot read": (
        "chmod 000 /etc/pmail-deploy/edge/edge.json; "
        "systemctl restart --no-block pmail-deploy-edge",
        "pmail-deploy-edge",
        "chmod 640 /etc/pmail-deploy/edge/edge.json",
    ),
    # As at a start of the host.
    "a host without nft": (
        "mv /usr/sbin/nft /usr/sbin/nft.away; systemctl stop pmail-deploy-net; "
        "ip netns del pmail; systemctl start --no-block pmail pmail-deploy-edge",
        "pmail-deploy-net",
        "mv /usr/sbin/nft.away /usr/sbin/nft",
    ),
    "a port that somebody has": (
        "systemctl stop pmail-deploy-edge pmail-deploy-imaps.socket; "
        "systemd-run -q --unit=somebody python3 -m http.server 993; "
        "until ss -Hltn 'sport = :993' | grep -q .; do sleep 0.1; done; "
        "systemctl start --no-block pmail-deploy-edge",
        "pmail-deploy-edge",
        "systemctl stop somebody",
    ),
    "a socket that has failed": (
        "systemctl stop pmail-deploy-relay.socket pmail-deploy-relay",
        "",
        "true",
    ),
}


def inactive(server: Server) -> str:
    """Units of ours that do not run."""
    return server.host.run(_INACTIVE).strip()


def tries(server: Server, unit: str) -> int:
    """How often a unit was started again."""
    return int(server.host.run(_RESTARTS + unit).strip() or 0)


def test_what_goes_away_by_itself_leaves_a_running_server(relayed: Relayed) -> None:
    site, server = relayed
    assert inactive(server) == ""
    for name, (breaks, unit, mends) in TROUBLES.items():
        server.host.run(breaks)
        if unit:
            assert wait_for(lambda unit=unit: tries(server, unit) >= 3, _LONG), name  # type: ignore[misc]
        server.host.run(mends, check=True)
        if not wait_for(lambda: inactive(server) == "", _LONG, 1.0):
            pytest.fail(f"{name}: {inactive(server)}")
        verdict = submit(site, server, to="someone@recv.test")
        assert verdict.dkim == "pass", name
        assert wait_for(lambda: server.answers(993) and server.answers(443), _LONG), name
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output
