"""Any listed octoDNS provider package as a provider: read by it, written by it, RRset by RRset.

octoDNS itself syncs whole zones. Here the package gets a plan made by hand that holds our changes
and nothing else, right after the zone was read again, with every way to make a zone shut. What
a package shows but cannot write back as it was (dynamic, proxied, text it would change) is opaque,
and so is what nothing can be made of. What stays of an RRset that is written whole is sent back as
it was read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, ClassVar, NoReturn

import dns.exception
import dns.name
import requests
from octodns.provider.plan import Plan
from octodns.record import Create, Delete, Record, TxtRecord, Update
from octodns.record.txt import TxtValue
from octodns.zone import Zone

from dns_providers import http_errors
from dns_providers.base import (
    AuthError,
    Capabilities,
    Change,
    PartialApply,
    ProviderError,
    Rejected,
    Snapshot,
    Tell,
    ZoneNotFound,
    refuse_stale,
    snapshot_of,
)
from dns_providers.http_errors import translated
from dns_providers.octodns.mended import MENDED
from dns_providers.octodns.packages import Package, Text, carried, secrets_of, variables_of
from dns_providers.octodns.reading import AsRead, Unread, named_rows, presentation, tolerant
from dns_providers.rows import as_it_stands, grouped
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
    name_text,
    owner_name,
    texts_as_seen,
)
from dns_providers.text import value_from_text, value_text
from ground.shown import keep_secret, redacted, shortened
from ground.words import Words

_ID = "bridge"
_TIMEOUT = 30.0  # seconds
_LOGGERS = ("Record", "Zone", "Plan", "DesecAPI", "NS1Client", "azure", "octodns_hetzner")
_SOA = "octoDNS shows no SOA"


@dataclass(frozen=True, slots=True)
class OctoDnsProvider:
    """A zone at a provider that an octoDNS package writes to.

    arguments: what the package's class takes, credentials among them, never shown.
    """

    slug: ClassVar[str] = "octodns"
    zone: dns.name.Name
    package: Package
    arguments: Mapping[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        """From now on its credentials are shown nowhere."""
        for each in secrets_of(self.package, self.arguments):
            keep_secret(each)

    @property
    def capabilities(self) -> Capabilities:
        """What the package's API can do."""
        return self.package.capabilities

    def read(self, names: frozenset[dns.name.Name]) -> Snapshot:
        """Read the whole zone. Raises ProviderError."""
        with self._told():
            provider = self._opened()
            there = self._rrsets(provider, *self._populated(provider))
        return snapshot_of(self.zone, names, there.values())

    def apply(self, changes: Sequence[Change]) -> None:
        """Carry out changes after a fresh read; nothing else is sent. Raises ProviderError."""
        with self._told():
            provider = self._opened()
            live, unread = self._populated(provider)
            there = self._rrsets(provider, live, unread)
            refuse_stale(changes, there)
            self._refuse(changes, there)
            steps = [step for each in changes for step in self._steps(each, live, there)]
            if steps:
                self._carry_out(provider, live, steps)

    def wait_accepted(self, tell: Tell) -> None:
        """Nothing to wait for: the package has done so."""

    def settle(self) -> None:
        """Have what is written served, where that is a step of its own. Raises ProviderError."""
        if self.package.needs_settling:
            with self._told():
                self._opened().settle(name_text(self.zone))

    # -- the package's object --------------------------------------------------------------------

    def _opened(self) -> Any:
        """The package's object, new for each use: what it remembers of a zone is soon old."""
        package = self.package
        base = getattr(import_module(package.module), package.factory)
        # They log answers, and some their credentials; what went wrong is in our errors.
        for logger in (f"{package.factory}[{_ID}]", *_LOGGERS):
            logging.getLogger(logger).setLevel(logging.CRITICAL + 1)
        factory = MENDED[package.name](base) if package.name in MENDED else base
        try:
            with _time_limited():
                provider = factory(_ID, **self.arguments, **dict(package.fixed))
        except Exception as error:
            raise self._not_made(error) from None
        provider.log.setLevel(logging.CRITICAL + 1)
        for path in package.creators:
            self._shut(provider, path)
        return provider

    def _shut(self, provider: Any, path: str) -> None:
        """Put a refusal where a zone would be made."""

        def refuse(*arguments: object, **options: object) -> NoReturn:
            raise self._no_zone()

        *parents, name = path.split(".")
        owner = provider
        for each in parents:
            owner = getattr(owner, each)
        getattr(owner, name)  # a package that renamed it is not the one that was looked at
        setattr(owner, name, refuse)

    def _populated(self, provider: Any) -> tuple[Zone, Iterable[Unread]]:
        """The zone as it is now, and what the package passes over. Raises ZoneNotFound."""
        zone = Zone(self.zone.to_text(), [])
        zone.decoded_name = zone.name  # APIs take A-labels
        with tolerant(provider) as unread, _time_limited():
            there = provider.populate(zone, target=False, lenient=True)
        if not there:
            raise self._no_zone()
        apex_ns = any(record.name == "" and record._type == "NS" for record in zone.records)
        if self.package.shows_ns and not apex_ns:
            # An error that a package took for an empty zone.
            raise http_errors.junk(self.package.api, http_errors.Senseless("dns.junk.no_servers"))
        return zone, unread

    def _rrsets(self, provider: Any, zone: Zone, unread: Iterable[Unread]) -> dict[RRKey, RRset]:
        special = provider.special_rrsets(zone) if hasattr(provider, "special_rrsets") else set()

        def made(key: RRKey, records: list[Record]) -> RRset:
            (record,) = records
            return _rrset(key, record, self.package, special)

        found = grouped(zone.records, _key, made, lambda record: str(_said(record)))
        found += grouped(unread, self._key_of, _passed_over, lambda row: row.value)
        soa = Other(_SOA.encode(), _SOA)
        found.append(RRset(RRKey(self.zone, "SOA"), 3600, frozenset({soa}), opaque=True))
        return {each.key: each for each in found}

    def _key_of(self, row: Unread) -> RRKey:
        name = row.owner.removesuffix(".")
        if f".{name}".endswith(f".{name_text(self.zone)}"):
            return RRKey(owner_name(name), row.rtype)
        relative = "" if name == "@" else name
        return RRKey(owner_name(f"{relative}.{name_text(self.zone)}".lstrip(".")), row.rtype)

    # -- changes ---------------------------------------------------------------------------------

    def _refuse(self, changes: Iterable[Change], there: Mapping[RRKey, RRset]) -> None:
        """Raise Rejected for what cannot be written as it is to be, before anything is sent."""
        for change in changes:
            live = there.get(change.key)
            sent = (change.after.values if change.after else frozenset()) - self._kept(change, live)
            if not all(map(self._can_send, sent)) or (live is not None and live.opaque):
                values = {"key": str(change.key), "provider": self.package.name}
                raise Rejected("dns.error.octodns_value", **values)

    def _can_send(self, value: Value) -> bool:
        if isinstance(value, TXT):
            return carried(self.package.text, value.data)
        if isinstance(value, CAA):
            return not set(value.value) & set(self.package.caa_refuses)
        return self.package.null_srv or not isinstance(value, SRV) or value.target != dns.name.root

    def _kept(self, change: Change, live: RRset | None) -> frozenset[Value]:
        """Values that are not touched: there and wanted, where the API knows single records."""
        if live is None or change.after is None or live.ttl != change.after.ttl:
            return frozenset()
        return live.values & change.after.values if self.package.by_value else frozenset()

    def _carry_out(
        self, provider: Any, live: Zone, steps: Iterable[Create | Update | Delete]
    ) -> None:
        plan = Plan(live, live, list(steps), True)
        # A plan sorts by itself; this order leaves no moment without an address.
        plan.changes = counted = _Counted(sorted(plan.changes, key=_order))
        try:
            provider.apply(plan)
        except Exception as error:
            cause = self._translated(error)
            if self.capabilities.atomic == "zone" or counted.done == 0:
                raise cause from None
            raise PartialApply(cause, counted.done, len(counted)) from None

    def _steps(
        self, change: Change, zone: Zone, there: Mapping[RRKey, RRset]
    ) -> Iterator[Create | Update | Delete]:
        """A change as octoDNS's; of an RRset made of single records only values that differ."""
        live, seen = _record_at(zone, change.key), there.get(change.key)
        new = self._record(zone, change.after, seen) if change.after else None
        if live is None:
            if new is not None:
                yield Create(new)
        elif new is None:
            yield Delete(live)
        elif not self.package.by_value:
            yield Update(live, new)
        else:
            yield from self._by_value(change, zone, live, seen)

    def _by_value(
        self, change: Change, zone: Zone, live: Record, seen: RRset | None
    ) -> Iterator[Create | Delete]:
        before, after = change.before, change.after
        if before is None or after is None:
            raise AssertionError("an update has both")
        kept = self._kept(change, replace(before, ttl=live.ttl))
        if gone := before.values - kept:
            yield _PartDelete(_only(live, gone, self.package.text), live.ttl != after.ttl)
        if added := after.values - kept:
            yield Create(self._record(zone, RRset(after.key, after.ttl, added), seen))

    def _record(self, zone: Zone, rrset: RRset, seen: RRset | None = None) -> Record:
        """An RRset as octoDNS's record, text as the package wants it. seen: what is there."""
        name = rrset.key.owner.relativize(self.zone).to_text()
        name = "" if name == "@" else name
        rtype, values = rrset.key.rtype, sorted(rrset.values, key=str)
        data: dict[str, Any] = {"type": rtype, "ttl": rrset.ttl}
        if rtype in ("CNAME", "PTR") and len(values) == 1:
            data["value"] = _data(values[0])
        else:
            data["values"] = [_data(value) for value in values]
        if rtype == "TXT":
            record = _Text(zone, name, data)
            record.say(texts_as_seen(rrset, seen, value_text), data, self.package.text)
        else:
            record = Record.new(zone, name, data, lenient=True)
        record.decoded_name = record.name  # APIs take A-labels
        return record

    # -- errors ----------------------------------------------------------------------------------

    def _told(self) -> AbstractContextManager[None]:
        """Turns everything that a package or its SDK can raise into our errors."""
        return translated(self._translated)

    def _no_zone(self) -> ZoneNotFound:
        values = {"provider": self.package.name, "zone": name_text(self.zone)}
        return ZoneNotFound("dns.error.octodns_zone", **values)

    def _not_made(self, error: Exception) -> ProviderError:
        """The package's object could not be made: a key is malformed, an argument wrong."""
        told = self._translated(error)
        if told.words.id != "dns.error.http_junk":
            return told
        values = {
            "provider": self.package.name,
            "reason": self._reason([error]),
            "variables": ", ".join(variables_of(self.package)),
        }
        return AuthError("dns.error.octodns_settings", **values)

    def _translated(self, error: Exception) -> ProviderError:
        chain, api = list(_chain(error)), self.package.api
        for each in chain:
            # Ours, wrapped by a package that catches everything.
            if isinstance(each, ProviderError):
                return each
        reason = self._reason(chain)
        status = _status(chain)
        if status is None:
            if any("Timeout" in type(each).__name__ for each in chain):
                return http_errors.timed_out(api, _TIMEOUT)
            if any(isinstance(each, OSError) or _is_connection(each) for each in chain):
                return http_errors.unreachable(api, reason)
            status = _named_status(chain)
        if status in (401, 403):
            values = {
                "provider": self.package.name,
                "zone": name_text(self.zone),
                "reason": reason,
                "variables": ", ".join(variables_of(self.package)),
            }
            return AuthError("dns.error.octodns_rights", **values)
        if status == 404:
            return self._no_zone()
        if status == 429:
            return http_errors.too_many(api, reason)
        if status is not None:
            return http_errors.by_status(api, name_text(self.zone), status, reason)
        return http_errors.junk(api, type(error)(reason) if _simple(error) else ValueError(reason))

    def _reason(self, chain: list[BaseException]) -> str:
        """What was said, without credentials."""
        said = str(chain[0]) or type(chain[0]).__name__
        for each in chain:
            body = getattr(getattr(each, "response", None), "text", None)
            if isinstance(body, str) and body.strip():
                said = body.strip()
                break
        return shortened(" ".join(redacted(said).split()), 300)


class _PartDelete(Delete):  # type: ignore[misc]
    """Some values of an RRset go. first: before the new ones come, as they are partly the same."""

    def __init__(self, record: Record, first: bool) -> None:
        super().__init__(record)
        self.first = first


_PartDelete.__name__ = "Delete"  # packages go by it


# Of these two values at a time are worse than none: an alias stands alone (RFC 1034 section
# 3.6.2), and two SPF records are an error (RFC 7208 section 4.5).
_ALONE = frozenset({"CNAME", "TXT"})


def _passed_over(key: RRKey, rows: list[Unread]) -> RRset:
    """A type that the package does not know: it may lead somewhere (URL forwarding, a pool)."""
    return as_it_stands(key, (row.value for row in rows))


def _order(step: Create | Update | Delete) -> int:
    if isinstance(step, _PartDelete) and not step.first and step.record._type not in _ALONE:
        return 2
    return 0 if isinstance(step, Delete) else 1


class _Counted(list[Any]):
    """Steps; `done` counts those that whoever goes through them has left behind."""

    done = 0

    def __iter__(self) -> Iterator[Any]:
        self.done = 0
        for step in super().__iter__():
            yield step
            self.done += 1


class _Text(TxtRecord):  # type: ignore[misc]
    """A TXT whose values, and whose cut form, are exactly what the package is to send."""

    exact: tuple[TxtValue, ...] = ()

    def say(self, quoted: list[str], data: Mapping[str, Any], text: Text) -> None:
        """Set the values: `quoted` in presentation format, `data` with their octets."""
        escape = (lambda said: said.replace(";", "\\;")) if text.sends_escaped else str
        plain = [str(value) for value in data["values"]]
        forms = [each[1:-1] if text.wraps else each for each in quoted] if text.quoted else plain
        # Not by the class's own way: that takes quotes for its own.
        self.values = sorted(TxtValue(escape(each)) for each in forms)
        self.exact = tuple(TxtValue(escape(each)) for each in sorted(quoted))

    @property
    def chunked_values(self) -> list[TxtValue]:
        """In presentation format, strings of at most 255 octets."""
        return list(self.exact)

    @property
    def rr_values(self) -> list[TxtValue]:
        """The same."""
        return list(self.exact)


# -- sessions ------------------------------------------------------------------------------------


class _Limited(requests.adapters.HTTPAdapter):
    """Sends with a time limit where the package gave none; rows of no name are not in answers."""

    def send(self, request: Any, *arguments: Any, **options: Any) -> requests.Response:
        """Send a request."""
        if not arguments:
            options["timeout"] = options.get("timeout") or _TIMEOUT
        answer = super().send(request, *arguments, **options)
        return named_rows(answer) if request.method == "GET" else answer


@contextmanager
def _time_limited() -> Iterator[None]:
    """Sessions that are made meanwhile wait no longer than `_TIMEOUT` for an answer."""
    names = vars(requests.sessions)
    plain, names["HTTPAdapter"] = names["HTTPAdapter"], _Limited
    try:
        yield
    finally:
        names["HTTPAdapter"] = plain


# -- errors --------------------------------------------------------------------------------------

_STATUS_NAMES = (
    (("Unauthorized", "Forbidden", "AuthException", "Authentication", "Authorization"), 401),
    (("InvalidCredential", "InvalidKey", "NotCredential", "NotGranted", "RefreshError"), 401),
    (("NotFound",), 404),
    (("RateLimit", "TooManyRequests", "MaxSleep", "Throttl"), 429),
    (("BadRequest", "BadParameters", "Conflict"), 400),
)


# Words that hcloud's errors have instead of a status.
_CODES = {
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "rate_limit_exceeded": 429,
    "service_error": 503,
    "unavailable": 503,
    "timeout": 504,
}


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or seen.__context__


def _status(chain: Iterable[BaseException]) -> int | None:
    """The HTTP status that an error is about, by its response or a number of its own."""
    for each in chain:
        response = getattr(each, "response", None)
        holders = ((response, "status_code"), (each, "status_code"), (each, "response_code"))
        for holder, name in (*holders, (each, "code")):
            number = getattr(holder, name, None)
            if isinstance(number, int) and 400 <= number < 600:
                return int(number)
        if isinstance(code := getattr(each, "code", None), str) and code:
            return _CODES.get(code, 422)
    return None


def _named_status(chain: Iterable[BaseException]) -> int | None:
    """The same by an error's name, for packages that keep nothing else."""
    for each in chain:
        named = type(each).__name__
        for words, status in _STATUS_NAMES:
            if any(word in named for word in words):
                return status
    return None


def _is_connection(error: BaseException) -> bool:
    words = ("Connection", "Connect", "Transport", "ServiceRequest", "ServiceResponse", "HTTPError")
    named = type(error).__name__
    return any(word in named for word in words) or named == "DesecAPIMaxRetriesExceeded"


def _simple(error: Exception) -> bool:
    """Whether an error of this class is made of one text."""
    return type(error) in (ValueError, KeyError, TypeError, AttributeError, IndexError)


# -- records -------------------------------------------------------------------------------------


def _key(record: Record) -> RRKey:
    return RRKey(owner_name(record.fqdn), record._type)


def _said(record: Record) -> list[Any]:
    """A record's values in octoDNS's own form."""
    if hasattr(record, "values"):
        return [value for value in record.values if value is not None]
    return [] if record.value is None else [record.value]


def _record_at(zone: Zone, key: RRKey) -> Record | None:
    """The record at a key that records have; others have names that are none."""
    name = key.owner.relativize(owner_name(zone.name)).to_text()
    wanted = ("" if name == "@" else name, key.rtype)
    found = (each for each in zone.records if (each.name.lower(), each._type) == wanted)
    return next(found, None)


def _rrset(key: RRKey, record: Record, package: Package, special: set[tuple[str, str]]) -> RRset:
    """A record as an RRset; opaque if it is more than its values, or they cannot be kept."""
    said, text = _said(record), package.text
    read = record.context if isinstance(record.context, AsRead) else AsRead()
    if read.odd:
        return as_it_stands(key, [read.odd])
    more = {name for name in record.octodns if name != "lenient"}
    dynamic = bool(getattr(record, "dynamic", None) or getattr(record, "geo", None))
    words = Words.of("dns.special.dynamic") if dynamic else None
    opaque = dynamic or bool(more) or not said or (record.name, record._type) in special
    try:
        values = frozenset(_value(each, key.rtype, text) for each in said)
    except (ValueError, TypeError, KeyError, AttributeError, dns.exception.DNSException):
        values = frozenset(Other(str(each).encode(), str(each)) for each in said)
        opaque = True
    sent = () if package.by_value else values  # those that are there would be sent again
    kept = all(carried(text, each.data) for each in sent if isinstance(each, TXT))
    handles = _texts(read.texts, text) if text.quoted else ()
    handles = handles if {value for value, _ in handles} == values else ()
    return RRset(key, record.ttl, values, opaque or not kept, handles, special=words)


def _texts(read: Iterable[str], text: Text) -> tuple[tuple[Value, str], ...]:
    """TXT values with the text that each is in presentation format, as it was read."""
    forms = (presentation(each, text.wraps, text.reads_escaped) for each in read)
    try:
        return tuple((value_from_text(each, "TXT"), each) for each in forms if each is not None)
    except dns.exception.DNSException:
        return ()


def _value(said: Any, rtype: str, text: Text) -> Value:
    match rtype:
        case "A" | "AAAA":
            return Address(said)
        case "CNAME" | "PTR":
            return Target(owner_name(said))
        case "TXT":
            return TXT(_octets(str(said), text))
        case "MX":
            return MX(int(said.preference), owner_name(said.exchange))
        case "SRV":
            numbers = (int(said.priority), int(said.weight), int(said.port))
            return SRV(*numbers, owner_name(said.target))
        case "CAA":
            content = str(said.value).removeprefix('"').removesuffix('"')
            return CAA(int(said.flags), str(said.tag).lower(), content.encode())
    # A type of octoDNS's own (ALIAS, URLFWD) is none of the DNS: an exception.
    return value_from_text(said.to_rdata_text() if hasattr(said, "to_rdata_text") else said, rtype)


def _octets(said: str, text: Text) -> bytes:
    """A TXT's octets out of octoDNS's form. Raises DNSException for what is none."""
    if text.reads_escaped:
        said = said.replace("\\;", ";")
    if not text.quoted:
        return said.encode()
    value = value_from_text(_cut(said), "TXT")
    if not isinstance(value, TXT):
        raise ValueError(said)
    return value.data


def _cut(said: str) -> str:
    """What stands between quotes, as quoted strings short enough to be parsed."""
    parts, part = list[str](), ""
    at = 0
    while at < len(said):
        size = 1
        if said[at] == "\\":
            size = 4 if said[at + 1 : at + 4].isdigit() and len(said) >= at + 4 else 2
        if said[at] == '"':
            raise ValueError("a quote inside of a text")
        part += said[at : at + size]
        at += size
        if len(part) > 200:
            parts.append(part)
            part = ""
    return " ".join(f'"{each}"' for each in [*parts, part] if each) or '""'


def _data(value: Value) -> Any:
    """A value as octoDNS's data; a TXT's octets as they are."""
    match value:
        case Address(address=address):
            return address
        case Target(name=name):
            return name.to_text()
        case TXT(data=data):
            return data.decode("latin-1")
        case MX(preference=preference, exchange=exchange):
            return {"preference": preference, "exchange": exchange.to_text()}
        case SRV(priority=priority, weight=weight, port=port, target=target):
            numbers = {"priority": priority, "weight": weight, "port": port}
            return {**numbers, "target": target.to_text()}
        case CAA(flags=flags, tag=tag, value=data):
            return {"flags": flags, "tag": tag, "value": data.decode("ascii")}
    raise ValueError(f"{value} is of a type that is never written")


def _only(record: Record, values: Iterable[Value], text: Text) -> Record:
    """A record as it was read, with some of its values."""
    if not hasattr(record, "values"):
        return record
    wanted, part = frozenset(values), record.copy()
    part.values = [each for each in record.values if _value(each, record._type, text) in wanted]
    return part
