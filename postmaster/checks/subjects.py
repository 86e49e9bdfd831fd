"""What a result is about: in pieces, for whoever decides by them, and as text for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from dns_providers.rrset import RRKey, key
from ground.words import Words
from postmaster.settings import MailDomain, MailServer


class About(StrEnum):
    """What kind of thing a rule is about."""

    HOST = "host"
    ZONE = "zone"
    RESOLVER = "resolver"  # a recursive resolver, or its view of a zone
    NAME_SERVER = "name server"  # an address of a zone's
    HOST_NAME = "host name"  # one that mail goes to
    DOMAIN = "domain"
    NAME = "name"  # an owner name of a domain's
    SENDER = "sender"  # a domain, and an address that its mail comes from
    RECORD = "record"
    INCLUDE = "include"  # somebody else's domain that our SPF record includes
    ADDRESS = "address"
    PORT = "port"
    RECEIVER = "receiver"  # somebody else's domains, by one family of addresses
    SMARTHOST = "smarthost"
    LISTING = "listing"  # an address or a domain on a block list
    WAY = "way"  # that a message goes
    GREETING = "greeting"  # a name that receivers are greeted with


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that a result is about. text: as reports name it; the others are None where they
    say nothing of it. name: of a resolver, an owner name, an
    included domain or a smarthost.
    """

    about: About
    text: str
    zone: str | None = None
    domain: str | None = None
    record: RRKey | None = None
    address: str | None = None
    port: int | None = None
    name: str | None = None

    def __str__(self) -> str:
        return self.text

    @property
    def pieces(self) -> tuple[tuple[str, str | int], ...]:
        """What it consists of, by name; nothing for the host itself."""
        found = {
            "zone": self.zone,
            "domain": self.domain,
            "record": str(self.record) if self.record else None,
            "address": self.address,
            "port": self.port,
            "name": self.name,
        }
        return tuple((piece, value) for piece, value in found.items() if value is not None)

    def covers(self, other: Subject) -> bool:
        """Whether what is true of this is true of the other: the same thing, or a part of it."""
        return set(self.pieces) <= set(other.pieces)

    def concerns(self, domain: MailDomain) -> bool:
        """Whether it is about a mail domain too, and not about another one alone."""
        return self.domain in (None, domain.name) and self.zone in (None, domain.zone)


def of_host(server: MailServer) -> Subject:
    """The server's host, and so everything on it."""
    return Subject(About.HOST, server.host)


def of_zone(zone: str) -> Subject:
    """A zone."""
    return Subject(About.ZONE, zone, zone=zone)


def of_resolver(zone: str, resolver: str) -> Subject:
    """What a recursive resolver shows of a zone."""
    return Subject(About.RESOLVER, f"{zone} @{resolver}", zone=zone, name=resolver)


def of_domain(domain: MailDomain) -> Subject:
    """A mail domain."""
    return Subject(About.DOMAIN, domain.name, domain.zone, domain.name)


def of_name(domain: str, zone: str) -> Subject:
    """A mail domain (A-labels), whoever it belongs to."""
    return Subject(About.DOMAIN, domain, zone, domain)


def of_host_name(name: str, zone: str | None, domain: str | None, rtype: str = "") -> Subject:
    """A host name that mail goes to; rtype: one kind of its records."""
    record = key(name, rtype) if rtype else None
    return Subject(About.HOST_NAME, str(record or name), zone, domain, record, name=name)


def of_resolvers(address: str = "") -> Subject:
    """One of the recursive resolvers that are asked; all of them where none is named."""
    return Subject(About.RESOLVER, address or "DNS", name=address or None)


def of_mail_host(server: MailServer, rtype: str) -> Subject:
    """The addresses of one kind of a server's mail host: whatever it does depends on them."""
    return Subject(About.HOST_NAME, f"{server.mail_host}/{rtype}")


def of_tlsa(host: str) -> Subject:
    """The TLSA records of a host's port 25."""
    record = key(f"_25._tcp.{host}", "TLSA")
    return Subject(About.RECORD, str(record), record=record)


def sender_of(name: str, address: str, zone: str, domain: str) -> Subject:
    """Mail from an address with a MAIL FROM domain or greeting name, of whichever domain."""
    return Subject(About.SENDER, f"{name} {address}", zone, domain, address=address, name=name)


def of_policy(name: str, zone: str, domain: str) -> Subject:
    """What is said of mail at an owner name of a domain."""
    return Subject(About.NAME, name, zone, domain, name=name)


def of_owner(owner: str, rtype: str, zone: str, domain: str) -> Subject:
    """The one record of a domain, whoever it belongs to, with this owner name (A-labels)."""
    return Subject(About.RECORD, owner, zone, domain, key(owner, rtype))


def of_view(owner: str, rtype: str, zone: str, domain: str, resolver: str) -> Subject:
    """The one record with this owner name, as a recursive resolver has it."""
    record = key(owner, rtype)
    return Subject(About.RESOLVER, f"{owner} @{resolver}", zone, domain, record, name=resolver)


def of_record(owner: str, rtype: str, domain: MailDomain) -> Subject:
    """The one record of a domain with this owner name (A-labels)."""
    record = key(owner, rtype)
    return Subject(About.RECORD, owner, domain.zone, domain.name, record)


def of_rrset(record: RRKey, zone: str, domain: str | None) -> Subject:
    """An RRset in a zone; domain: the mail domain that it belongs to, if any."""
    return Subject(About.RECORD, str(record), zone, domain, record)


def of_include(name: str) -> Subject:
    """A domain that our SPF record includes."""
    return Subject(About.INCLUDE, name, name=name)


def of_address(address: str) -> Subject:
    """An address that mail is sent from."""
    return Subject(About.ADDRESS, address, address=address)


def of_receiver(domains: Iterable[str], family: int) -> Subject:
    """Domains that mail goes to, over IPv4 or IPv6."""
    return Subject(About.RECEIVER, f"{', '.join(domains)} IPv{family}", name=f"IPv{family}")


def of_port(address: str, port: int, what: str = "") -> Subject:
    """A TCP port of an address; what: `/…` behind it, where it is about one thing there."""
    return Subject(About.PORT, f"{address}:{port}{what}", address=address, port=port)


def of_greeting(name: str) -> Subject:
    """A name that receivers are greeted with."""
    return Subject(About.GREETING, name, name=name)


def of_listing(subject: str, block_list: str) -> Subject:
    """An address or a domain, and a block list."""
    return Subject(About.LISTING, f"{subject} {block_list}", name=block_list)


def of_way(name: str, words: Words) -> Subject:
    """A way that a message goes. words: how reports name it."""
    return Subject(About.WAY, str(words), name=name)


def of_smarthost(name: str) -> Subject:
    """A provider that takes our mail."""
    return Subject(About.SMARTHOST, name, name=name)
