"""PowerDNS by its HTTP API: one read of the zone, one PATCH that is carried out whole or not.

The API has no preconditions, so the zone is read again right before the write, unless it was a
moment ago. Names and values travel in presentation format, absolute; a TXT must be quoted. An RRset
is written whole, and what stays of it as it was read: where a TXT is cut into strings may mean
something (RFC 6763).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import dns.exception
import dns.name
import dns.rdatatype

from dns_providers import http_errors
from dns_providers.base import (
    AuthError,
    Capabilities,
    Change,
    ProviderError,
    Recent,
    Snapshot,
    Tell,
    ZoneNotFound,
    refuse_stale,
    snapshot_of,
)
from dns_providers.rows import NO_SENSE, grouped
from dns_providers.rrset import Other, RRKey, RRset, Value, name_text, owner_name, texts_as_seen
from dns_providers.spec import (
    Environ,
    Option,
    Options,
    ProviderSpec,
    one_secret,
    secret,
    secret_options,
)
from dns_providers.text import value_from_text, value_text
from dns_providers.tls import trusted
from ground.shown import keep_secret, shortened
from ground.words import Words

if TYPE_CHECKING:
    import httpx

_TIMEOUT = 15.0  # seconds
_SIGNED = frozenset({"RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY"})
_PRIMARY = frozenset({"Master", "Primary"})


@dataclass(slots=True)
class PowerDnsProvider:
    """A zone on a PowerDNS authoritative server.

    url: where the API is ("https://ns1.example.com:8081"). key: its API key, never shown.
    server_id: "localhost" unless a proxy has several. timeout: seconds to wait for an answer.
    """

    slug: ClassVar[str] = "powerdns"
    zone: dns.name.Name
    url: str
    key: str = field(repr=False)
    server_id: str = "localhost"
    timeout: float = _TIMEOUT
    _shown: Recent[list[RRset]] = field(default_factory=Recent, init=False, repr=False)

    def __post_init__(self) -> None:
        """From now on the secret is shown nowhere."""
        keep_secret(self.key)

    @property
    def capabilities(self) -> Capabilities:
        """One PATCH is one transaction; what was there is read again before it."""
        return Capabilities(atomic="zone", cas="reread", min_ttl=0)

    def read(self, names: frozenset[dns.name.Name]) -> Snapshot:
        """Read the zone. Raises ProviderError."""
        return snapshot_of(self.zone, names, self._shown.read(self._zone_rrsets))

    def apply(self, changes: Sequence[Change]) -> None:
        """Carry out all changes in one PATCH, or none of them. Raises ProviderError."""
        there = {each.key: each for each in self._shown.used_up(self._zone_rrsets)}
        refuse_stale(changes, there)
        rows = [_patch(change, there.get(change.key)) for change in changes]
        reply = self._call("PATCH", json={"rrsets": rows})
        if reply.status_code != 204:
            # Something between us and the server answered for it, a login page for example.
            raise http_errors.junk(
                self.url, http_errors.Senseless("dns.junk.status", status=reply.status_code)
            )

    def wait_accepted(self, tell: Tell) -> None:
        """Nothing to wait for: a write is carried out when it is answered."""

    def settle(self) -> None:
        """Tell secondaries of a primary zone, as the server does after a change."""
        if self._call("GET").json().get("kind") in _PRIMARY:
            self._call("PUT", "/notify")

    def _zone_rrsets(self) -> list[RRset]:
        try:
            found = self._call("GET").json()["rrsets"]
            rows = [row for row in found if not _is_left_out(row)]
            return grouped(rows, _key, _rrset, lambda row: str(row.get("records")))
        except NO_SENSE as error:
            raise http_errors.junk(self.url, error) from None

    def _call(self, method: str, path: str = "", json: Any = None) -> httpx.Response:
        import httpx

        zone = self.zone.to_text().replace("/", "=2F")
        url = f"{self.url.rstrip('/')}/api/v1/servers/{self.server_id}/zones/{zone}{path}"
        try:
            reply = _api(self.key, self.timeout).request(method, url, json=json)
        except httpx.TimeoutException:
            raise http_errors.timed_out(self.url, self.timeout) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise http_errors.unreachable(self.url, reason) from None
        if not reply.is_success:
            raise self._error(reply)
        return reply

    def _error(self, reply: httpx.Response) -> ProviderError:
        values = {
            "url": self.url,
            "zone": name_text(self.zone),
            "status": str(reply.status_code),
            "reason": _reason(reply),
        }
        match reply.status_code:
            case 401 | 403:
                return AuthError("dns.error.powerdns_key", **values)
            case 404:
                return ZoneNotFound("dns.error.powerdns_zone", **values)
            case 429:
                return http_errors.too_many(self.url, values["reason"])
            case 400 | 409 | 413 | 422:
                return http_errors.rejected(self.url, values["zone"], values["reason"])
        return http_errors.failed(self.url, reply.status_code, values["reason"])


@functools.lru_cache(8)
def _api(key: str, timeout: float) -> httpx.Client:
    """One client, so one connection, for all zones of a server; it keeps none for long."""
    import httpx

    return httpx.Client(headers={"X-API-Key": key}, timeout=timeout, verify=trusted())


def _reason(reply: httpx.Response) -> str:
    """The server's words: JSON, or plain text where it refuses before that."""
    try:
        said = reply.json()["error"]
    except (ValueError, KeyError, TypeError):
        said = reply.text.strip()
    return shortened(said, 300) or reply.reason_phrase


def _is_left_out(row: Any) -> bool:
    """Whether a row is made by the server's own signing, or an RRset without records."""
    return isinstance(row, dict) and (row.get("type") in _SIGNED or row.get("records") == [])


def _key(row: dict[str, Any]) -> RRKey:
    return RRKey(owner_name(row["name"]), row["type"])


def _rrset(key: RRKey, rows: list[dict[str, Any]]) -> RRset:
    """An RRset as the API shows it. What is disabled, or of a type of its own, is left alone."""
    (row,) = rows
    records = row["records"]
    contents = [str(record["content"]) for record in records]
    plain = not any(record.get("disabled") for record in records)
    try:
        dns.rdatatype.from_text(key.rtype)
    except dns.rdatatype.UnknownRdatatype:
        values: frozenset[Value] = frozenset(Other(text.encode(), text) for text in contents)
        return RRset(key, int(row["ttl"]), values, opaque=True)
    handles = tuple((value_from_text(text, key.rtype), text) for text in contents)
    values = frozenset(value for value, _ in handles)
    special = None if plain else Words.of("dns.special.disabled")
    return RRset(key, int(row["ttl"]), values, not plain, handles, special=special)


def _patch(change: Change, live: RRset | None) -> dict[str, Any]:
    """A change as the API takes it. live: what is there now."""
    key, after = change.key, change.after
    row: dict[str, Any] = {"name": key.owner.to_text(), "type": key.rtype}
    if after is None:
        return {**row, "changetype": "DELETE"}
    contents = sorted(texts_as_seen(after, live, value_text))
    records = [{"content": content, "disabled": False} for content in contents]
    return {**row, "ttl": after.ttl, "changetype": "REPLACE", "records": records}


# -- the provider -----------------------------------------------------------------------------


def _open(zone: str, options: Options, environ: Environ) -> PowerDnsProvider:
    key = secret(options, environ, "powerdns_key")
    server_id = options.get("powerdns_server_id", "localhost")
    return PowerDnsProvider(owner_name(zone), options["powerdns_url"], key, server_id)


SPEC = ProviderSpec(
    (
        Option("powerdns_url", "url", required=True),
        Option("powerdns_server_id", default="localhost"),
        *secret_options("powerdns_key"),
    ),
    _open,
    one_of=(one_secret("powerdns_key"),),
    policy="policy.powerdns",
)
