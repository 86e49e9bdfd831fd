"""All that DNS shows of one mail domain, asked for at once."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from dns_providers.publishing.public_suffix import is_public_suffix
from probes.world import delegation, dkim, spf, spf_site
from probes.world import dmarc as dmarc_records
from probes.world.delegation import DelegationView
from probes.world.dkim import KeySite
from probes.world.dmarc import DmarcSite
from probes.world.dns import Answer, exchanges
from probes.world.enquiry import Enquiry, addresses_in
from probes.world.spf import SpfView
from probes.world.spf_site import SpfSite

_PORT_25 = "_25._tcp"


@dataclass(frozen=True, slots=True)
class DomainTarget:
    """What to look at of a mail domain (names in A-labels).

    zone: the one that it should be in, None for whichever it is in. ehlo: the greeting name of its
    mail. senders: addresses that it is sent from; None for those of its MX hosts. dkim_owners: of
    its key records; guessed: by selectors that are common, so that most are not there.
    """

    domain: str
    zone: str | None = None
    ehlo: str = ""
    senders: tuple[str, ...] | None = None
    dkim_owners: tuple[str, ...] = ()
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class HostNameView:
    """The addresses of a host name, and the TLSA records of its port 25."""

    name: str
    a: Answer
    aaaa: Answer
    tlsa: Answer | None = None

    @property
    def addresses(self) -> tuple[str, ...] | None:
        """All of them; None where there are none, but not for want of any."""
        return addresses_in((self.a, self.aaaa))


@dataclass(frozen=True, slots=True)
class DomainView:
    """DNS of one mail domain, and the addresses of its MX hosts (None: not answered).

    zone: the one it is in. delegation: of that. apex: TXT, A, AAAA and CNAME of the domain itself.
    hosts: its MX hosts. dkim: key records. stray: what is answered for names that nobody made,
    beside the domain, its keys and its DMARC record. aliases: CNAME records where there should be
    none. spf_site, keys, dmarc_site: what its records say, and where they lead.
    """

    domain: str
    mx: Answer
    mx_addresses: tuple[tuple[str, tuple[str, ...] | None], ...]
    spf: tuple[SpfView, ...]
    dmarc: Answer
    zone: str = ""
    delegation: DelegationView | None = None
    apex: tuple[Answer, ...] = ()
    hosts: tuple[HostNameView, ...] = ()
    dkim: tuple[Answer, ...] = ()
    stray: tuple[Answer, ...] = ()
    aliases: tuple[Answer, ...] = field(default=())
    spf_site: SpfSite | None = None
    keys: tuple[KeySite, ...] = ()
    dmarc_site: DmarcSite | None = None

    def at_apex(self, rtype: str) -> Answer | None:
        """What the domain itself has of a type: TXT, A, AAAA, CNAME."""
        return next((each for each in self.apex if each.rtype == rtype), None)


async def look(enquiry: Enquiry, target: DomainTarget) -> DomainView:
    """Look at a mail domain. Takes as many round trips as its longest chain of questions."""
    domain, wanted = target.domain, target.zone or target.domain
    cut = await enquiry.cut(wanted)
    # A domain without a zone of its own is in the zone above it.
    zone = cut.zone if target.zone is None and not _stands_alone(cut.zone, domain) else wanted
    dmarc_owner = f"_dmarc.{domain}"
    async with asyncio.TaskGroup() as group:
        start = group.create_task
        shown = start(delegation.look(enquiry, cut, zone))
        mx = start(enquiry.ask(domain, "MX"))
        kinds = ("TXT", "A", "AAAA", "CNAME")
        apex = start(_all(enquiry, ((domain, rtype) for rtype in kinds)))
        dmarc = start(enquiry.ask(dmarc_owner, "TXT"))
        keys = start(_all(enquiry, ((each, "TXT") for each in target.dkim_owners)))
        stray = start(_all(enquiry, _nobodys(domain)))
        versions = families(target.senders or ())
        policy = start(spf_site.look(domain, enquiry.ask, versions))
        sites = [start(_key(enquiry, target, owner)) for owner in target.dkim_owners]
        reports = start(dmarc_records.look(domain, enquiry.ask))
        owners = (dmarc_owner, *target.dkim_owners)
        aliases = start(_all(enquiry, ((each, "CNAME") for each in owners)))
        hosts = await asyncio.gather(*(host(enquiry, n) for n in exchanges(await mx) if n != "."))
        senders = target.senders
        if senders is None:
            found = [each.addresses or () for each in hosts] or [addresses_in(await apex) or ()]
            senders = tuple(dict.fromkeys(address for some in found for address in some))
        ehlo = target.ehlo or domain
        checked = [start(spf.check(each, domain, ehlo, enquiry.ask)) for each in senders]
    return DomainView(
        domain,
        mx.result(),
        tuple((each.name, each.addresses) for each in hosts),
        tuple(each.result() for each in checked),
        dmarc.result(),
        shown.result().wanted,
        shown.result(),
        apex.result(),
        tuple(hosts),
        keys.result(),
        stray.result(),
        aliases.result(),
        policy.result(),
        tuple(e for e in _all_of(sites) if e.texts.values or not target.guessed),
        reports.result(),
    )


async def _key(enquiry: Enquiry, target: DomainTarget, owner: str) -> KeySite:
    """Look at a key record; of our own also as each resolver has it."""
    own = target.zone is not None
    resolvers = enquiry.resolvers.addresses if own else ()
    views = (enquiry.at_resolver(each, owner, "TXT") for each in resolvers)
    return await dkim.look(owner, target.domain, enquiry.ask, views, guessed=target.guessed)


def _all_of(work: Iterable[asyncio.Task[KeySite]]) -> tuple[KeySite, ...]:
    return tuple(each.result() for each in work)


def families(addresses: Iterable[str]) -> tuple[int, ...]:
    """Return the IP versions of addresses; where there are none, IPv4."""
    return tuple(sorted({6 if ":" in each else 4 for each in addresses})) or (4,)


def _stands_alone(zone: str, domain: str) -> bool:
    """Whether a domain is the registry's to delegate: the zone it is in is the registry's."""
    return zone != domain and (not zone or is_public_suffix(zone))


async def host(enquiry: Enquiry, name: str) -> HostNameView:
    """Look at a host name that mail goes to."""
    a, aaaa, tlsa = await asyncio.gather(
        enquiry.ask(name, "A"),
        enquiry.ask(name, "AAAA"),
        enquiry.recursive(f"{_PORT_25}.{name}", "TLSA"),  # only who validates knows its worth
    )
    return HostNameView(name, a, aaaa, tlsa)


async def _all(enquiry: Enquiry, questions: Iterable[tuple[str, str]]) -> tuple[Answer, ...]:
    return tuple(await asyncio.gather(*(enquiry.ask(*each) for each in questions)))


def _nobodys(domain: str) -> tuple[tuple[str, str], ...]:
    """Names that nobody made: whoever answers for them answers for all."""
    label = f"x{secrets.token_hex(8)}"
    above = (domain, f"_domainkey.{domain}", f"_dmarc.{domain}")
    rtypes = (("A", "TXT", "MX"), ("TXT",), ("TXT",))
    asked = zip(above, rtypes, strict=True)
    return tuple((f"{label}.{name}", rtype) for name, some in asked for rtype in some)
