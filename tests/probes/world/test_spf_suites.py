"""SPF by the public suites: what our entry point makes of them, by our questions and answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import dns.reversename
import pytest

from dns_providers.rrset import MX, TXT, Address, Target, Value, name_text, owner_name
from probes.world import spf
from probes.world.dns import Answer, Outcome
from probes.world.loop import wait_for
from tests.public_data import public

TYPES = {"A", "AAAA", "MX", "PTR", "TXT"}
yaml = pytest.importorskip("yaml")


@dataclass
class Zonedata:
    """Answers for a scenario. silent: by name, the types that nobody answers for."""

    records: dict[tuple[str, str], list[Value]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    silent: dict[str, set[str]] = field(default_factory=dict)

    def put(self, name: str, rtype: str, *values: Value) -> None:
        self.names.add(name)
        self.records.setdefault((name, rtype), []).extend(values)

    async def ask(self, owner: str, rtype: str) -> Answer:
        name = name_text(owner_name(owner))
        for _ in range(8):
            if rtype in self.silent.get(name, ()) or name.startswith("_dns_error."):
                return Answer(owner, rtype, Outcome.TIMEOUT)
            found = self.records.get((name, rtype))
            alias = self.records.get((name, "CNAME"))
            if found or not alias:
                break
            (target,) = alias
            assert isinstance(target, Target)
            name = name_text(target.name)
        if found:
            return Answer(owner, rtype, Outcome.ANSWER, frozenset(found))
        known = name in self.names
        return Answer(owner, rtype, Outcome.NODATA if known else Outcome.NXDOMAIN)


def check(host: str, sender: str, helo: str, zone: Zonedata) -> str:
    domain = sender.rpartition("@")[2] or helo
    return wait_for(spf.check(host, domain, helo, zone.ask, sender)).result


# -- openspf.org ---------------------------------------------------------------------------------


def _value(rtype: str, data: Any) -> Value:
    match rtype:
        case "TXT" | "SPF":
            text = "".join(data) if isinstance(data, list) else str(data)
            return TXT(text.encode("utf-8"))
        case "MX":
            return MX(int(data[0]), owner_name(str(data[1]) or "."))
        case "A" | "AAAA":
            return Address(str(data))
        case _:
            return Target(owner_name(str(data)))


def _zonedata(scenario: dict[str, Any]) -> Zonedata:
    """SPF records stand for TXT ones, unless a name has TXT records or says that it has none.

    Of a name with TIMEOUT nobody answers for the types that it does not have.
    """
    zone = Zonedata()
    for written, entries in scenario["zonedata"].items():
        name = name_text(owner_name(str(written)))
        zone.names.add(name)
        rows = [pair for each in entries if isinstance(each, dict) for pair in each.items()]
        own = any(rtype == "TXT" for rtype, _ in rows)
        for rtype, data in rows:
            if data != "NONE":
                kind = "TXT" if rtype == "SPF" and not own else rtype
                zone.put(name, kind, _value(rtype, data))
        if "TIMEOUT" in entries:
            there = {rtype for owner, rtype in zone.records if owner == name}
            zone.silent[name] = TYPES - there
    return zone


def _openspf(path: str) -> Iterator[tuple[str, dict[str, Any], Zonedata]]:
    for scenario in yaml.safe_load_all(public(path).read_text("utf-8")):
        zone = _zonedata(scenario)
        for name, test in scenario["tests"].items():
            yield f"{scenario['description']}: {name}", test, zone


def _differing(path: str) -> tuple[int, list[tuple[str, str, Any]]]:
    count, wrong = 0, []
    for name, test, zone in _openspf(path):
        count += 1
        result = check(str(test["host"]), str(test["mailfrom"]), str(test["helo"]), zone)
        wanted = test["result"]
        if result not in (wanted if isinstance(wanted, list) else [wanted]):
            wrong.append((name, result, wanted))
    return count, wrong


def test_the_suite_of_rfc_7208_passes_whole() -> None:
    assert _differing("rfc7208-tests.yml") == (203, [])


def test_the_suite_of_rfc_4408_passes_whole_too() -> None:
    assert _differing("rfc4408-tests.yml") == (191, [])


# -- mail-auth: a second opinion -----------------------------------------------------------------


@dataclass(frozen=True)
class Second:
    """A check of mail-auth's: its file, the scenario, and what it expects."""

    file: str
    scenario: str
    host: str
    domain: str
    sender: str
    expected: str
    zone: Zonedata

    @property
    def record(self) -> str:
        """The record of the sender's domain."""
        domain = self.sender.rpartition("@")[2] or self.domain
        return " ".join(str(each) for each in self.zone.records.get((domain, "TXT"), ()))

    @property
    def there(self) -> set[str]:
        return {name for name, rtype in self.zone.records if rtype == "A"}

    @property
    def names(self) -> int:
        """How many PTR names the sender's address has."""
        owner = name_text(dns.reversename.from_address(self.host))
        return len(self.zone.records.get((owner, "PTR"), ()))

    @property
    def result(self) -> str:
        """As its driver has it: the greeting name, and where that does not fail, the sender."""
        greeting = check(self.host, "", self.domain, self.zone)
        if greeting == "fail" or not self.sender:
            return greeting
        return check(self.host, self.sender, self.domain, self.zone)


def _mail_auth() -> Iterator[Second]:
    """Its files look like YAML, and are lists of lines."""
    for path in sorted(public("mail-auth/resources/spf").glob("*.yml")):
        zone, scenario, test = Zonedata(), "", dict[str, str]()
        for line in path.read_text("utf-8").splitlines():
            name, _, rest = line.strip().removeprefix("- ").partition(":")
            rest = rest.strip()
            if line.startswith("---"):
                zone = Zonedata()
            elif line.startswith("name:"):
                scenario = rest
            elif line.startswith("  ") and name in ("spf", "exp", "a", "aaaa", "mx", "ptr"):
                _enter(zone, name, *rest.partition(" ")[::2])
            elif name in ("domain", "sender", "ip", "expect") and not line.startswith("#"):
                test[name] = rest
                if name == "expect":
                    result = rest.partition(" ")[0]
                    yield Second(
                        path.stem,
                        scenario,
                        test["ip"],
                        test["domain"],
                        test["sender"],
                        result,
                        deepcopy(zone),
                    )


def _enter(zone: Zonedata, kind: str, name: str, data: str) -> None:
    values = [each.strip() for each in data.split(",") if each.strip()]
    if kind == "ptr":
        name = name_text(dns.reversename.from_address(name))
        zone.put(name, "PTR", *(Target(owner_name(each)) for each in values))
        return
    if len(max(name.split("."), key=len)) > 63 or len(name) > 253:
        return
    if kind in ("spf", "exp"):  # a record may be written anew between checks
        zone.names.add(name)
        zone.records[name, "TXT"] = [TXT(data.encode())]
    elif kind == "mx":
        for number, address in enumerate(values):
            zone.put(name, "MX", MX(number, owner_name(f"m{number}.{name}")))
            zone.put(f"m{number}.{name}", Address(address).rtype, Address(address))
    else:
        for address in values:
            zone.put(name, Address(address).rtype, Address(address))


# Rules by which we have another result than mail-auth, each with its section of RFC 7208.
RULES: dict[str, Callable[[Second, str], bool]] = {
    "4.6: a term that is no mechanism is an error, also behind all": lambda each, result: (
        result == "permerror" and " ip:" in each.record
    ),
    "4.6.4: more than two names that are not there are an error": lambda each, result: (
        result == "permerror" and len(set(re.findall(r"a:(\S+)", each.record)) - each.there) > 2
    ),
    "4.6.4: more than ten MX hosts are an error": lambda each, result: (
        result == "permerror" and len(each.zone.records.get((each.domain, "MX"), ())) > 10
    ),
    "5.5: PTR names beyond ten are ignored, and DNS has them in no order": lambda each, _: (
        " ptr" in each.record and each.names > 10
    ),
    "5.6: an IPv4 address is not in an IPv6 network": lambda each, result: (
        result == "fail" and "ip6:::ffff:" in each.record and ":" not in each.host
    ),
    "5.7: exists: asks for A, whatever the sender's address is": lambda each, result: (
        result == "fail" and "exists:" in each.record
    ),
}


def test_where_a_second_opinion_differs_a_rule_says_why() -> None:
    every = list(_mail_auth())
    assert len(every) == 163
    wrong = [(each, result) for each in every if (result := each.result) != each.expected]
    by_rule = {
        rule: [each for each, result in wrong if applies(each, result)]
        for rule, applies in RULES.items()
    }
    assert [rule for rule, some in by_rule.items() if not some] == []
    explained = {id(each) for some in by_rule.values() for each in some}
    assert [each for each, _ in wrong if id(each) not in explained] == []
