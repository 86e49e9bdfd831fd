"""A port that is shut on the way out, or by an image's own packet filter, is told by its place."""

from __future__ import annotations

import subprocess

import pytest

from tests.lab.network import Network
from tests.lab_tests.conftest import Relayed
from tests.lab_tests.site import Site

pytestmark = pytest.mark.lab
# As a cloud image ships it.
IMAGE = """table ip filter {
    chain INPUT {
        type filter hook input priority 0; policy accept;
        ct state established,related accept
        ip protocol icmp accept
        iif lo accept
        tcp dport 22 accept
        reject with icmp type host-prohibited
    }
}
"""


def on_the_way(*rules: str) -> None:
    """Have the network do something with what comes to receivers."""
    for rule in rules:
        command = ["ip", "netns", "exec", Network().name, "nft", *rule.split()]
        subprocess.run(command, check=True)


def test_outbound_port_25_that_is_shut_fails_the_verification(relayed: Relayed) -> None:
    site, server = relayed
    on_the_way(
        "add table inet shut",
        "add chain inet shut on_the_way { type filter hook input priority -10 ; }",
        f"add rule inet shut on_the_way ip saddr {server.ip} tcp dport 25 drop",
    )
    try:
        done = site.operator.run("deploys/verify.py", "-y")
    finally:
        on_the_way("delete table inet shut")
    assert done.status == 1, done.output
    (shut,) = site.not_green(server)
    assert (shut["check"], shut["status"]) == ("NET-01", "fail")
    assert "recv.test, secure.test" in str(shut["seen"])
    again = site.operator.run("deploys/verify.py", "-y")
    assert again.status == 0, again.output
    assert "220 " in str([each for each in site.report(server) if each["check"] == "NET-01"])


def test_an_images_own_packet_filter_stops_the_run_before_anything_is_changed(
    new_site: Site,
) -> None:
    site = new_site
    server = site.add_server("example.test")
    before = site.tree(server)
    server.host.run(f"nft -f - <<'END'\n{IMAGE}END", check=True)
    done = site.operator.run()
    assert done.status == 1 and site.tree(server) == before
    assert "PRE-19" in done.output and "table ip filter, chain INPUT: reject" in done.output
    command = "iptables -I INPUT -p tcp -m multiport --dports 25,443,465,993 -j ACCEPT"
    assert command in done.output
    opened = "insert rule ip filter INPUT tcp dport { 25, 443, 465, 993 } accept"
    server.host.run(f"nft '{opened}'", check=True)
    looked = site.operator.run("deploys/preflight.py", "-y")
    assert looked.status == 0 and "PRE-19" not in looked.output, looked.output
