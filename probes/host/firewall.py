"""What a host's own packet filter does with a new TCP connection, read from its rules as root.

`nft -j list ruleset` shows nftables and what iptables-nft has made; `iptables-save` is read where
nft is not there, and for the old kernel tables. Only what is understood counts: a rule with a match
that we cannot tell is passed by, and what comes after it is less certain.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from itertools import pairwise
from typing import Any

from ground.foreign import json_in, whole_number

# What is ours closes what shall be closed.
_OURS = "pmail_deploy"
_DEEPEST = 20  # chains that lead into each other
_LONGEST = 160  # characters of a rule as it is shown


class Way(StrEnum):
    """Which way a connection goes, as the hook is called."""

    IN = "input"
    OUT = "output"


@dataclass(frozen=True, slots=True)
class Connection:
    """The first packet of a connection. family: 4 or 6. interface: of the host, "" for unknown."""

    way: Way
    port: int
    family: int = 4
    interface: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """What stops a connection. table: with its family. rule: as it is written, or the policy.

    certain: nothing before it could have let the connection through that we cannot tell.
    """

    table: str
    chain: str
    rule: str
    certain: bool = True


class _Fits(Enum):
    YES, NO, MAYBE = "yes", "no", "maybe"


_Test = Callable[[Connection], _Fits]


@dataclass(frozen=True, slots=True)
class _Rule:
    """verdict: accept, drop, reject, return, jump, goto or "" for none; target: of a jump."""

    tests: tuple[_Test, ...]
    verdict: str
    target: str = ""
    text: str = ""


@dataclass(slots=True)
class _Chain:
    table: str
    name: str
    families: tuple[int, ...]
    hook: str = ""
    policy: str = "accept"
    rules: list[_Rule] = field(default_factory=list)


Chains = tuple[_Chain, ...]


def blocking(chains: Chains, connection: Connection) -> Block | None:
    """Return what stops a connection, None where nothing does."""
    by_name = {(each.table, each.name): each for each in chains}
    for chain in chains:
        if chain.hook != connection.way or connection.family not in chain.families:
            continue
        walk = _Walk(by_name, connection)
        verdict = walk.through(chain)
        if isinstance(verdict, Block):
            return verdict
        if verdict == "" and chain.policy == "drop":
            return Block(chain.table, chain.name, "policy drop", walk.certain)
    return None


@dataclass(slots=True)
class _Walk:
    chains: Mapping[tuple[str, str], _Chain]
    connection: Connection
    certain: bool = True

    def through(self, chain: _Chain, depth: int = 0) -> str | Block:
        """What becomes of the packet: accepted, stopped, or "" at the end of the chain."""
        for rule in chain.rules if depth < _DEEPEST else ():
            fits = _all_fit(rule.tests, self.connection)
            if fits is _Fits.NO or not rule.verdict:
                continue
            if fits is _Fits.MAYBE:
                # It may let the packet through; it is not taken for what stops it.
                if rule.verdict not in ("drop", "reject"):
                    self.certain = False
                continue
            match rule.verdict:
                case "accept":
                    return "accept"
                case "drop" | "reject":
                    return Block(chain.table, chain.name, rule.text, self.certain)
                case "return":
                    return ""
                case _:
                    found = self._jump(chain, rule, depth)
                    if found or rule.verdict == "goto":
                        return found
        return ""

    def _jump(self, chain: _Chain, rule: _Rule, depth: int) -> str | Block:
        target = self.chains.get((chain.table, rule.target))
        if target is None:
            self.certain = False
            return ""
        return self.through(target, depth + 1)


def _all_fit(tests: Iterable[_Test], connection: Connection) -> _Fits:
    found = {test(connection) for test in tests}
    if _Fits.NO in found:
        return _Fits.NO
    return _Fits.MAYBE if _Fits.MAYBE in found else _Fits.YES


def _yes_if(is_so: bool) -> _Fits:
    return _Fits.YES if is_so else _Fits.NO


# -- nftables ------------------------------------------------------------------------------------

_FAMILIES = {"ip": (4,), "ip6": (6,), "inet": (4, 6)}
_IGNORED = frozenset({"counter", "log", "comment", "mangle", "notrack", "ct helper", "last"})
_VERDICTS = ("accept", "drop", "reject", "return", "jump", "goto", "queue")


def of_nft(listing: str) -> Chains:
    """Return the chains in what `nft -j list ruleset` prints; none in what is no such listing."""
    data = json_in(listing or "{}")
    entries = data.get("nftables") if isinstance(data, dict) else None
    chains = dict[tuple[str, str, str], _Chain]()
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        if isinstance(chain := entry.get("chain"), dict):
            _add_chain(chains, chain)
        elif isinstance(rule := entry.get("rule"), dict):
            family, table, name = (str(rule.get(each)) for each in ("family", "table", "chain"))
            if there := chains.get((family, table, name)):
                there.rules.append(_nft_rule(rule.get("expr")))
    return tuple(chains.values())


def _add_chain(chains: dict[tuple[str, str, str], _Chain], chain: Mapping[str, Any]) -> None:
    family, table, name = (str(chain.get(each)) for each in ("family", "table", "name"))
    if family in _FAMILIES and not table.startswith(_OURS):
        hook = str(chain.get("hook", "")) if chain.get("type") == "filter" else ""
        policy = str(chain.get("policy", "accept"))
        made = _Chain(f"{family} {table}", name, _FAMILIES[family], hook, policy)
        chains[family, table, name] = made


def _nft_rule(parts: object) -> _Rule:
    tests, verdict, target = list[_Test](), "", ""
    shown = json.dumps(parts, ensure_ascii=True)
    for part in parts if isinstance(parts, list) else ():
        name, value = next(iter(part.items())) if isinstance(part, dict) and part else ("", None)
        if name in _VERDICTS:
            verdict = name
            target = str(value.get("target", "")) if isinstance(value, dict) else ""
        elif name == "match" and isinstance(value, dict):
            tests.append(_nft_match(value))
        elif name == "vmap" and isinstance(value, dict):
            test, verdict = _nft_map(value)
            tests.append(test)
        elif name == "xt" and isinstance(value, dict) and value.get("type") == "target":
            verdict = {"REJECT": "reject", "DROP": "drop"}.get(str(value.get("name")), "jump")
        elif name not in _IGNORED:
            tests.append(lambda _: _Fits.MAYBE)
    return _Rule(tuple(tests), verdict, target, _nft_text(parts) or shown[:_LONGEST])


def _nft_match(match: Mapping[str, Any]) -> _Test:
    left, right, negated = match.get("left"), match.get("right"), match.get("op") == "!="
    test = _nft_test(left, right) if match.get("op") in ("==", "!=", "in") else None
    if test is None:
        return lambda _: _Fits.MAYBE
    return _negated(test) if negated else test


def _nft_map(found: Mapping[str, Any]) -> tuple[_Test, str]:
    """A map to verdicts: of states of a connection it is known which one counts."""
    key, data = found.get("key"), found.get("data")
    pairs = data.get("set") if isinstance(data, dict) else None
    if isinstance(key, dict) and "ct" in key and isinstance(pairs, list):
        verdicts = {str(each[0]): next(iter(each[1]), "") for each in pairs if len(each) == 2}
        return (lambda _: _Fits.YES), verdicts.get("new", "")
    return (lambda _: _Fits.MAYBE), "accept"


def _negated(test: _Test) -> _Test:
    other = {_Fits.YES: _Fits.NO, _Fits.NO: _Fits.YES, _Fits.MAYBE: _Fits.MAYBE}
    return lambda connection: other[test(connection)]


def _nft_test(left: object, right: object) -> _Test | None:
    """The test of one match, None for what is not known."""
    kind, what = next(iter(left.items())) if isinstance(left, dict) and left else ("", None)
    if not isinstance(what, dict):
        return None
    values = _values(right)
    protocol, name = what.get("protocol"), what.get("field") or what.get("key")
    if kind == "payload" and protocol in ("tcp", "th") and name == "dport":
        return _port_test(values)
    if kind == "payload" and protocol in ("tcp", "th", "udp", "icmp", "icmpv6", "sctp"):
        # A port that is not the server's, or another protocol: not of every connection, or of none.
        return lambda _: _Fits.NO
    if (kind == "payload" and name in ("protocol", "nexthdr")) or name in ("l4proto",):
        return lambda _: _yes_if(bool({"tcp", 6} & set(values)))
    if kind == "payload" and protocol in ("ip", "ip6") and name in ("saddr", "daddr"):
        return _address_test(str(name), values)
    if kind == "ct" and name == "state":
        return lambda _: _yes_if("new" in values)
    if kind == "meta" and name in ("iif", "iifname", "oif", "oifname"):
        return _interface_test(str(name), values)
    if kind == "meta" and name == "nfproto":
        return lambda c: _yes_if({4: "ipv4", 6: "ipv6"}[c.family] in values)
    return None


def _values(right: object) -> tuple[Any, ...]:
    """The values of a match: one, several, or those of a set without a name."""
    if isinstance(right, dict) and "set" in right:
        return _values(right["set"])
    if isinstance(right, list):
        return tuple(value for each in right for value in _values(each))
    if isinstance(right, dict) and "range" in right:
        return (tuple(right["range"]),)
    if isinstance(right, dict) and "prefix" in right:
        prefix = right["prefix"]
        return (f"{prefix.get('addr')}/{prefix.get('len')}",)
    return (right,) if isinstance(right, str | int) else ("@",)


def _port_test(values: tuple[Any, ...]) -> _Test:
    if any(isinstance(each, str) and each.startswith("@") for each in values):
        return lambda _: _Fits.MAYBE

    def test(connection: Connection) -> _Fits:
        ranges = (each if isinstance(each, tuple) else (each, each) for each in values)
        numbers = ((whole_number(str(a)), whole_number(str(b))) for a, b in ranges)
        inside = (a is not None and b is not None and a <= connection.port <= b for a, b in numbers)
        return _yes_if(any(inside))

    return test


def _address_test(name: str, values: tuple[Any, ...]) -> _Test:
    """An address of theirs is anybody's: a rule for some of them is not for all."""
    every = any(str(each) in ("0.0.0.0/0", "::/0") for each in values)

    def test(connection: Connection) -> _Fits:
        theirs = (name == "saddr") is (connection.way is Way.IN)
        if every:
            return _Fits.YES
        if any(str(each).startswith("@") for each in values) or not theirs:
            return _Fits.MAYBE
        return _Fits.NO

    return test


def _interface_test(name: str, values: tuple[Any, ...]) -> _Test:
    def test(connection: Connection) -> _Fits:
        if name.startswith("iif") is not (connection.way is Way.IN):
            return _Fits.NO
        if connection.interface:
            known = (str(each).removesuffix("*") for each in values)
            patterns = zip(values, known, strict=True)
            return _yes_if(
                any(
                    connection.interface.startswith(start)
                    if str(whole).endswith("*")
                    else connection.interface == start
                    for whole, start in patterns
                )
            )
        return _Fits.NO if set(values) <= {"lo"} else _Fits.MAYBE

    return test


def _nft_text(parts: object) -> str:
    """A rule as a person finds it: its verdict, and what it asks before."""
    words = list[str]()
    for part in parts if isinstance(parts, list) else ():
        name, value = next(iter(part.items())) if isinstance(part, dict) and part else ("", None)
        if name == "match" and isinstance(value, dict):
            words.append(f"{_side(value.get('left'))} {_side(value.get('right'))}")
        elif name in _VERDICTS:
            target = value.get("target") if isinstance(value, dict) else None
            words.append(f"{name} {target}" if target else name)
        elif name == "xt" and isinstance(value, dict):
            words.append(str(value.get("name", name)))
    return " ".join(words)[:_LONGEST]


def _side(value: object) -> str:
    if isinstance(value, dict) and len(value) == 1:
        ((name, inner),) = value.items()
        if isinstance(inner, dict):
            names = (inner.get("protocol"), inner.get("field"), inner.get("key"))
            return " ".join(str(each) for each in names if each)
        if name == "set":
            return "{ " + ", ".join(map(str, _values(inner))) + " }"
    return ", ".join(map(str, _values(value)))


# -- iptables ------------------------------------------------------------------------------------

_HOOKS = {"INPUT": "input", "OUTPUT": "output"}
_TARGETS = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "reject", "RETURN": "return"}
_NO_VERDICT = frozenset({"LOG", "NFLOG", "MARK", "CONNMARK", "TCPMSS", "CT", "AUDIT", ""})
_HARMLESS = frozenset(
    {
        *("-m", "--reject-with", "--comment", "--log-prefix", "--log-level", "--ctstatus"),
        *("-j", "-g", "-A"),
    }
)


def of_iptables(saved: str, family: int) -> Chains:
    """Return the chains of the filter table in what iptables-save or ip6tables-save prints."""
    chains, table = dict[str, _Chain](), ""
    name = "ip filter" if family == 4 else "ip6 filter"
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif table == "filter" and line.startswith(":"):
            chain, policy = line[1:].split()[:2]
            hook = _HOOKS.get(chain, "")
            chains[chain] = _Chain(name, chain, (family,), hook, policy.lower())
        elif table == "filter" and line.startswith("-A "):
            words = _split(line)
            if len(words) > 1 and (there := chains.get(words[1])):
                there.rules.append(_iptables_rule(words))
    return tuple(chains.values())


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return []


def _iptables_rule(words: list[str]) -> _Rule:
    verdict, target = "", ""
    for option, value in pairwise(words):
        if option in ("-j", "-g"):
            jump = "goto" if option == "-g" else "jump"
            verdict = "" if value in _NO_VERDICT else _TARGETS.get(value, jump)
            target = value
    return _Rule(tuple(_iptables_tests(words)), verdict, target, " ".join(words[2:])[:_LONGEST])


def _iptables_tests(words: list[str]) -> Iterator[_Test]:
    negated = False
    for option, value in pairwise([*words, ""]):
        if option == "!":
            negated = True
            continue
        if not option.startswith("-") or option in _HARMLESS:
            continue
        test = _iptables_test(option, value)
        yield _negated(test) if negated else test
        negated = False


def _iptables_test(option: str, value: str) -> _Test:
    match option:
        case "-p" | "--protocol":
            return lambda _: _yes_if(value in ("tcp", "6", "all"))
        case "--dport" | "--dports":
            ports = tuple(
                tuple(each.split(":", 1)) if ":" in each else each for each in value.split(",")
            )
            return _port_test(ports)
        case "--state" | "--ctstate":
            return lambda _: _yes_if("NEW" in value.split(","))
        case "-i" | "-o":
            name = "iifname" if option == "-i" else "oifname"
            return _interface_test(name, (value.replace("+", "*"),))
        case "-s" | "-d":
            return _address_test("saddr" if option == "-s" else "daddr", (value,))
        case "--sport" | "--sports":
            return lambda _: _Fits.NO
        case _:
            return lambda _: _Fits.MAYBE
