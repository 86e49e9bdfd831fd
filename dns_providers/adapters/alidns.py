"""Alibaba Cloud DNS (AliDNS) by its official SDK: single records, read whole, written by their id.

Searches of the API match parts of names (DescribeDomainRecords, RRKeyWord), so all pages are read
and names are compared here. There are no transactions and no preconditions: the records are read
again right before the first write, unless they were a moment ago, and what stops halfway is
finished by the next run. What only AliDNS can say (answers for some networks only, weighted, paused
or locked) is opaque: a conflict, never changed. An alias at the apex can have an MX and TXT beside
it (help.aliyun.com, "DNS record conflict rules").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import dns.exception
import dns.name
import idna

from dns_providers import http_errors
from dns_providers.base import (
    AuthError,
    Capabilities,
    Change,
    ProviderError,
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
from dns_providers.record_steps import Create, Delete, Modify, Step, carry_out, steps
from dns_providers.rows import grouped
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
    Rights,
    one_secret,
    secret,
    secret_options,
)
from dns_providers.text import unicode_name, value_from_text
from ground.shown import keep_secret, shortened
from ground.words import Words, text

ENDPOINT = "alidns.aliyuncs.com"
_PAGE = 500  # records, the API's most
_READS = ("DescribeDomainInfo", "DescribeDomainRecords")
_WRITES = ("AddDomainRecord", "UpdateDomainRecord", "DeleteDomainRecord")
_LINE = "default"  # the answer for everybody whom no other line is for
# Seconds that a TTL has to have at least, by edition, where DescribeDomainInfo does not say.
_MIN_TTL = {"version_enterprise_advanced": 1}
_FREE_TTL = 600
_MAX_TTL = 86400
# Octets of a TXT: "shorter than 512" (DNS record types); quotes are stripped and backslashes
# mishandled (seen by DNSControl, providers/alidns/auditrecords.go); only ASCII is sure.
_MAX_TXT = 511
_FORBIDDEN = frozenset({*range(32), ord('"'), ord("\\"), *range(127, 256)})
_MX_RANGE = (1, 50)
_BESIDE_APEX_ALIAS = frozenset({"MX", "TXT"})
# Codes of the API's documentation; in tuples, how they begin.
_BAD_KEY = (
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidAccessKeySecret",
    "InvalidSecurityToken",
    "InvalidTimeStamp",
    "SignatureDoesNotMatch",
)
_NO_RIGHT = frozenset({"Forbidden", "Forbidden.AuthType", "Forbidden.RAM", "NoPermission"})
_THROTTLED = ("Throttling", "Fobidden.TooOfen", "FlowControl")  # spelt as the API spells it
_NO_ZONE = ("IncorrectDomainUser", "InvalidDomainName")
_OVERTAKEN = frozenset({"DomainRecordDuplicate", "DomainRecordNotBelongToUser"})
_FAILED = frozenset({"InternalError", "ServiceUnavailable", "UnKnownError"})


@dataclass(frozen=True, slots=True)
class _Zone:
    name: str  # as the API calls it
    name_servers: tuple[str, ...]
    min_ttl: int


@dataclass(slots=True)
class AliDnsProvider:
    """A zone at Alibaba Cloud DNS.

    key_id, key_secret: an access key; the secret is never shown. endpoint: host of the API, by
    default the one of mainland accounts. timeout: seconds to wait for an answer. protocol: HTTPS
    but in tests.
    """

    slug: ClassVar[str] = "alidns"
    zone: dns.name.Name
    key_id: str
    key_secret: str = field(repr=False)
    endpoint: str = ENDPOINT
    timeout: float = 20.0
    protocol: str = "HTTPS"
    _client: Any = field(default=None, init=False, repr=False)
    _found: _Zone | None = field(default=None, init=False, repr=False)
    _shown: Recent[dict[RRKey, RRset]] = field(default_factory=Recent, init=False, repr=False)

    def __post_init__(self) -> None:
        """From now on the secret is shown nowhere."""
        keep_secret(self.key_secret)

    @property
    def capabilities(self) -> Capabilities:
        """One record a call; the shortest TTL is the edition's. Raises ProviderError."""
        return Capabilities(
            "record",
            "reread",
            min_ttl=self._zone().min_ttl,
            max_ttl=_MAX_TTL,
            max_txt=_MAX_TXT,
            mx_range=_MX_RANGE,
            txt_forbidden=_FORBIDDEN,
            txt_trimmed=True,
            beside_apex_alias=_BESIDE_APEX_ALIAS,
            apex_alias_hides=True,
        )

    def read(self, names: frozenset[dns.name.Name]) -> Snapshot:
        """Read all records. Raises ProviderError."""
        found = self._shown.read(self._rrsets)
        apex = (each for each in self._apex() if each.key not in found)
        return snapshot_of(self.zone, names, (*found.values(), *apex))

    def apply(self, changes: Sequence[Change]) -> None:
        """Carry out changes record by record. Raises ProviderError, PartialApply among them."""
        there = self._shown.used_up(self._rrsets)
        refuse_stale(changes, there)
        carry_out(steps(changes, there), self._write)

    def wait_accepted(self, tell: Tell) -> None:
        """Nothing to wait for: a write is carried out when it is answered."""

    def settle(self) -> None:
        """Nothing to do: the wait for the authoritative servers sees when all serve it."""

    # -- calls ---------------------------------------------------------------------------------

    def _api(self) -> Any:
        from alibabacloud_alidns20150109.client import Client
        from alibabacloud_tea_openapi.utils_models import Config

        if self._client is None:
            self._client = Client(
                Config(
                    access_key_id=self.key_id,
                    access_key_secret=self.key_secret,
                    endpoint=self.endpoint,
                    protocol=self.protocol,
                )
            )
        return self._client

    def _told(self, action: str) -> AbstractContextManager[None]:
        """Turns everything that the SDK can raise into our errors."""
        return translated(lambda error: self._translated(error, action))

    def _call(self, action: str, **fields: Any) -> Any:
        """Call the API once; the SDK must not repeat what may have been carried out."""
        from alibabacloud_alidns20150109 import models
        from darabonba.runtime import RuntimeOptions

        milliseconds = int(self.timeout * 1000)
        runtime = RuntimeOptions(
            autoretry=False, connect_timeout=milliseconds, read_timeout=milliseconds
        )
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower() + "_with_options"
        with self._told(action):
            request = getattr(models, f"{action}Request")(lang="en", **fields)
            return getattr(self._api(), method)(request, runtime).body

    def _zone(self) -> _Zone:
        """The zone, looked up once."""
        if self._found is None:
            self._found = self._looked_up()
        return self._found

    def _looked_up(self) -> _Zone:
        """Ask for the zone by its A-labels, then as people write it: it may be kept as either."""
        a_labels = name_text(self.zone)
        try:
            return self._described(a_labels)
        except ZoneNotFound:
            shown = unicode_name(a_labels)
            if shown == a_labels:
                raise
            return self._described(shown)

    def _described(self, name: str) -> _Zone:
        action = "DescribeDomainInfo"
        # Text, as the SDK would write a Boolean as Python does.
        info = self._call(action, domain_name=name, need_detail_attributes="true")
        with self._told(action):
            if _a_labels(info.puny_code or info.domain_name) != self.zone:
                raise self._no_zone(text("dns.junk.other_zone", zone=info.domain_name))
            floor = int(info.min_ttl or _MIN_TTL.get(info.version_code, _FREE_TTL))
            return _Zone(info.domain_name, tuple(info.dns_servers.dns_server), floor)

    def _rows(self) -> list[Any]:
        """All records as the API shows them."""
        action, zone = "DescribeDomainRecords", self._zone().name
        found, page = dict[str, Any](), 1
        while True:
            known = len(found)
            shown = self._call(action, domain_name=zone, page_number=page, page_size=_PAGE)
            with self._told(action):
                rows = enumerate(shown.domain_records.record)
                found |= {row.record_id or f"{page}/{number}": row for number, row in rows}
                total = int(shown.total_count)
                if len(found) >= total:
                    return list(found.values())
                if len(found) == known:
                    raise http_errors.Senseless("dns.junk.count", found=known, total=total)
            page += 1

    def _rrsets(self) -> dict[RRKey, RRset]:
        rows = self._rows()
        with self._told("DescribeDomainRecords"):
            found = grouped(rows, self._key, _rrset, lambda row: str(row.value))
            return {each.key: each for each in found}

    def _apex(self) -> Iterable[RRset]:
        """SOA and NS of the apex, which AliDNS keeps to itself."""
        servers = tuple(f"{each.rstrip('.')}." for each in self._zone().name_servers)
        return kept_apex(self.zone, servers, "hostmaster.hichina.com.", _FREE_TTL)

    # -- records -------------------------------------------------------------------------------

    def _key(self, row: Any) -> RRKey:
        return RRKey(self._owner(row.rr), row.type)

    def _owner(self, rr: str) -> dns.name.Name:
        """The owner name of a host record ("@" for the apex)."""
        if rr == "@":
            return self.zone
        return owner_name(f"{_ascii(rr)}.{self.zone.to_text()}")

    def _rr(self, owner: dns.name.Name) -> str:
        return owner.relativize(self.zone).to_text()

    def _write(self, step: Step) -> None:
        match step:
            case Create(key=key, value=value, ttl=ttl):
                fields = self._fields(key, value, ttl)
                self._call("AddDomainRecord", domain_name=self._zone().name, **fields)
            case Modify(key=key, id=id, value=value, ttl=ttl):
                self._call("UpdateDomainRecord", record_id=id, **self._fields(key, value, ttl))
            case Delete(id=id):
                self._call("DeleteDomainRecord", record_id=id)

    def _fields(self, key: RRKey, value: Value, ttl: int) -> dict[str, Any]:
        """What says a record; an update wants all of it, too."""
        priority = {"priority": value.preference} if isinstance(value, MX) else {}
        said = {"rr": self._rr(key.owner), "type": key.rtype, "value": _text(value)}
        return {**said, "ttl": ttl, "line": _LINE, **priority}

    # -- errors --------------------------------------------------------------------------------

    def _translated(self, error: Exception, action: str) -> Exception:
        from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
        from darabonba.exceptions import RetryError, UnretryableException

        if isinstance(error, AlibabaCloudException):
            return self._refusal(error, action)
        cause = error
        if isinstance(error, UnretryableException):
            cause = error.inner_exception
        if isinstance(cause, RetryError):
            return self._no_answer(str(cause))
        if isinstance(cause, RuntimeError):
            # The SDK's own, for what is no JSON; its text is the whole answer.
            return http_errors.junk(self.endpoint, http_errors.Senseless("dns.junk.json"))
        junk = (ValueError, KeyError, TypeError, AttributeError, dns.exception.DNSException)
        return http_errors.junk(self.endpoint, cause) if isinstance(cause, junk) else error

    def _no_answer(self, said: str) -> ProviderError:
        """The SDK keeps only the text of what went wrong on the way."""
        if "timed out" in said:
            return http_errors.timed_out(self.endpoint, self.timeout)
        # The address of a request holds all that was to be written.
        return http_errors.unreachable(self.endpoint, re.sub(r" with url: \S+", "", said))

    def _refusal(self, error: Any, action: str) -> ProviderError:
        code, status = str(error.code), int(error.status_code or 400)
        said = re.sub(r"^code: \d+, ", "", shortened(error.message, 300))
        reason, zone = f"{code}: {said}", name_text(self.zone)
        values = {"zone": zone, "reason": reason, "action": f"alidns:{action}"}
        if code.startswith(_THROTTLED) or status == 429:
            return http_errors.too_many(self.endpoint, reason)
        if code.startswith(_BAD_KEY) or status == 401:
            return AuthError("dns.error.alidns_key", reason=reason)
        if code in _NO_RIGHT or status == 403:
            return AuthError("dns.error.alidns_rights", **values)
        if code.startswith(_NO_ZONE):
            return self._no_zone(reason)
        if code in _OVERTAKEN:
            # Somebody was faster, or our own answer was lost: reading again tells.
            return Stale("dns.error.stale", keys=f"{zone} ({reason})")
        if code in _FAILED:
            return http_errors.failed(self.endpoint, status, reason)
        return http_errors.by_status(self.endpoint, zone, status, reason)

    def _no_zone(self, reason: str) -> ZoneNotFound:
        zone = name_text(self.zone)
        return ZoneNotFound("dns.error.alidns_zone", zone=zone, reason=reason)


def _ascii(name: str) -> str:
    """A name in A-labels; labels that are ASCII ("_dmarc", "*") stay as they are."""
    if name.isascii():
        return name
    labels = (each if each.isascii() else _label(each) for each in name.split("."))
    return ".".join(labels)


def _label(label: str) -> str:
    try:
        return idna.alabel(idna.uts46_remap(label)).decode("ascii")
    except idna.IDNAError:
        # No host name; it has to be told from others, no more.
        return f"xn--{label.lower().encode('punycode').decode('ascii')}"


def _a_labels(name: str) -> dns.name.Name:
    return owner_name(_ascii(name))


def _rrset(key: RRKey, rows: list[Any]) -> RRset:
    """The RRset of all rows of a key; one row that is special makes all of it special."""
    handles = tuple((_value(row), _id(row)) for row in rows)
    values = frozenset(value for value, _ in handles)
    special = next((words for row in rows if (words := _special(row))), None)
    opaque = special is not None or any(isinstance(v, Other) for v in values)
    ttl = min(int(row.ttl) for row in rows)
    return RRset(key, ttl, values, opaque, handles, special=special)


def _id(row: Any) -> str:
    if not row.record_id:
        raise ValueError("a record without an id")
    return str(row.record_id)


def _special(row: Any) -> Words | None:
    """What a row says that a plain record cannot: for some, weighted, paused, locked."""
    if row.locked:
        return Words.of("dns.special.locked")
    if str(row.status).lower() != "enable":
        return Words.of("dns.special.paused")
    if row.line != _LINE:
        return Words.of("dns.special.line", line=row.line)
    weighted = bool(row.lba_status) or row.weight not in (None, 1)
    return Words.of("dns.special.weight") if weighted else None


def _value(row: Any) -> Value:
    text = str(row.value)
    try:
        return _parsed(row, text)
    except (ValueError, dns.exception.DNSException):
        # Of a type that only AliDNS has (URL forwarding), or not in a form that we know.
        return Other(text.encode(), text)


def _parsed(row: Any, text: str) -> Value:
    match row.type:
        case "A" | "AAAA":
            return Address(text)
        case "CNAME" | "PTR":
            return Target(_a_labels(text))
        case "MX":
            return MX(int(row.priority), _a_labels(text))
        case "TXT":
            return TXT(text.encode())
        case "SRV":
            priority, weight, port, target = text.split()
            return SRV(int(priority), int(weight), int(port), _a_labels(target))
        case "NS":
            return value_from_text(_a_labels(text).to_text(), "NS")
    return value_from_text(text, row.type)


def _text(value: Value) -> str:
    """A value as the API wants it: TXT without quotes, an MX without its preference."""
    match value:
        case Address(address=address):
            return address
        case Target(name=name) | MX(exchange=name):
            return host_text(name)
        case TXT(data=data):
            return data.decode()
        case SRV(priority=priority, weight=weight, port=port, target=target):
            return f"{priority} {weight} {port} {host_text(target)}"
        case CAA(flags=flags, tag=tag, value=data):
            return f'{flags} {tag} "{data.decode("ascii")}"'
    return str(value)


# -- the provider -----------------------------------------------------------------------------


def _open(zone: str, options: Options, environ: Environ) -> AliDnsProvider:
    key_secret = secret(options, environ, "alidns_key_secret")
    endpoint = options.get("alidns_endpoint", ENDPOINT)
    return AliDnsProvider(owner_name(zone), options["alidns_key_id"], key_secret, endpoint)


def policy(rights: Rights) -> dict[str, Any]:
    """Return a RAM policy that can read and write the records of one zone.

    RAM knows zones, but neither names nor types of records (API reference of Alibaba Cloud DNS,
    "RAM authorization" of each action). A zone that AliDNS may keep in Unicode is named in both
    forms. Raises dns.exception.DNSException for what is no name.
    """
    a_labels = name_text(owner_name(rights.zone))
    names = sorted({a_labels, unicode_name(a_labels)})
    actions = _READS if rights.read_only else (*_READS, *_WRITES)
    statement = {
        "Effect": "Allow",
        "Action": [f"alidns:{action}" for action in actions],
        "Resource": [f"acs:alidns:*:*:domain/{name}" for name in names],
    }
    return {"Version": "1", "Statement": [statement]}


SPEC = ProviderSpec(
    (
        Option("alidns_key_id", required=True),
        *secret_options("alidns_key_secret"),
        Option("alidns_endpoint", default=ENDPOINT),
    ),
    _open,
    one_of=(one_secret("alidns_key_secret"),),
    policy=policy,
)
