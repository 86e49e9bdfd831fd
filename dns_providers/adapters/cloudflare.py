"""Cloudflare by its official SDK: all pages read, and one batch for all changes of a stage.

A batch is one transaction (developers.cloudflare.com, "Batch DNS records"), but has no
preconditions: the records are read again right before it, unless they were a moment ago. Its answer
shows them as they are after it. Only fields that differ are patched, so that comments and tags
stay. What Cloudflare answers for itself (proxied, locked by Email Routing) is opaque: a conflict,
never changed. An alias at the apex is flattened: Cloudflare answers for it with addresses, so that
other types stand beside it (developers.cloudflare.com, "CNAME flattening").
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import dns.exception
import dns.name
import dns.rdatatype
import idna

from dns_providers import http_errors
from dns_providers.base import (
    AuthError,
    Capabilities,
    Change,
    ProviderError,
    RateLimited,
    Recent,
    Snapshot,
    Stale,
    Tell,
    ZoneNotFound,
    kept_apex,
    refuse_stale,
    snapshot_of,
)
from dns_providers.http_errors import translated
from dns_providers.record_steps import Create, Delete, Modify, Step, steps
from dns_providers.rows import NO_SENSE, grouped
from dns_providers.rrset import (
    CAA,
    MX,
    SRV,
    TXT,
    Address,
    Other,
    RRKey,
    RRset,
    Target,
    Value,
    host_text,
    name_text,
    owner_name,
)
from dns_providers.spec import (
    Environ,
    Option,
    Options,
    ProviderSpec,
    one_secret,
    secret,
    secret_options,
)
from dns_providers.text import txt_octets, value_text
from dns_providers.tls import trusted
from ground.shown import keep_secret
from ground.words import Words

if TYPE_CHECKING:
    import cloudflare

AUTOMATIC = 300  # seconds that TTL 1 ("automatic") is served with
_PAGE = 1000  # records
_BATCH = 200  # operations, on the free plan
_TIMEOUT = 20.0  # seconds
_API = "api.cloudflare.com"  # as messages name it
_URL = "https://api.cloudflare.com/client/v4"
_BLOCKED = "300"  # seconds that a user with too many requests is blocked for
# Codes of developers.cloudflare.com and of terraform-provider-cloudflare's reports.
_NO_RIGHT = frozenset({6003, 6111, 9103, 9106, 9109, 10000})
_THROTTLED = frozenset({971, 10429})
_NO_ZONE = frozenset({1001, 7003})
_EXISTS = frozenset({81058})
_FLATTENED_BESIDE = frozenset({"MX", "TXT", "SRV", "CAA"})
_KEPT_HERE = (None, "full")  # kinds of zones whose records are Cloudflare's, and served


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Zone:
    id: str
    name_servers: tuple[str, ...]


@dataclass(slots=True, weakref_slot=True)
class CloudflareProvider:
    """A zone at Cloudflare. token: an API token, never shown. zone_id: found by name if None.

    url: where the API is. timeout: seconds to wait for an answer. retries: how often the SDK tries
    again after a failure. strict: whether answers must be just what the SDK's types say.
    """

    slug: ClassVar[str] = "cloudflare"
    zone: dns.name.Name
    token: str = field(repr=False)
    zone_id: str | None = None
    url: str = _URL
    timeout: float = _TIMEOUT
    retries: int = 2
    strict: bool = False
    _client: cloudflare.Cloudflare | None = field(default=None, init=False, repr=False)
    _found: _Zone | None = field(default=None, init=False, repr=False)
    _shown: Recent[list[Any]] = field(default_factory=Recent, init=False, repr=False)

    def __post_init__(self) -> None:
        """From now on the secret is shown nowhere."""
        keep_secret(self.token)

    @property
    def capabilities(self) -> Capabilities:
        """A batch is whole or nothing; TTL 60 s to a day; TXT up to what one record takes."""
        return Capabilities(
            "zone",
            "reread",
            min_ttl=60,
            max_ttl=86400,
            max_txt=4000,
            beside_apex_alias=_FLATTENED_BESIDE,
        )

    def read(self, names: frozenset[dns.name.Name]) -> Snapshot:
        """Read all records. Raises ProviderError."""
        return self._snapshot(names, self._shown.read(self._records))

    def apply(self, changes: Sequence[Change]) -> Snapshot | None:
        """Carry out all changes in one batch, whose answer shows them. Raises ProviderError."""
        rows = self._shown.used_up(self._records)
        there = {each.key: each for each in self._rrsets(rows)}
        refuse_stale(changes, there)
        work = [_operation(step) for step in steps(changes, there)]
        now: dict[str, Any] | None = {_id(row) or str(at): row for at, row in enumerate(rows)}
        for start in range(0, len(work), _BATCH):
            part = work[start : start + _BATCH]
            batch = {kind: [body for each, body in part if each == kind] for kind in _KINDS}
            answer = self._batch({kind: bodies for kind, bodies in batch.items() if bodies})
            now = _after(now, batch, answer) if now is not None else None
        names = frozenset(change.key.owner for change in changes) | {self.zone}
        return None if now is None else self._snapshot(names, now.values())

    def wait_accepted(self, tell: Tell) -> None:
        """Nothing to wait for: a write is carried out when it is answered."""

    def settle(self) -> None:
        """Nothing to do: what is written is served."""

    # -- calls ---------------------------------------------------------------------------------

    def _api(self) -> cloudflare.Cloudflare:
        """One client, so one connection, for all calls; closed when this object goes."""
        import cloudflare

        if self._client is None:
            self._client = cloudflare.Cloudflare(
                api_token=self.token,
                base_url=self.url,
                timeout=self.timeout,
                max_retries=self.retries,
                http_client=cloudflare.DefaultHttpxClient(verify=trusted()),
                _strict_response_validation=self.strict,
            )
            weakref.finalize(self, self._client.close)
        return self._client

    def _told(self) -> AbstractContextManager[None]:
        """Turns everything that the SDK can raise into our errors."""
        return translated(lambda error: _translated(error, name_text(self.zone), self.timeout))

    def _batch(self, batch: dict[str, list[dict[str, Any]]]) -> Any:
        zone = self._zone()
        with self._told():
            records = self._api().dns.records
            return _given(records.batch(zone_id=zone.id, **batch))  # type: ignore[arg-type]

    def _zone(self) -> _Zone:
        """The zone, looked up once."""
        if self._found is None:
            with self._told():
                zones = self._api().zones
                found = (
                    [_given(zones.get(zone_id=self.zone_id))]
                    if self.zone_id
                    else _given(zones.list(name=_shown(self.zone), per_page=50).result)
                )
                self._found = self._chosen(found)
        return self._found

    def _chosen(self, found: list[Any]) -> _Zone:
        mine = [each for each in found if _a_labels(each.name) == self.zone]
        values = {"zone": name_text(self.zone), "count": str(len(mine))}
        if not mine:
            raise ZoneNotFound("dns.error.cloudflare_zone", **values)
        kept = [each for each in mine if each.type in _KEPT_HERE]
        if not kept:
            raise ZoneNotFound("dns.error.cloudflare_kind", **values, kind=str(mine[0].type))
        live = [each for each in kept if each.status == "active"]
        if not live:
            values["servers"] = ", ".join(kept[0].name_servers or ())
            raise ZoneNotFound("dns.error.cloudflare_pending", **values)
        if len(live) > 1:
            raise ZoneNotFound("dns.error.cloudflare_several", **values)
        # A zone may be delegated to Cloudflare's servers under names of its own, or to both.
        servers = (*(live[0].name_servers or ()), *(live[0].vanity_name_servers or ()))
        if not servers:
            raise http_errors.Senseless("dns.junk.no_servers")
        return _Zone(live[0].id, servers)

    def _records(self) -> list[Any]:
        """All records as the API shows them: as many as it says that there are."""
        with self._told():
            return self._pages()

    def _pages(self) -> list[Any]:
        zone, found, page = self._zone(), dict[str, Any](), 1
        records = self._api().dns.records
        while True:
            known = len(found)
            shown = records.list(zone_id=zone.id, per_page=_PAGE, page=float(page))
            rows = [_row(each) for each in _given(shown.result)]
            found |= {_id(row) or f"{page}/{number}": row for number, row in enumerate(rows)}
            total = getattr(shown.result_info, "total_count", None)
            over = len(found) == known
            if over if total is None else len(found) >= int(total):
                return list(found.values())
            if over:
                raise http_errors.Senseless("dns.junk.count", found=known, total=total)
            page += 1

    def _rrsets(self, rows: Iterable[Any]) -> list[RRset]:
        with self._told():
            return grouped(rows, _key, _rrset, _shown_value)

    def _snapshot(self, names: frozenset[dns.name.Name], rows: Iterable[Any]) -> Snapshot:
        return snapshot_of(self.zone, names, (*self._rrsets(rows), *self._apex()))

    def _apex(self) -> Iterable[RRset]:
        """SOA and NS of the apex, which Cloudflare keeps to itself."""
        return kept_apex(self.zone, self._zone().name_servers, "dns.cloudflare.com.", 1800)


def _given(result: T | None) -> T:
    """A result that an answer without an error has; the SDK lets it be missing."""
    if result is None:
        raise http_errors.Senseless("dns.junk.empty")
    return result


def _shown(zone: dns.name.Name) -> str:
    """A zone as Cloudflare names it: Unicode where it was added so."""
    return idna.decode(name_text(zone))


def _a_labels(name: str) -> dns.name.Name:
    try:
        return owner_name(idna.encode(name, uts46=True).decode("ascii"))
    except idna.IDNAError:
        return owner_name(name)


# -- errors ------------------------------------------------------------------------------------


def _translated(error: Exception, zone: str, timeout: float) -> Exception:
    import cloudflare

    if isinstance(error, cloudflare.APITimeoutError):
        return http_errors.timed_out(_API, timeout)
    if isinstance(error, cloudflare.APIConnectionError):
        return http_errors.unreachable(_API, str(error.__cause__ or error))
    if isinstance(error, cloudflare.APIStatusError):
        return _refusal(error, zone)
    junk = (cloudflare.APIResponseValidationError, ValueError, KeyError, TypeError, AttributeError)
    if isinstance(error, (*junk, dns.exception.DNSException)):
        return http_errors.junk(_API, error)
    return error


def _refusal(error: cloudflare.APIStatusError, zone: str) -> ProviderError:
    codes, said = _codes(error.body)
    values = {"zone": zone, "reason": "; ".join(said) or str(error.status_code)}
    if error.status_code == 429 or codes & _THROTTLED:
        values["seconds"] = error.response.headers.get("retry-after", _BLOCKED)
        return RateLimited("dns.error.cloudflare_rate", **values)
    if codes & _EXISTS:
        # Somebody was faster, or our own answer was lost: reading again tells.
        return Stale("dns.error.stale", keys=values["reason"])
    if error.status_code in (401, 403) or codes & _NO_RIGHT:
        return AuthError("dns.error.cloudflare_token", **values)
    if error.status_code == 404 or codes & _NO_ZONE:
        return ZoneNotFound("dns.error.cloudflare_zone", **values)
    return http_errors.by_status(_API, zone, error.status_code, values["reason"])


def _codes(body: object) -> tuple[set[int], list[str]]:
    """Codes and messages of an answer, those of inner errors too."""
    if not isinstance(body, dict):
        return set(), []
    codes, said = set[int](), list[str]()
    for each in body.get("errors") or ():
        if isinstance(each, dict):
            chain = [each, *(each.get("error_chain") or ())]
            codes |= {int(link["code"]) for link in chain if str(link.get("code", "")).isdigit()}
            said.append(f"{each.get('code')} {each.get('message')}")
    return codes, said


# -- records -----------------------------------------------------------------------------------

_KINDS = ("deletes", "patches", "posts")


def _after(
    before: dict[str, Any], batch: dict[str, list[dict[str, Any]]], answer: Any
) -> dict[str, Any] | None:
    """Records by id as they are after a batch, by its answer; None where that does not say all."""
    rows = {kind: [_row(each) for each in getattr(answer, kind, None) or ()] for kind in _KINDS}
    gone = {body["id"] for body in batch["deletes"]}
    kept = {body["id"] for body in batch["patches"]}
    made = [_id(row) for row in rows["posts"]]
    if (
        {_id(row) for row in rows["deletes"]} != gone
        or {_id(row) for row in rows["patches"]} != kept
        or len(set(made)) != len(batch["posts"])
        or not all(made)
    ):
        return None
    left = {id: row for id, row in before.items() if id not in gone}
    return {**left, **{_id(row): row for row in (*rows["patches"], *rows["posts"])}}


def _row(shown: Any) -> Any:
    try:
        return shown.to_dict(warnings=False)
    except NO_SENSE:
        return shown  # no record, whatever it is


def _id(row: Any) -> str:
    return str(row.get("id") or "") if isinstance(row, dict) else ""


def _key(row: dict[str, Any]) -> RRKey:
    return RRKey(owner_name(row["name"]), row["type"])


def _shown_value(row: dict[str, Any]) -> str:
    """A record as it stands, without what is not its value."""
    said = ("priority", "content", "data")
    return " ".join(str(row[name]) for name in said if row.get(name) is not None)


def _rrset(key: RRKey, rows: list[dict[str, Any]]) -> RRset:
    values = [(_value(row), str(row["id"])) for row in rows]
    special = next((words for row in rows if (words := _kept_by_cloudflare(row))), None)
    ttl = min(int(row["ttl"]) for row in rows)
    return RRset(
        key,
        AUTOMATIC if ttl == 1 else ttl,
        frozenset(value for value, _ in values),
        special is not None,
        tuple(values),
        special=special,
    )


def _kept_by_cloudflare(row: dict[str, Any]) -> Words | None:
    """By what Cloudflare has a record to itself, and how that ends; None for a plain one."""
    meta = row.get("meta") or {}
    if meta.get("email_routing"):
        return Words.of("dns.special.email_routing")
    if meta.get("read_only"):
        return Words.of("dns.special.read_only")
    return Words.of("dns.special.proxied") if row.get("proxied") else None


def _value(row: dict[str, Any]) -> Value:
    content, data = str(row.get("content") or ""), row.get("data") or {}
    match row["type"]:
        case "A" | "AAAA":
            return Address(content)
        case "CNAME" | "PTR":
            return Target(owner_name(content))
        case "MX":
            return MX(int(row["priority"]), owner_name(content))
        case "TXT":
            return TXT(txt_octets(content))
        case "SRV":
            priority, weight, port = (int(data[name]) for name in ("priority", "weight", "port"))
            return SRV(priority, weight, port, owner_name(data["target"]))
        case "CAA":
            return CAA(int(data["flags"]), str(data["tag"]).lower(), str(data["value"]).encode())
    return Other(content.encode(), content)


def _fields(value: Value, rtype: str) -> dict[str, Any]:
    """What says a value in a record."""
    match value:
        case Address(address=address):
            return {"content": address, "proxied": False}
        case Target(name=name):
            return {"content": host_text(name), "proxied": False}
        case MX(preference=preference, exchange=exchange):
            return {"content": host_text(exchange), "priority": preference}
        case SRV(priority=priority, weight=weight, port=port, target=target):
            numbers = {"priority": priority, "weight": weight, "port": port}
            return {"data": {**numbers, "target": host_text(target)}}
        case CAA(flags=flags, tag=tag, value=data):
            return {"data": {"flags": flags, "tag": tag, "value": data.decode("ascii")}}
    return {"content": value_text(value, rtype)}


def _operation(step: Step) -> tuple[str, dict[str, Any]]:
    """A step as an operation of a batch; what stays as it is (comment, tags) is not sent."""
    rtype = step.key.rtype
    match step:
        case Create(value=value, ttl=ttl):
            head = {"name": name_text(step.key.owner), "type": rtype, "ttl": ttl}
            return "posts", {**head, **_fields(value, rtype)}
        case Modify(id=id, old=old, value=value, ttl=ttl, old_ttl=old_ttl):
            fields = _fields(value, rtype) if value != old else {}
            times = {"ttl": ttl} if ttl != old_ttl else {}
            return "patches", {"id": id, **fields, **times}
        case Delete(id=id):
            return "deletes", {"id": id}


# -- the provider -----------------------------------------------------------------------------


def _open(zone: str, options: Options, environ: Environ) -> CloudflareProvider:
    token = secret(options, environ, "cloudflare_token")
    return CloudflareProvider(owner_name(zone), token, options.get("cloudflare_zone_id"))


SPEC = ProviderSpec(
    (Option("cloudflare_zone_id"), *secret_options("cloudflare_token")),
    _open,
    one_of=(one_secret("cloudflare_token"),),
    policy="policy.cloudflare",
)
