"""What a host's packet filter does with a new connection, by its own words."""

from __future__ import annotations

import json

import pytest

from probes.host.firewall import Block, Connection, Way, blocking, of_iptables, of_nft

IN_25 = Connection(Way.IN, 25, interface="eth0")
ACCEPT, DROP, REJECT = {"accept": None}, {"drop": None}, {"reject": None}
LOOPBACK = {"match": {"op": "==", "left": {"meta": {"key": "iif"}}, "right": "lo"}}
KNOWN_STATE = {
    "match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}
}


def port(right: object, op: str = "==", field: str = "dport") -> dict[str, object]:
    left = {"payload": {"protocol": "tcp", "field": field}}
    return {"match": {"op": op, "left": left, "right": right}}


def address(right: object, field: str = "saddr", op: str = "==") -> dict[str, object]:
    return {
        "match": {
            "op": op,
            "left": {"payload": {"protocol": "ip", "field": field}},
            "right": right,
        }
    }


def listing(
    *rules: list[object],
    policy: str = "accept",
    family: str = "inet",
    table: str = "filter",
    hook: str = "input",
    **chains: list[list[object]],
) -> str:
    place = {"family": family, "table": table}
    entries: list[object] = [{"metainfo": {"version": "1.0.6"}}]
    base = {**place, "name": "in", "type": "filter", "hook": hook, "prio": 0, "policy": policy}
    entries += [{"chain": base}, *({"chain": {**place, "name": each}} for each in chains)]
    for name, content in (("in", list(rules)), *chains.items()):
        entries += [{"rule": {**place, "chain": name, "expr": each}} for each in content]
    return json.dumps({"nftables": entries})


def stops(*rules: list[object], connection: Connection = IN_25, **more: object) -> Block | None:
    return blocking(of_nft(listing(*rules, **more)), connection)  # type: ignore[arg-type]


def test_a_cloud_image_that_rejects_what_is_not_ssh() -> None:
    image = ([KNOWN_STATE, ACCEPT], [LOOPBACK, ACCEPT], [port(22), ACCEPT], [REJECT])
    assert stops(*image) == Block("inet filter", "in", "reject")
    assert stops(*image, connection=Connection(Way.IN, 22)) is None


@pytest.mark.parametrize(
    "let_in",
    [
        [port(25), ACCEPT],
        [port({"set": [25, 465]}), ACCEPT],
        [port({"range": [20, 30]}), ACCEPT],
        [port({"set": [{"range": [20, 30]}, 465]}), ACCEPT],
        [port(22, "!="), ACCEPT],
        [{"counter": {}}, {"log": {}}, port(25), ACCEPT],
        [ACCEPT],
        [{"jump": {"target": "more"}}],
        [{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "eth*"}}, ACCEPT],
    ],
)
def test_what_lets_the_port_in_before_is_seen(let_in: list[object]) -> None:
    assert stops(let_in, [REJECT], more=[[port(25), ACCEPT]]) is None


@pytest.mark.parametrize(
    "passes_by",
    [
        [port(22), ACCEPT],
        [KNOWN_STATE, ACCEPT],
        [LOOPBACK, ACCEPT],
        [address("203.0.113.0"), ACCEPT],
        [address({"prefix": {"addr": "10.0.0.0", "len": 8}}), ACCEPT],
        [{"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "udp"}}, ACCEPT],
        [{"jump": {"target": "more"}}],
        [{"counter": {}}],
        [port(25), {"jump": {"target": "more"}}],
        [port(25, field="sport"), ACCEPT],
    ],
)
def test_what_is_not_for_everybody_lets_nobody_in(passes_by: list[object]) -> None:
    found = stops(passes_by, [DROP], more=[[port(25), {"return": None}], [ACCEPT]])
    assert found == Block("inet filter", "in", "drop")


@pytest.mark.parametrize(
    "doubtful",
    [
        [{"fib": {"result": "type"}}, ACCEPT],
        [port("@open"), ACCEPT],
        [{"xt": {"type": "match", "name": "recent"}}, ACCEPT],
        [{"vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "data": "@map"}}],
        [{"jump": {"target": "gone"}}],
    ],
)
def test_what_may_let_it_in_makes_what_stops_it_uncertain(doubtful: list[object]) -> None:
    found = stops(doubtful, [DROP])
    assert found is not None and not found.certain


def test_what_may_stop_it_is_not_taken_for_what_does() -> None:
    assert stops([{"fib": {}}, DROP]) is None


def test_a_policy_stops_what_no_rule_lets_in() -> None:
    assert stops([port(22), ACCEPT], policy="drop") == Block("inet filter", "in", "policy drop")
    assert stops([port(25), ACCEPT], policy="drop") is None
    state = {"key": {"ct": {"key": "state"}}, "data": {"set": [["established", ACCEPT]]}}
    assert stops([{"vmap": state}], policy="drop") == Block("inet filter", "in", "policy drop")


def test_another_way_family_or_a_table_of_ours_stops_nothing() -> None:
    assert stops([DROP], hook="output") is None
    assert stops([DROP], family="ip6") is None
    assert stops([DROP], table="pmail_deploy") is None
    assert stops([DROP], family="ip") is not None
    out = Connection(Way.OUT, 25)
    assert stops([port(25), DROP], hook="output", connection=out) is not None


def test_rules_that_jump_in_circles_end() -> None:
    assert stops([{"jump": {"target": "more"}}], more=[[{"jump": {"target": "more"}}]]) is None


@pytest.mark.parametrize(
    "written", ["", "{", "[]", '{"nftables": 5}', '{"nftables": [{"rule":1}]}']
)
def test_what_is_no_listing_has_no_rules(written: str) -> None:
    assert of_nft(written) == ()


SAVED = """*nat
:INPUT DROP [0:0]
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -s 10.0.0.0/8 -j ACCEPT
-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT
{more}
-A INPUT -j REJECT --reject-with icmp-host-prohibited
COMMIT
"""


@pytest.mark.parametrize(
    ("more", "certain"),
    [
        ("", True),
        ("-A INPUT -p udp -m udp --dport 25 -j ACCEPT", True),
        ("-A INPUT -p tcp ! --dport 25 -j ACCEPT", True),
        ("-A INPUT -p tcp -m set --match-set open dst -j ACCEPT", False),
        ("-A INPUT -p tcp -j LOG --log-prefix 'in '", True),
    ],
)
def test_iptables_rules_that_reject_the_port(more: str, certain: bool) -> None:
    found = blocking(of_iptables(SAVED.format(more=more), 4), IN_25)
    rule = "-j REJECT --reject-with icmp-host-prohibited"
    assert found == Block("ip filter", "INPUT", rule, certain)


@pytest.mark.parametrize(
    "more",
    [
        "-A INPUT -p tcp -m tcp --dport 25 -j ACCEPT",
        "-A INPUT -p tcp -m multiport --dports 22,25,465 -j ACCEPT",
        "-A INPUT -p tcp -m tcp --dport 20:30 -j ACCEPT",
        "-A INPUT ! -s 10.0.0.0/8 -j ACCEPT",
        "-A INPUT -i eth+ -j ACCEPT",
    ],
)
def test_iptables_rules_that_let_the_port_in(more: str) -> None:
    assert blocking(of_iptables(SAVED.format(more=more), 4), IN_25) is None
