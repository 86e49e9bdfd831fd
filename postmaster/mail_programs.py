"""What mail programs are told: which services a server offers, and where; pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import dns.name

from dns_providers.publishing.claims import Judged, Theirs
from dns_providers.rrset import SRV, RRKey, Value, owner_name
from ground.words import Words
from postmaster.settings import MailServer

# Nobody could try whether these providers' APIs, or people at a panel, can enter a target of ".".
_MAY_NOT_SAY_NO = frozenset({"alidns", "dnspod", "manual", "octodns"})
_NOWHERE = SRV(0, 0, 0, dns.name.root)  # "not offered" (RFC 2782, RFC 6186 section 3.4)


@dataclass(frozen=True, slots=True)
class Service:
    """A service by its SRV label; `host` None: it is not offered in this form."""

    name: str
    host: str | None = None
    port: int = 0

    @property
    def value(self) -> SRV:
        """What its SRV record says."""
        if self.host is None:
            return _NOWHERE
        return SRV(0, 1, self.port, owner_name(self.host))

    def owner(self, domain: str) -> str:
        """The owner name of its record."""
        return f"{self.name}._tcp.{domain}"


def services(server: MailServer) -> tuple[Service, ...]:
    """Return all services that mail programs look for (RFC 6186, RFC 8314)."""

    def offered(name: str, label: str, port: int, *, always: bool = False) -> Service:
        there = always or port in server.open_ports
        return Service(name, f"{label}.{server.primary}", port) if there else Service(name)

    return (
        offered("_submissions", "smtp", 465, always=True),
        offered("_imaps", "imap", 993, always=True),
        offered("_submission", "smtp", 587),
        offered("_pop3s", "pop", 995),
        offered("_pop3", "pop", 110),
        Service("_imap"),
    )


def can_say_no(provider: str) -> bool:
    """Return whether a zone's provider is known to take the record of what is not offered."""
    return provider not in _MAY_NOT_SAY_NO


def left_to_them(record: RRKey) -> Theirs:
    """Return that whatever somebody has at a service which is not offered stays as it is."""
    return Theirs(partial(_judge, record), anywhere=True)


def host_left_to_them(record: RRKey) -> Theirs:
    """Return that a name which programs are set up by stays with who has it, wildcards apart."""
    return Theirs(partial(_judge_host, record), anywhere=True, wildcards=False)


def _judge_host(record: RRKey, values: frozenset[Value]) -> Judged:
    found = ", ".join(sorted(map(str, values)))
    return (
        Judged(Words.of("dns.note.client_theirs", key=record, found=found)) if found else Judged()
    )


def _judge(record: RRKey, values: frozenset[Value]) -> Judged:
    found = ", ".join(sorted(map(str, values - {_NOWHERE})))
    return Judged(Words.of("dns.note.srv_theirs", key=record, found=found)) if found else Judged()
