"""A server of each outbound mode with nothing wrong: all that can be seen of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import dns.rdata
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    load_pem_private_key,
    pkcs7,
)

from dns_providers.rrset import MX, TXT, Address, Value, from_rdata, key, owner_name
from ground.words import say
from keys import dkim as keys
from postmaster import block_lists, client_setup, dkim, live_mail, mail_programs, mta_sts, tls_rpt
from postmaster.block_lists import Listing
from postmaster.checks import areas
from postmaster.checks.bare import Bare, Kept, Password
from postmaster.checks.policies import places
from postmaster.checks.results import Result, Status
from postmaster.checks.seen import RecordView, ResolverView, Seen, ZoneView
from postmaster.mta_sts import Policy
from postmaster.outbound import MODES, mode_of
from postmaster.parse import HostData, parse_site
from postmaster.settings import MailServer
from postmaster.web import web_of
from probes.host import fitness
from probes.host.delivery import Delivery
from probes.host.edge import EdgeView
from probes.host.front import FrontView
from probes.host.live import Carried, LiveView, Way
from probes.host.proof import Proof, Signature
from probes.host.relay import RelayView
from probes.host.state import HostView
from probes.world.caa import CaaView
from probes.world.delegation import DelegationView, NameServerView
from probes.world.dkim import KeySite
from probes.world.dmarc import Destination, DmarcSite
from probes.world.dns import Answer, Outcome, Reverse
from probes.world.documents import Document
from probes.world.domain import DomainView, HostNameView
from probes.world.http import SetUpView
from probes.world.mailing import Taken
from probes.world.policies import Place, PoliciesView
from probes.world.rdap import Registration
from probes.world.recipients import Kind, Recipient, RecipientsView
from probes.world.resolvers import PathView, ResolverSeen
from probes.world.server import ServerView
from probes.world.smtp import SmtpView
from probes.world.spf import Evaluation, SpfView
from probes.world.spf_site import SpfSite
from probes.world.tcp import Connection, Reach
from probes.world.tls import Certificate, TlsView
from probes.world.web import WebView
from tests.lab.certificates import issue
from tests.postmaster.test_settings import KNOWN, SELECTOR, zone
from tests.probes.host.test_delivery import delivered

NOW = datetime(2026, 11, 25, tzinfo=UTC)
DATE = "Wed, 25 Nov 2026 00:00:00 +0000"
PUBLIC = keys.public_key(keys.read(keys.make(2048)))
SPF_INCLUDE = "spf.provider.test"
SPKI = "a" * 64
RESOLVERS = ("1.1.1.1", "9.9.9.9")
ADDRESSES = ("8.8.8.8", "2001:4860:4860::8888")
ALL_MODES = tuple(MODES)

_ACCOUNT = {"host": "out.provider.test", "user": "mailer", "password_env": "PMAIL_TSIG"}


def server(outbound: str = "relay", **data: Any) -> MailServer:
    """One with two domains in two zones, addresses of both kinds, and a provider's SPF."""
    account = {"smarthost": _ACCOUNT} if MODES[outbound].sends_from == "provider" else {}
    domains = data.get("domains", ["example.com", "other.org"])
    settings = {
        "domains": domains,
        "outbound": outbound,
        "ipv4": ADDRESSES[0],
        "ipv6": ADDRESSES[1],
        "spf_include": ["spf.provider.test"],
        "tls_rpt": "tls@elsewhere.test",
        "mta_sts_policy": "enforce" if data.get("web") != "pmail" else "off",
        "resolvers": list(RESOLVERS),
        "block_lists": list(block_lists.known()),
    }
    made = parse_site(
        [HostData("vps", {**settings, **account, **data})],
        [zone(each) for each in domains],
        KNOWN,
        SELECTOR,
    )
    return made.servers[0]


def answer(owner: str, rtype: str, *values: Value) -> Answer:
    """What DNS says, be it nothing."""
    outcome = Outcome.ANSWER if values else Outcome.NODATA
    return Answer(owner, rtype, outcome, frozenset(values))


def certificate(days: float = 60, lifetime: float = 90, names: tuple[str, ...] = ()) -> Certificate:
    """One with so many days left at NOW."""
    given = names or tuple(f"{label}.example.com" for label in ("mail", "smtp", "imap", "pop"))
    end = NOW + timedelta(days=days)
    shown = _signer()[0].fingerprint(hashes.SHA256()).hex()
    return Certificate(given, end - timedelta(days=lifetime), end, "CN=x", shown, False, SPKI)


def _domain(name: str, mail_host: str, owners: list[str]) -> DomainView:
    return DomainView(
        name,
        answer(name, "MX", MX(10, owner_name(mail_host))),
        ((mail_host, ADDRESSES),),
        tuple(SpfView(each, name, mail_host, "pass", "", 0) for each in ADDRESSES),
        answer(f"_dmarc.{name}", "TXT", _policy(name)),
        zone=name,
        delegation=_delegation(name),
        hosts=(_host(mail_host),),
        spf_site=spf_site(name),
        keys=tuple(_key(owner, name) for owner in owners),
        dmarc_site=dmarc_site(name, _policy(name)),
    )


def _policy(name: str) -> TXT:
    return TXT(f"v=DMARC1; p=none; rua=mailto:dmarc@{name}".encode())


def spf_site(name: str, *records: str) -> SpfSite:
    """What DNS has of SPF at a name: the right record, unless others are given."""
    right = f"v=spf1 ip4:{ADDRESSES[0]} ip6:{ADDRESSES[1]} include:{SPF_INCLUDE} ~all"
    values = (TXT(each.encode()) for each in records or (right,))
    strangers = ("0.0.0.0", "255.255.255.255", "::")
    return SpfSite(
        name,
        answer(name, "TXT", *values),
        answer(name, "SPF"),
        (answer(SPF_INCLUDE, "TXT", TXT(b"v=spf1 -all")),),
        strangers=tuple(
            Evaluation("softfail", lookups=1, term="~all", address=each) for each in strangers
        ),
    )


def _key(owner: str, domain: str) -> KeySite:
    found = answer(owner, "TXT", TXT(PUBLIC.record.encode()))
    views = tuple(replace(found, resolver=each) for each in RESOLVERS)
    return KeySite(domain, found, sibling=answer(f"x.{domain}", "TXT"), views=views)


def mute(view: DomainView, outcome: Outcome = Outcome.TIMEOUT) -> dict[str, Any]:
    """What is seen of the records of a domain where nobody answers."""

    def none(owner: str) -> Answer:
        return Answer(owner, "TXT", outcome)

    return {
        "spf_site": SpfSite(view.domain, none(view.domain), none(view.domain)),
        "keys": tuple(KeySite(view.domain, none(each.owner)) for each in view.keys),
        "dmarc_site": DmarcSite(view.domain, none(f"_dmarc.{view.domain}")),
    }


def keys_of(seen: Seen, name: str, *values: TXT) -> Seen:
    """The same, but a domain's key record says something else."""
    (site,) = next(each.keys for each in seen.world.domains if each.domain == name)
    found = answer(site.owner, "TXT", *values)
    views = tuple(replace(found, resolver=each) for each in RESOLVERS)
    none = None if values else answer(f"{site.owner}.{name}", "TXT")
    return with_domain(seen, name, keys=(replace(site, texts=found, views=views, doubled=none),))


def dmarc_site(name: str, *values: TXT, above: tuple[Answer, ...] = ()) -> DmarcSite:
    """What DNS has of DMARC for a domain that has these records."""
    found = answer(f"_dmarc.{name}", "TXT", *values)
    none = answer(f"_dmarc.{name}.{name}", "TXT")
    to = (Destination(name, True),)
    return DmarcSite(name, found, above, none, none, to)


def _other(rtype: str, text: str) -> Value:
    return from_rdata(dns.rdata.from_text("IN", rtype, text))


def _host(name: str) -> HostNameView:
    """The mail host, with a TLSA record that fits its certificate."""
    a, aaaa = (answer(name, t, Address(v)) for t, v in zip(("A", "AAAA"), ADDRESSES, strict=True))
    tlsa = answer(f"_25._tcp.{name}", "TLSA", _other("TLSA", f"3 1 1 {SPKI}"))
    return HostNameView(name, a, aaaa, replace(tlsa, secure=True))


def _delegation(zone: str) -> DelegationView:
    """A zone on two servers in two networks."""
    soa = replace(answer(zone, "SOA", _other("SOA", "ns1. host. 1 2 3 4 5")), authoritative=True)
    names = ("ns1.dns.test", "ns2.dns.test")
    servers = tuple(
        NameServerView(name, address, soa, soa, 1, names, True)
        for name, address in zip(names, ("198.18.1.53", "198.19.2.53"), strict=True)
    )
    return DelegationView(zone, zone, Outcome.ANSWER, "test", names, servers=servers)


def _tls(port: int) -> TlsView:
    name, made = "smtp.example.com", certificate()
    return TlsView(ADDRESSES[0], port, name, Reach.OPEN, made, True, old=False)


def world(server: MailServer) -> ServerView:
    """What is seen from outside."""
    owners = [dkim.owner(k.selector, k.domain) for k in mode_of(server).signing_keys(server)]
    host = server.mail_host
    return ServerView(
        domains=tuple(_domain(e.name, host, _of(e.name, owners)) for e in server.domains),
        mail_host_spf=tuple(SpfView(each, host, host, "pass", "", 0) for each in ADDRESSES),
        spf_includes=tuple(answer(n, "TXT", TXT(b"v=spf1 -all")) for n in server.spf_include),
        reverse=tuple(
            Reverse(each, Outcome.ANSWER, (host,), ((host, ADDRESSES),)) for each in ADDRESSES
        ),
        smtp=SmtpView(ADDRESSES[0], 25, Reach.OPEN, f"220 {host} ESMTP", True, False, _tls(25)),
        tls=tuple(_tls(port) for port in (465, 993, 443)),
        set_up=tuple(SetUpView(port, Reach.REFUSED) for port in (80, 443)),
        closed=tuple(Connection(ADDRESSES[0], p, Reach.TIMEOUT, 8.0) for p in (110, 587)),
        caa=_caa(server),
        mail_host=_host(host),
        validating=True,
        path=PathView(tuple(ResolverSeen(each, True) for each in RESOLVERS)),
        recipients=_recipients(server),
        greeted=tuple(
            (name, ADDRESSES) for name in dict.fromkeys(mode_of(server).ehlo_names(server))
        ),
        web=web(server),
        mail_host_site=spf_site(host),
    )


def web(server: MailServer) -> WebView:
    """What a browser meets."""
    name, leads = server.web_host, f"https://{server.web_host}/"
    if not web_of(server).fronted:
        return WebView(ADDRESSES[0], name, Reach.OPEN, True)
    return WebView(ADDRESSES[0], name, Reach.OPEN, True, "", Reach.OPEN, leads)


def _of(domain: str, owners: list[str]) -> list[str]:
    return [each for each in owners if each.endswith(f"._domainkey.{domain}")]


def _recipients(server: MailServer) -> RecipientsView:
    """Port 25 takes the right ones."""
    duties = (f"{name}@{e.name}" for e in server.domains for name in ("postmaster", "abuse"))
    return RecipientsView(
        (
            Recipient(Kind.ELSEWHERE, "probe@example.org", "probe@example.net", 554),
            *(Recipient(Kind.DUTY, "", each, 250) for each in duties),
            Recipient(Kind.NOBODY, "", "nobody@example.com", 250),
        ),
        ("8BITMIME", "SIZE", "STARTTLS"),
    )


def _caa(server: MailServer) -> tuple[CaaView, ...]:
    """No CAA record at any name."""
    names = server.certificate_names if server.tls.method != "files" else ()
    return tuple(CaaView(each, each, Outcome.NODATA) for each in names)


def _zone(server: MailServer, name: str) -> ZoneView:
    records = tuple(
        RecordView(key(f"{e}{name}", "TXT"), 2, wished=True, ttl=300) for e in ("", "_dmarc.")
    )
    return ZoneView(name, records, tuple(ResolverView(each, 2) for each in server.resolvers))


def _relay(server: MailServer) -> RelayView:
    sent: Delivery = delivered(tls="TLSv1.3", trust="verified")
    return RelayView(
        reached=True,
        redirect=f"220 {server.mail_host} ESMTP",
        counted=True,
        listeners=((25, "master"), (465, "master")),
        proofs=tuple(
            (
                Proof(each.name, server.mail_host, b""),
                (Signature(each.name, SELECTOR(each.name), True),),
            )
            for each in server.domains
        ),
        deliveries=(sent,),
        logins=tuple((each.host, 0) for each in server.relay.smarthosts),
        apart=True,
    )


def good(server: MailServer) -> Seen:
    """All that is seen of a server as it should be."""
    signing = mode_of(server).signing_keys(server)
    on_host = tuple((dkim.owner(each.selector, each.domain), PUBLIC.data) for each in signing)
    relayed = mode_of(server).relayed
    return Seen(
        server=server,
        now=NOW,
        world=world(server),
        host=HostView(True, True, True, on_host, "", 0.0),
        zones=tuple(_zone(server, each.zone) for each in server.domains),
        stored={(each.domain, each.selector): PUBLIC for each in signing},
        relay=_relay(server) if relayed else RelayView(False),
        edge=EdgeView(True, resolves=True) if relayed else EdgeView(False),
        policies=_policies(server),
        bare=fit(server),
        live=_live(server),
        front=FrontView(True, "pmail-web") if web_of(server).fronted else FrontView(False),
        listings=_listings(server),
        registrations=tuple(registered(each.name) for each in server.domains),
        made={(each.domain, each.selector): NOW - timedelta(days=7) for each in signing},
    )


KEYS = {"PMAIL_DQS_KEY": "a" * 26, "PMAIL_ABUSIX_KEY": "b" * 32}


def _listings(server: MailServer) -> tuple[Listing, ...]:
    """No list has anything, and all answer their tests."""
    seen = server.addresses if mode_of(server).sends_from == "server" else ()
    names = [each.name for each in server.domains]
    made = block_lists.lookups(server.block_lists, seen, names, KEYS)
    return tuple(Listing(each, (), ("127.0.0.2",), ()) for each in made)


def registered(name: str, days: float = 1000, left: float = 300) -> Registration:
    """A domain that was registered so many days before NOW."""
    begin, end = NOW - timedelta(days=days), NOW + timedelta(days=left)
    return Registration(name, begin, end, ("active",))


def _live(server: MailServer) -> LiveView:
    """A message came by each way, as it was sent."""
    ways = [w for w in Way if mode_of(server).relayed or not w.leaves]
    return LiveView(tuple(carried(each) for each in ways), far_read=True)


SAID = "Authentication-Results: mx.far.test; spf=pass; dkim=pass; dmarc=pass\r\n"


def carried(way: Way) -> Carried:
    """A message that arrived by this way."""
    made = live_mail.letter(
        mark=f"{way.value}-mark", author="w@example.com", to="r@a.test", web=way.web, big=False
    )
    message = made.message.replace(b"Date: ", f"X-Date: 1\r\nDate: {DATE}\r\nX-Sent: ".encode())
    return Carried(
        way,
        made.to,
        message,
        Taken(),
        came=(SAID.encode() if way is Way.FAR else b"") + message,
        folder="" if way.leaves else "INBOX",
        ehlo="smtp.example.com",
        signatures=(Signature("example.com", "pm202611a", True),),
    )


def _policies(server: MailServer) -> PoliciesView:
    """What the domains say of themselves."""
    names = [each.name for each in server.domains]
    policy = Policy("enforce", (server.mail_host,), server.mta_sts_max_age)
    id = mta_sts.next_id(None, policy, int(NOW.timestamp()))
    reports = tls_rpt.build(server.tls_rpt)
    told = ((tls_rpt.owner, reports), (mta_sts.owner, mta_sts.build(id)))
    return PoliciesView(
        services=tuple(
            answer(service.owner(name), "SRV", service.value)
            for name in names
            for service in mail_programs.services(server)
        ),
        texts=tuple(answer(of(name), "TXT", value) for of, value in told for name in names),
        documents=tuple((each, _document(each, server, policy)) for each in places(server)),
    )


def _document(place: Place, server: MailServer, policy: Policy) -> Document:
    """What is served at a place."""
    name, path = place.name, place.path
    if path == mta_sts.PATH:
        return Document(name, path, 200, mta_sts.MEDIA_TYPE, content=policy.text.encode())
    if path == client_setup.AUTOCONFIG_PATH:
        content = client_setup.autoconfig(server).encode()
        return Document(name, path, 200, client_setup.AUTOCONFIG_TYPE, content=content)
    profile = client_setup.profile(server, path[1:].removesuffix(".mobileconfig"))
    return Document(name, path, 200, client_setup.PROFILE_TYPE, content=signed(profile))


@cache
def _signer() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    files = issue(Path(mkdtemp()), ("autoconfig.example.com",))
    key = load_pem_private_key(files.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return x509.load_pem_x509_certificates(files.chain.read_bytes())[0], key


def signed(profile: bytes) -> bytes:
    """A profile as it is served, signed with the certificate that all ports show."""
    signer, key = _signer()
    builder = pkcs7.PKCS7SignatureBuilder().set_data(profile)
    signing = builder.add_signer(signer, key, hashes.SHA256())
    return signing.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])


FIT = """uid 0
init systemd
os debian 12
arch x86_64
ours 0
disk 9000000
memory 2000000
clock 1000
synced yes
resolver yes
nat yes
open 1024
address 8.8.8.8
address 2001:4860:4860::8888
connect qq.com 192.0.2.1 open 40 220 mx.qq.com ESMTP
connect 163.com 192.0.2.2 open 50 220 163.com Anti-spam
connect qq.com 2001:db8::1 open 40 220 mx.qq.com ESMTP
source 8.8.8.8 eth0
source 2001:4860:4860::8888 eth0
dmi sys_vendor QEMU
nft eyJuZnRhYmxlcyI6IFtdfQ==
"""


def fit(server: MailServer, *changes: str, now: float = 1000) -> Bare:
    """A host that can become this server. changes: lines that the script on it says instead."""
    seen = fitness.parse(FIT + "\n".join(changes) + "\n")
    passwords = tuple(
        Password(each.host, each.user, each.password_env or "", Kept.KNOWN)
        for each in server.relay.smarthosts
    )
    reverse = world(server).reverse if mode_of(server).sends_from == "server" else ()
    return Bare(server, seen, now, passwords, caa=_caa(server), reverse=reverse)


def found(seen: Seen | Bare, rule: str = "", subject: str = "") -> tuple[Result, ...]:
    """The results of a rule, all where none is named; of one subject, where it is.

    Whatever is asked for, each result can be told, and says what to do where something is wrong.
    """
    results = areas.of_server(seen) if isinstance(seen, Seen) else areas.of_bare_host(seen)
    for each in results:
        assert say(each.seen) is not None
        assert (each.remedy is not None) is (each.status in (Status.WARN, Status.FAIL))
        assert each.remedy is None or say(each.remedy)
    return tuple(
        each
        for each in results
        if rule in ("", each.rule.id) and subject in ("", str(each.subject))
    )


def one(seen: Seen | Bare, rule: str, subject: str = "") -> Result:
    """The one result of a rule on a subject."""
    (result,) = found(seen, rule, subject)
    return result


def with_world(seen: Seen, **changes: Any) -> Seen:
    """The same, but something is different from outside."""
    return replace(seen, world=replace(seen.world, **changes))


def with_domain(seen: Seen, name: str, **changes: Any) -> Seen:
    """The same, but something is different in DNS of one domain."""
    domains = tuple(
        replace(each, **changes) if each.domain == name else each for each in seen.world.domains
    )
    return with_world(seen, domains=domains)


def with_port(seen: Seen, port: int, **changes: Any) -> Seen:
    """The same, but a port that speaks TLS from the start is different."""
    tls = tuple(replace(e, **changes) if e.port == port else e for e in seen.world.tls)
    return with_world(seen, tls=tls)
