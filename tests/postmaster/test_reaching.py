"""The way out and in: receivers' port 25, the packet filter, what preflight warned of."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from ground.words import say
from postmaster.checks.results import Result, Status
from postmaster.checks.seen import Seen
from postmaster.vps import OTHER, known, provider_of
from tests.postmaster.full_view import fit, found, good, one, server

PASS, WARN, FAIL, UNKNOWN = Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN
SERVER = server()
NO_ANSWER = (
    "connect qq.com 192.0.2.1 timeout 8000",
    "connect 163.com 192.0.2.2 timeout 8000",
)


def seen(*changes: str, outbound: str = "relay", **fitness: Any) -> Seen:
    """A server whose host says this besides, and of receivers nothing else than is given."""
    there = server(outbound)
    bare = fit(there, *changes)
    tried = tuple(bare.fitness.outbound)
    lines = [each.split()[1:3] for each in changes if each.startswith("connect ")]
    given = tuple(t for t in tried if not lines or [t.domain, t.address] in lines)
    last = tuple({(t.domain, t.address): t for t in given}.values())
    made = replace(bare.fitness, **{"outbound": last, **fitness})
    return replace(good(there), bare=replace(bare, fitness=made))


def nft(*rules: object, policy: str = "accept") -> str:
    """What the script says of these rules in a chain that everything comes by."""
    chain = {"family": "ip", "table": "filter", "name": "INPUT"}
    hook = {**chain, "type": "filter", "hook": "input", "policy": policy}
    entries = [{"rule": {**chain, "chain": "INPUT", "expr": each}} for each in rules]
    listing = json.dumps({"nftables": [{"chain": hook}, *entries]})
    return f"nft {base64.b64encode(listing.encode()).decode()}"


def port(number: object) -> dict[str, object]:
    left = {"payload": {"protocol": "tcp", "field": "dport"}}
    return {"match": {"op": "==", "left": left, "right": number}}


ACCEPT, REJECT = {"accept": None}, {"reject": {"type": "icmp", "expr": "host-prohibited"}}
MINE = {"set": [25, 80, 443, 465, 993]}


def warned_of(*lines: str) -> list[tuple[str, Status]]:
    """What a report has that did not pass."""
    return [(e.rule.id, e.status) for e in found(seen(*lines)) if e.status is not PASS]


# -- out -------------------------------------------------------------------------------------------


def test_no_receiver_reached_fails_the_verification_and_names_them() -> None:
    result = one(seen(*NO_ANSWER), "NET-01")
    assert result.status is FAIL
    assert "163.com, qq.com" in say(result.seen) and "smarthost" in say(result.remedy or "")


def test_preflight_only_warns_of_it_and_is_not_in_the_report_twice() -> None:
    blocked = seen(*NO_ANSWER)
    assert blocked.bare
    (warning,) = found(blocked.bare, "PRE-17")
    assert warning.status is WARN
    assert [each.rule.id for each in found(blocked) if each.status is not PASS] == ["NET-01"]


@pytest.mark.parametrize("how", ["refused", "timeout", "unreachable"])
def test_one_receiver_that_is_not_reached_is_a_warning_of_its_own(how: str) -> None:
    mixed = seen(
        "connect qq.com 192.0.2.1 open 40 220 mx.qq.com", f"connect 163.com 192.0.2.2 {how} 9"
    )
    assert one(mixed, "NET-01", "163.com IPv4").status is WARN
    passed = one(mixed, "NET-01", "qq.com IPv4")
    assert passed.status is PASS and "220 mx.qq.com" in say(passed.seen)


def test_ipv6_that_reaches_nobody_is_a_warning_as_long_as_ipv4_does() -> None:
    there = seen("connect qq.com 192.0.2.1 open 40 220 x", "connect qq.com 2001:db8::9 timeout 8")
    assert one(there, "NET-01", "qq.com IPv4").status is PASS
    assert one(there, "NET-01", "qq.com IPv6").status is WARN


def test_who_gives_up_early_is_warned_of_a_receiver_that_is_slow() -> None:
    slow = "connect qq.com 192.0.2.1 open 2000 220 x"
    assert one(seen(slow, outbound="direct"), "NET-01").status is WARN
    assert one(seen(slow), "NET-01").status is PASS


def test_where_nobody_could_be_tried_it_is_unknown_and_counts() -> None:
    there = good(SERVER)
    assert there.bare
    nobody = replace(there.bare.fitness, outbound=())
    untried = one(replace(there, bare=replace(there.bare, fitness=nobody)), "NET-01")
    assert (untried.status, untried.required) == (UNKNOWN, True)
    assert one(replace(there, bare=None), "NET-01").status is UNKNOWN
    unasked = replace(there, server=replace(SERVER, preflight_mx_domains=()), bare=None)
    assert one(unasked, "NET-01").status is Status.SKIP


def test_the_hosts_own_filter_is_named_where_that_keeps_port_25_shut() -> None:
    chain = {"family": "ip", "table": "filter", "name": "OUTPUT"}
    hook = {**chain, "type": "filter", "hook": "output", "policy": "accept"}
    rule = {**chain, "chain": "OUTPUT", "expr": [port(25), {"drop": None}]}
    listing = json.dumps({"nftables": [{"chain": hook}, {"rule": rule}]})
    line = f"nft {base64.b64encode(listing.encode()).decode()}"
    result = one(seen(*NO_ANSWER, line), "NET-01")
    assert result.status is FAIL
    assert "ip filter, chain OUTPUT: tcp dport 25 drop" in say(result.seen)


@pytest.mark.parametrize(
    ("dmi", "provider"),
    [
        ("sys_vendor Hetzner", "hetzner"),
        ("sys_vendor netcup", "netcup"),
        ("product_name Alibaba Cloud ECS", "aliyun"),
        ("chassis_asset_tag OracleCloud.com", "oracle"),
        ("sys_vendor QEMU", OTHER),
    ],
)
def test_the_provider_is_known_by_the_machine_and_says_how_port_25_is_opened(
    dmi: str, provider: str
) -> None:
    blocked = seen(*NO_ANSWER, f"dmi {dmi}")
    assert blocked.bare and blocked.bare.provider == provider
    remedy = one(blocked, "NET-01").remedy
    assert remedy and remedy.id == f"vps.{provider}.port25"


def test_every_provider_is_known_by_its_first_sign() -> None:
    for name, signs in known().items():
        assert provider_of((signs[0],)) == name


# -- in --------------------------------------------------------------------------------------------


def filtered(line: str) -> Result:
    """What preflight says of a packet filter."""
    there = seen(line).bare
    assert there
    plain = replace(there.fitness, filters=fit(SERVER, line).fitness.filters)
    return found(replace(there, fitness=plain), "PRE-19")[0]


def test_an_image_that_rejects_all_but_ssh_stops_the_run_with_rule_and_command() -> None:
    result = filtered(nft([port(22), ACCEPT], [REJECT]))
    assert result.status is FAIL
    assert "table ip filter, chain INPUT: reject" in say(result.seen)
    assert "25, 80, 443, 465, 993" in say(result.seen)
    assert "iptables -I INPUT -p tcp -m multiport --dports 25," in say(result.remedy or "")


def test_an_image_that_lets_the_ports_in_is_no_finding() -> None:
    assert filtered(nft([port(22), ACCEPT], [port(MINE), ACCEPT], [REJECT])).status is PASS


def test_a_rule_that_we_cannot_tell_makes_it_a_warning() -> None:
    assert filtered(nft([{"fib": {}}, ACCEPT], [REJECT])).status is WARN


def test_without_nft_and_iptables_nothing_is_known_and_nothing_stopped() -> None:
    bare = fit(SERVER)
    unseen = replace(bare, fitness=replace(bare.fitness, filters=None))
    assert one(unseen, "PRE-19").status is UNKNOWN


def test_what_preflight_warns_of_is_in_the_report_until_it_is_no_longer_true() -> None:
    assert warned_of("synced no") == [("PRE-08", WARN)]
    assert warned_of("memory 100") == [("PRE-07", WARN)]
    assert warned_of("synced yes") == []


def test_where_there_is_no_nft_the_rules_are_read_of_iptables() -> None:
    saved = "\n".join(
        (
            "*filter",
            ":INPUT ACCEPT [0:0]",
            "-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT",
            "-A INPUT -j REJECT --reject-with icmp-host-prohibited",
            "COMMIT",
        )
    )
    line = f"tables 4 {base64.b64encode(saved.encode()).decode()}"
    result = filtered(line)
    assert result.status is FAIL
    assert "-j REJECT --reject-with icmp-host-prohibited" in say(result.seen)
