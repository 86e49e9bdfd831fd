"""Which records a site's mail needs, and why: the claims of each zone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import dns.name

from dns_providers.publishing.claims import Claim, ClaimMode, Part
from dns_providers.publishing.plan import Given
from dns_providers.rrset import CAA, MX, TXT, Address, RRKey, Value, key, owner_name
from ground.words import family
from keys.dkim import DkimPublicKey
from postmaster import (
    caa_account,
    client_setup,
    dkim,
    dmarc,
    mail_programs,
    mta_sts,
    mx,
    own_policies,
    spf,
    spf_merge,
    tls_rpt,
)
from postmaster.outbound import SigningKey, mode_of
from postmaster.settings import MailServer, Site
from postmaster.spf_merge import Wanted

BEFORE_MX = "before-mx"
MOVE_STAGE = "move"
POLICY_STAGE = "policies"
ACCOUNT_STAGE = "account"
MX_STAGE = "mx"
MX_PREFERENCE = 10
_REASON = family(
    "dns.reason",
    (
        *("addresses", "names", "apex", "spf", "dkim", "dmarc", "srv", "no-srv", "tls-rpt"),
        *("client", "sts-host", "sts", "caa", "caa-account", "mx"),
    ),
)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A DKIM key record that has to be there.

    public: None while the key is not made. ttl: seconds that it must have, None for the zone's.
    in_place_of: keys whose record it may replace, where the signer knows one selector only.
    """

    selector: str
    public: DkimPublicKey | None
    ttl: int | None = None
    in_place_of: tuple[DkimPublicKey, ...] = ()


KeyRecordsOf = Callable[[SigningKey], Iterable[KeyRecord]]


@dataclass(frozen=True, slots=True)
class MissingKey:
    """A key record that will be published once its key is made."""

    owner: str
    ttl: int


@dataclass(frozen=True, slots=True)
class Desired:
    """What a zone should hold, and key records whose key does not exist yet.

    given: what an earlier version, or another mode, published and no one asks for now; the owner
    keeps it. With the values that it should have.
    """

    claims: tuple[Claim, ...]
    missing_keys: tuple[MissingKey, ...] = ()
    given: Given = field(default_factory=dict)

    def stage(self, name: str) -> tuple[Claim, ...]:
        """The claims of one publishing stage."""
        return tuple(claim for claim in self.claims if claim.stage == name)


def challenge_owner(name: str) -> str:
    """Return where a name's DNS-01 challenge is published (RFC 8555 section 8.4)."""
    return f"_acme-challenge.{name}"


@dataclass(frozen=True, slots=True)
class Clash:
    """Two servers want different things of the same RRset: a mistake in the inventory."""

    key: RRKey
    hosts: tuple[str, ...]


def desired(site: Site, zone: str, key_records: KeyRecordsOf) -> Desired:
    """Return all that a zone should hold for all servers of the site.

    key_records: the records that a signing key needs; two while it is replaced by another.
    """
    claims: list[Claim] = []
    missing: list[MissingKey] = []
    ttl, provider = site.zone(zone).ttl, site.zone(zone).provider
    for server in site.servers:
        own = _by_zone(server, _zones(site)).get(zone, ())
        claims += [replace(claim, ttl=ttl) for claim in own if _can_have(claim, provider)]
        for signing in mode_of(server).signing_keys(server):
            if not _may_hold(zone, signing.domain):
                continue  # whatever its selector; to read its keys takes time
            for record in key_records(signing):
                owner = dkim.owner(record.selector, signing.domain)
                if _zone_of(key(owner, "TXT"), site) != zone:
                    continue
                if record.public is None:
                    missing.append(MissingKey(owner, ttl))
                else:
                    claims.append(_dkim(owner, signing.domain, record, record.public, ttl))
    claimed = {claim.key for claim in claims}
    given = {
        owner: values
        for server in site.servers
        for owner, values in _given(server).items()
        if owner not in claimed and _zone_of(owner, site) == zone
    }
    return Desired(tuple(claims), tuple(missing), given)


def _can_have(claim: Claim, provider: str) -> bool:
    """Whether a zone's provider is known to take a claim's value."""
    return not claim.group.startswith("no-srv:") or mail_programs.can_say_no(provider)


def clashes(site: Site) -> tuple[Clash, ...]:
    """Return the RRsets that two servers want differently."""
    wanted: dict[RRKey, dict[str, frozenset[Value]]] = {}
    for server in site.servers:
        for claim in _claims(server):
            if claim.mode is not ClaimMode.MEMBER:
                wanted.setdefault(claim.key, {})[server.host] = claim.values
    return tuple(
        Clash(owner, tuple(sorted(by_host)))
        for owner, by_host in wanted.items()
        if len(set(by_host.values())) > 1
    )


def zone_for(name: str, zones: Iterable[str]) -> str | None:
    """Return the zone that holds a name: the longest that is the name or above it."""
    return _holding(owner_name(name), _by_apex(tuple(zones)))


def _zone_of(owner: RRKey, site: Site) -> str | None:
    return _holding(owner.owner, _by_apex(_zones(site)))


def _zones(site: Site) -> tuple[str, ...]:
    return tuple(zone.name for zone in site.zones)


@lru_cache(1024)  # asked for each server again, in each zone
def _by_zone(server: MailServer, zones: tuple[str, ...]) -> Mapping[str | None, list[Claim]]:
    """A server's claims but DKIM, without a TTL, by the zone that holds them."""
    found: dict[str | None, list[Claim]] = {}
    for claim in _claims(server):
        found.setdefault(_holding(claim.key.owner, _by_apex(zones)), []).append(claim)
    return found


def _may_hold(zone: str, domain: str) -> bool:
    """Whether names at or below a domain can be in a zone."""
    apex, owner = owner_name(zone), owner_name(domain)
    return owner.is_subdomain(apex) or apex.is_subdomain(owner)


@lru_cache(16)  # asked for each record of each server, in each zone
def _by_apex(zones: tuple[str, ...]) -> Mapping[dns.name.Name, str]:
    return {owner_name(zone): zone for zone in zones}


def _holding(owner: dns.name.Name, by_apex: Mapping[dns.name.Name, str]) -> str | None:
    """The zone with the longest apex that is an owner name or above it."""
    above = owner
    while above not in by_apex:
        if above == dns.name.root:
            return None
        above = above.parent()
    return by_apex[above]


def _claims(server: MailServer) -> Iterator[Claim]:
    """All claims of a server but DKIM, without a TTL."""
    yield from _hosts(server)
    yield _spf(server, server.mail_host, server.primary)
    for domain in server.domains:
        yield from _domain(server, domain.name)
    yield from _documents(server)
    yield from _caa(server)


def _claim(
    owner: str,
    rtype: str,
    values: Iterable[Value],
    group: str,
    *,
    needed: bool = False,
    mode: ClaimMode = ClaimMode.EXCLUSIVE,
    stage: str = BEFORE_MX,
    only_if_free: bool = False,
) -> Claim:
    reason = _REASON[group.partition(":")[0]]
    return Claim(
        key(owner, rtype),
        mode,
        frozenset(values),
        0,
        group,
        needed,
        reason,
        stage,
        only_if_free=only_if_free,
    )


def _addresses(server: MailServer) -> tuple[Address, ...]:
    return tuple(map(Address, server.addresses))


def _hosts(server: MailServer) -> Iterator[Claim]:
    group = f"addresses:{server.primary}"
    for name in server.host_names:
        old = name in server.old_names
        for address in _addresses(server):
            kind = f"names:{name}" if old else group
            yield _claim(name, address.rtype, (address,), kind, needed=not old)


def _greeting_domains(server: MailServer) -> frozenset[str]:
    """The domains that the server greets with: each has to have its address, if it can."""
    names = frozenset(mode_of(server).ehlo_names(server))
    return names & {domain.name for domain in server.domains}


def _given(server: MailServer) -> Given:
    """Addresses of domains that need none, as the server greets with another name."""
    ours = _addresses(server)
    needed = _greeting_domains(server)
    return {
        key(domain.name, rtype): frozenset(each for each in ours if each.rtype == rtype)
        for domain in server.domains
        if domain.name not in needed
        for rtype in ("A", "AAAA")
    }


def _domain(server: MailServer, domain: str) -> Iterator[Claim]:
    if domain in _greeting_domains(server) - frozenset(server.host_names):
        for address in _addresses(server):
            yield _claim(domain, address.rtype, (address,), f"apex:{domain}", only_if_free=True)
    yield _spf(server, domain, domain)
    yield _dmarc(server, domain)
    yield from _srv(server, domain)
    yield from _tls_rpt(server, domain)
    yield from _reports_consent(server, domain)
    ours = MX(MX_PREFERENCE, owner_name(server.mail_host))
    claim = _claim(domain, "MX", (ours,), f"mx:{domain}", stage=MX_STAGE)
    yield replace(claim, theirs=mx.theirs(claim.key, ours))


def _dmarc(server: MailServer, domain: str) -> Claim:
    policy, rua = server.dmarc_policy, server.dmarc_reports_to(domain)
    value = dmarc.build(policy, rua)
    claim = _claim(dmarc.owner(domain), "TXT", (value,), f"dmarc:{domain}")
    return replace(claim, theirs=dmarc.theirs(domain, policy, rua))


def _spf(server: MailServer, owner: str, domain: str) -> Claim:
    terms = spf.our_terms(server.addresses, server.spf_include)
    claim = _claim(owner, "TXT", (), f"spf:{domain}", needed=True, mode=ClaimMode.SINGLETON)
    return spf_merge.claiming(claim, Wanted(owner, terms, server.spf_all))


def _srv(server: MailServer, domain: str) -> Iterator[Claim]:
    """Where mail programs find us, and what they need not look for (RFC 6186, RFC 8314)."""
    for service in mail_programs.services(server):
        owner = service.owner(domain)
        if service.host:
            yield _claim(owner, "SRV", (service.value,), f"srv:{domain}")
        else:
            claim = _claim(owner, "SRV", (service.value,), f"no-srv:{domain}")
            yield replace(claim, theirs=mail_programs.left_to_them(claim.key))


def _reports_consent(server: MailServer, domain: str) -> Iterator[Claim]:
    """That a domain of another organisation wants the DMARC reports of this one (RFC 9990)."""
    to = server.dmarc_reports_to(domain).rpartition("@")[2].lower()
    if not dmarc.same_organisation(to, domain):
        owner = dmarc.consent_owner(domain, to)
        yield _claim(owner, "TXT", (TXT(dmarc.CONSENT),), f"dmarc:{domain}")


def _tls_rpt(server: MailServer, domain: str) -> Iterator[Claim]:
    if server.tls_rpt:
        value = tls_rpt.build(server.tls_rpt)
        yield _claim(tls_rpt.owner(domain), "TXT", (value,), f"tls-rpt:{domain}")


def _documents(server: MailServer) -> Iterator[Claim]:
    """Names that documents are served under, and what tells senders of a policy."""
    if client_setup.is_offered(server):
        name = client_setup.autoconfig_name(server)
        for address in _addresses(server):
            claim = _claim(name, address.rtype, (address,), f"client:{server.primary}")
            yield replace(claim, theirs=mail_programs.host_left_to_them(claim.key))
    for each in server.sts:
        for address in _addresses(server):
            name = mta_sts.host(each.domain)
            yield _claim(name, address.rtype, (address,), f"sts-host:{each.domain}")
        value, group = mta_sts.build(each.id), f"sts:{each.domain}"
        claim = _claim(mta_sts.owner(each.domain), "TXT", (value,), group, stage=POLICY_STAGE)
        yield replace(claim, theirs=own_policies.same(claim.key, each.policy))


def _caa(server: MailServer) -> Iterator[Claim]:
    values = tuple(CAA(0, "issue", issuer.encode("ascii")) for issuer in server.caa)
    if values:
        group = f"caa:{server.primary}"
        yield _claim(server.primary, "CAA", values, group, mode=ClaimMode.MEMBER)
    if server.caa_account and server.account_uri:
        value = caa_account.record(server, server.account_uri)
        for name in caa_account.names(server):
            group = f"{caa_account.GROUP}:{server.primary}"
            yield _claim(name, "CAA", (value,), group, stage=ACCOUNT_STAGE)


def _dkim(
    owner: str, domain: str, record: KeyRecord, public: DkimPublicKey, zone_ttl: int
) -> Claim:
    value: TXT = dkim.record(public)
    claim = _claim(owner, "TXT", (value,), f"dkim:{domain}", needed=True)
    ours = frozenset(each.data for each in (public, *record.in_place_of))
    return replace(
        claim,
        ttl=record.ttl or zone_ttl,
        enforce_ttl=record.ttl is not None,
        keeps=Part(_key_of, ours),
    )


def _key_of(value: Value) -> str | None:
    """The key in a key record, None in anything else."""
    try:
        return dkim.public_data(value.data) if isinstance(value, TXT) else None
    except dkim.DkimSyntaxError:
        return None
