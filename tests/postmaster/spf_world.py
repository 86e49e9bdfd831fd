"""A small DNS for SPF records, and another implementation that judges what was made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import spf as pyspf

from dns_providers.rrset import MX, TXT, Address, Value, name_text, owner_name
from probes.world.dns import Answer, Outcome

DOMAIN, US = "example.test", "203.0.113.10"


@dataclass
class Dns:
    """Answers from records; silent: names that no server answers for. asked: every question."""

    records: dict[tuple[str, str], tuple[Value, ...]] = field(default_factory=dict)
    silent: dict[str, Outcome] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, owner: str, rtype: str) -> Answer:
        self.asked.append((owner, rtype))
        if owner in self.silent:
            return Answer(owner, rtype, self.silent[owner])
        found = frozenset(self.records.get((owner, rtype), ()))
        names = {name for name, _ in self.records}
        empty = Outcome.NODATA if owner in names else Outcome.NXDOMAIN
        return Answer(owner, rtype, Outcome.ANSWER if found else empty, found)


def world(**spf_records: str) -> Dns:
    """DNS with SPF records: `a=` is that of a.test. The domain has an MX and an address."""
    found = Dns()
    for name, record in spf_records.items():
        found.records[f"{name}.test", "TXT"] = (TXT(b"other"), TXT(record.encode()))
    found.records[DOMAIN, "MX"] = (MX(10, owner_name("mx.test")),)
    for name in ("mx.test", DOMAIN):
        found.records[name, "A"] = (Address("198.51.100.25"),)
    return found


class _Judge(pyspf.query):  # type: ignore[misc]
    """pyspf, asking a small DNS."""

    def __init__(self, address: str, dns: Dns) -> None:
        super().__init__(address, f"postmaster@{DOMAIN}", DOMAIN, querytime=0)
        self._dns, self._seen = dns, set[tuple[str, str]]()

    def dns(self, name: str, qtype: str, cnames: Any = None, ignore_void: bool = False) -> Any:
        answer = self._dns(name.lower().rstrip("."), qtype)
        if not answer.outcome.known:
            raise pyspf.TempError("no answer")
        # A receiver's cache knows a second time what is not there.
        question = (name.lower(), qtype)
        fresh = question not in self._seen
        self._seen.add(question)
        if not answer.values and not ignore_void and fresh:
            self.void_lookups += 1
            if self.void_lookups > pyspf.MAX_VOID_LOOKUPS:
                raise pyspf.PermError("Void lookup limit exceeded")
        return [_pyspf_value(value) for value in answer.values]


def _pyspf_value(value: Value) -> Any:
    match value:
        case TXT(data=data):
            return (data,)
        case MX(preference=preference, exchange=exchange):
            return (preference, name_text(exchange))
        case _:
            return pyspf.ipaddress.ip_address(str(value))


def judged(address: str, record: str, dns: Dns) -> str:
    """Return what another implementation makes of mail with this SPF record of the domain."""
    return str(_Judge(address, dns).check(spf=record)[0])
