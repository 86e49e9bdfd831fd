"""What the DNS benchmark publishes to: each provider's double, and every tool's way to open it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.counting import Relay, dns_messages, http_requests, relay
from dns_providers.adapters.alidns import AliDnsProvider
from dns_providers.adapters.cloudflare import CloudflareProvider
from dns_providers.adapters.dnspod import DnsPodProvider
from dns_providers.adapters.powerdns import PowerDnsProvider
from dns_providers.adapters.rfc2136 import Rfc2136Provider, TsigKey
from dns_providers.adapters.route53 import Route53Provider
from dns_providers.adapters.zonefile import ZoneFileProvider
from dns_providers.base import Provider
from dns_providers.rrset import owner_name
from tests.dns_providers import servers
from tests.dns_providers.adapters import alidns_fake, cloudflare_fake, dnspod_fake, route53_moto
from tests.dns_providers.servers import ALGORITHM, KEY, ZONE, NameServer

_NONE = "no provider among octoDNS's own"
_OLD_API = "its provider speaks an API that the double has not"
_NAME_SERVERS = ("ns-1.awsdns-01.com", "ns-2.awsdns-02.net")

# Opens octoDNS's provider; its modules are taken late, as they may be missing.
Octodns = Callable[[], Any]


@dataclass(frozen=True)
class Lexicon:
    """dns-lexicon's provider: its name and options.

    direct: brings it to the double where no option does. priority: an MX's preference is an option
    of the provider, not part of the content. quotes: it puts a TXT into quotes by itself.
    """

    name: str
    options: dict[str, str]
    direct: Callable[[Any], object] = id
    priority: bool = False
    quotes: bool = False


@dataclass(frozen=True)
class Double:
    """A double that runs. octodns, lexicon: a text where the tool cannot be measured.

    seeded: whether `ns` has an address in the zone from the start.
    """

    name: str
    relay: Relay | None
    ours: Callable[[], Provider]
    octodns: Octodns | str
    lexicon: Lexicon | str
    seeded: bool = False


@contextmanager
def rfc2136(name: str, folder: Path) -> Iterator[Double]:
    """A real name server that takes updates."""
    with (
        servers.running(name, folder) as server,
        relay(server.port, dns_messages) as counted,
    ):

        def octodns() -> Any:
            from octodns_bind import Rfc2136Provider as Theirs

            key = {"key_name": KEY, "key_secret": server.secret, "key_algorithm": ALGORITHM}
            return Theirs("it", "127.0.0.1", port=counted.port, **key)

        def direct(provider: Any) -> None:
            """It has no option for the port."""
            import dns.query

            provider._run_query = lambda message: dns.query.tcp(
                message, "127.0.0.1", timeout=10, port=counted.port
            )

        key = TsigKey(KEY, ALGORITHM, server.secret)
        token = f"{ALGORITHM}:{KEY}:{server.secret}"
        yield Double(
            f"rfc2136 ({name})",
            counted,
            lambda: Rfc2136Provider(owner_name(ZONE), "127.0.0.1", key, counted.port),
            octodns,
            Lexicon(
                "ddns", {"auth_token": token, "ddns_server": "127.0.0.1", "domain": ZONE}, direct
            ),
            seeded=True,
        )


@contextmanager
def powerdns(folder: Path) -> Iterator[Double]:
    """A real PowerDNS."""
    with (
        servers.running("powerdns", folder) as server,
        relay(server.api_port, http_requests) as counted,
    ):
        url = f"http://127.0.0.1:{counted.port}"
        yield Double(
            "powerdns",
            counted,
            lambda: powerdns_zone(server, counted, ZONE),
            lambda: octodns_powerdns(server, counted),
            Lexicon("powerdns", {"auth_token": server.secret, "pdns_server": url}),
            seeded=True,
        )


def powerdns_zone(server: NameServer, counted: Relay, zone: str) -> PowerDnsProvider:
    """Our adapter for a zone of a real PowerDNS."""
    url = f"http://127.0.0.1:{counted.port}"
    return PowerDnsProvider(owner_name(zone), url, server.secret)


def octodns_powerdns(server: NameServer, counted: Relay) -> Any:
    """octoDNS's provider for a real PowerDNS."""
    from octodns_powerdns import PowerDnsProvider as Theirs

    return Theirs("it", "127.0.0.1", server.secret, port=counted.port)


@contextmanager
def cloudflare(folder: Path) -> Iterator[Double]:
    """The fake Cloudflare."""
    token = cloudflare_fake.TOKEN
    with (
        cloudflare_fake.served() as account,
        relay(_port(account.url), http_requests) as counted,
    ):
        url = f"http://127.0.0.1:{counted.port}/client/v4"

        def octodns() -> Any:
            from octodns_cloudflare import CloudflareProvider as Theirs

            return Theirs("it", token=token, pagerules=False, min_ttl=60, api_url=url)

        def direct(provider: Any) -> None:
            provider.api_endpoint = url

        yield Double(
            "cloudflare",
            counted,
            lambda: CloudflareProvider(owner_name(ZONE), token, url=url),
            octodns,
            Lexicon("cloudflare", {"auth_token": token}, direct, priority=True),
        )


@contextmanager
def route53(folder: Path) -> Iterator[Double]:
    """moto's Route 53 behind its strict front."""
    access = {
        "AWS_ACCESS_KEY_ID": route53_moto.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": route53_moto.SECRET,
    }
    with (
        route53_moto.served() as account,
        relay(_port(account.url), http_requests) as counted,
    ):
        account.add_zone(ZONE, _NAME_SERVERS)
        url = f"http://127.0.0.1:{counted.port}"
        # The other two have no option for the endpoint.
        more = {"AWS_ENDPOINT_URL_ROUTE_53": url, "AWS_DEFAULT_REGION": "us-east-1"}
        os.environ.update({**access, **more})

        def octodns() -> Any:
            from octodns_route53 import Route53Provider as Theirs

            return Theirs("it", *access.values())

        key_id, secret = access.values()
        secrets = {"auth_access_key": key_id, "auth_access_secret": secret}
        yield Double(
            "route53",
            counted,
            lambda: Route53Provider(owner_name(ZONE), endpoint=url),
            octodns,
            Lexicon("route53", secrets, quotes=True),
        )


@contextmanager
def alidns(folder: Path) -> Iterator[Double]:
    """The fake AliDNS."""
    fake = alidns_fake.FakeAliDns()
    with alidns_fake.running(fake), relay(_port(fake.url), http_requests) as counted:
        key = (alidns_fake.KEY_ID, alidns_fake.KEY_SECRET)
        where = f"127.0.0.1:{counted.port}"
        yield Double(
            "alidns",
            counted,
            lambda: AliDnsProvider(owner_name(ZONE), *key, where, protocol="HTTP"),
            _NONE,
            _OLD_API,
        )


@contextmanager
def dnspod(folder: Path) -> Iterator[Double]:
    """The fake DNSPod."""
    with dnspod_fake.served() as account, relay(_port(account.url), http_requests) as counted:
        key = (dnspod_fake.SECRET_ID, dnspod_fake.SECRET_KEY)
        where = f"127.0.0.1:{counted.port}"
        yield Double(
            "dnspod",
            counted,
            lambda: DnsPodProvider(owner_name(ZONE), *key, where, "http"),
            _NONE,
            _OLD_API,
        )


@contextmanager
def zonefile(folder: Path) -> Iterator[Double]:
    """A zone file."""
    path = folder / f"{ZONE}.zone"
    path.write_text(
        f"$ORIGIN {ZONE}.\n$TTL 300\n@ IN SOA ns.{ZONE}. host.{ZONE}. 1 60 60 3600 5\n"
        f"@ IN NS ns.{ZONE}.\nns IN A 127.0.0.1\n"
    )

    def octodns() -> Any:
        from octodns_bind import ZoneFileProvider as Theirs

        return Theirs("it", str(folder), file_extension=".zone")

    yield Double(
        "zonefile",
        None,
        lambda: ZoneFileProvider(owner_name(ZONE), path),
        octodns,
        Lexicon("localzone", {"filename": str(path)}),
        seeded=True,
    )


@contextmanager
def running(folder: Path) -> Iterator[list[Double]]:
    """All doubles that this machine has."""
    with ExitStack() as stack:
        found = []
        for name in ("bind", "knot"):
            if servers.there(name):
                (folder / name).mkdir()
                found.append(stack.enter_context(rfc2136(name, folder / name)))
        kinds = [powerdns] if servers.there("powerdns") else []
        for kind in (*kinds, cloudflare, route53, alidns, dnspod, zonefile):
            (folder / kind.__name__).mkdir()
            found.append(stack.enter_context(kind(folder / kind.__name__)))
        yield found


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])
