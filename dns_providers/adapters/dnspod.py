"""Tencent Cloud DNSPod (API 3.0) by its official SDK: one call for each record, none tried again.

There are no transactions and no preconditions: all records are read again right before the first
write, unless they were a moment ago, and what stopped halfway is finished by the next run. What
DNSPod answers by the asker's line, by weight or not at all (disabled) is opaque: a conflict, never
changed. An alias at the apex can have an MX and TXT beside it. Error codes are those of the SDK; a
refusal comes as HTTP 200.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

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
    MX,
    TXT,
    Other,
    RRKey,
    RRset,
    Value,
    character_strings,
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
from dns_providers.text import txt_octets, unicode_name, value_from_text, value_text
from ground.shown import keep_secret, shortened
from ground.words import Words, text

if TYPE_CHECKING:
    from tencentcloud.common.exception import TencentCloudSDKException

ENDPOINT = "dnspod.tencentcloudapi.com"
INTERNATIONAL = "dnspod.intl.tencentcloudapi.com"
FREE_TTL = 600  # seconds: the free plan's lowest TTL, which every plan takes
_MAX_TTL = 604800  # seconds
_PAGE = 3000  # records, the most that DescribeRecordList gives
_TIMEOUT = 20.0  # seconds
_SHOWN = 200  # characters of an answer that is none of the API's
_DEFAULT_LINE = "0"  # the id, the same for both endpoints; names differ
_LINE_NAMES = frozenset({"默认", "default"})
_BESIDE_APEX_ALIAS = frozenset({"MX", "TXT"})
# DNSPod refuses double quotes inside a TXT, alters single ones and loses backslashes (dnscontrol's
# audit of the live service), so an octet that needs an escape cannot be said.
_NO_TXT = frozenset(b"\"'\\") | frozenset(range(32)) | frozenset(range(127, 256))


@dataclass(frozen=True, slots=True)
class _Zone:
    """The zone as DNSPod names it."""

    name: str
    id: int
    grade: str
    name_servers: tuple[str, ...]


@dataclass(slots=True)
class DnsPodProvider:
    """A zone at DNSPod. secret_id, secret_key: of a Tencent Cloud API key; the latter never shown.

    endpoint: the API's host, another one for international accounts. protocol: "https". timeout:
    seconds to wait for an answer.
    """

    slug: ClassVar[str] = "dnspod"
    zone: dns.name.Name
    secret_id: str
    secret_key: str = field(repr=False)
    endpoint: str = ENDPOINT
    protocol: str = "https"
    timeout: float = _TIMEOUT
    _client: Any = field(default=None, init=False, repr=False)
    _found: _Zone | None = field(default=None, init=False, repr=False)
    _min_ttl: int | None = field(default=None, init=False, repr=False)
    _shown: Recent[list[dict[str, Any]]] = field(default_factory=Recent, init=False, repr=False)

    def __post_init__(self) -> None:
        """From now on the secret is shown nowhere."""
        keep_secret(self.secret_key)

    @property
    def capabilities(self) -> Capabilities:
        """Single records; the lowest TTL is the plan's, asked for where one is below the usual."""
        return Capabilities(
            "record",
            "reread",
            min_ttl=FREE_TTL,
            max_ttl=_MAX_TTL,
            mx_range=(0, 65535),
            txt_forbidden=_NO_TXT,
            txt_trimmed=True,
            beside_apex_alias=_BESIDE_APEX_ALIAS,
            apex_alias_hides=True,
            ask_min_ttl=self._lowest_ttl,
        )

    def read(self, names: frozenset[dns.name.Name]) -> Snapshot:
        """Read all records. Raises ProviderError."""
        found = self._rrsets(self._shown.read(self._records))
        return snapshot_of(self.zone, names, (*self._apex(), *found))

    def apply(self, changes: Sequence[Change]) -> None:
        """Carry out changes record by record. Raises ProviderError; PartialApply when halfway."""
        shown = self._shown.used_up(self._records)
        there = {each.key: each for each in self._rrsets(shown)}
        rows = {str(row["RecordId"]): row for row in shown if "RecordId" in row}
        refuse_stale(changes, there)
        carry_out(steps(changes, there), partial(self._write, rows))

    def wait_accepted(self, tell: Tell) -> None:
        """Nothing to wait for: a write is carried out when it is answered."""

    def settle(self) -> None:
        """Nothing to do: what is written is served."""

    # -- calls ---------------------------------------------------------------------------------

    def _api(self) -> Any:
        from tencentcloud.common.credential import Credential
        from tencentcloud.common.profile.client_profile import ClientProfile
        from tencentcloud.common.profile.http_profile import HttpProfile
        from tencentcloud.dnspod.v20210323.dnspod_client import DnspodClient

        if self._client is None:
            http = HttpProfile(self.protocol, self.endpoint, reqTimeout=self.timeout)
            # No retryer: a write whose answer is lost must be read, not repeated.
            profile = ClientProfile(httpProfile=http, language="en-US")
            credential = Credential(self.secret_id, self.secret_key)
            self._client = DnspodClient(credential, "", profile)
        return self._client

    def _told(self, action: str, about: str) -> AbstractContextManager[None]:
        """Turns everything that the SDK can raise into our errors."""
        return translated(lambda error: self._translated(error, action, about))

    def _call(self, action: str, about: str = "", **parameters: Any) -> dict[str, Any]:
        """What the API answers. about: what is to be written."""
        from tencentcloud.common.exception import TencentCloudSDKException

        with self._told(action, about):
            answer = self._api().call_json(action, parameters)["Response"]
            # The SDK looks for an error only where the content type is what it expects.
            if error := answer.get("Error"):
                raise TencentCloudSDKException(error["Code"], error["Message"])
            if "RequestId" not in answer:
                raise KeyError("RequestId")  # an answer without comes from somebody else
            return dict(answer)

    def _zone(self) -> _Zone:
        """The zone, looked up once, by its name in A-labels and as people write it."""
        if self._found is None:
            forms = dict.fromkeys((name_text(self.zone), unicode_name(name_text(self.zone))))
            self._found = self._first_found(tuple(forms))
        return self._found

    def _first_found(self, names: Sequence[str]) -> _Zone:
        for name in names[:-1]:
            try:
                return self._described(name)
            except ZoneNotFound as error:
                if error.words.id != "dns.error.dnspod_zone":
                    raise
        return self._described(names[-1])

    def _described(self, name: str) -> _Zone:
        answer = self._call("DescribeDomain", Domain=name)
        with self._told("DescribeDomain", ""):
            info = answer["DomainInfo"]
            if _a_labels(info.get("Punycode") or info["Domain"]) != self.zone:
                raise _no_zone(
                    name_text(self.zone), text("dns.junk.other_zone", zone=info.get("Domain"))
                )
            servers = tuple(map(str, info.get("DnspodNsList") or ()))
            self._check_live(info, servers)
            return _Zone(name, int(info["DomainId"]), str(info["Grade"]), servers)

    def _check_live(self, info: dict[str, Any], servers: Sequence[str]) -> None:
        values = {"zone": name_text(self.zone), "status": str(info["Status"]).lower()}
        if values["status"] != "enable":
            raise ZoneNotFound("dns.error.dnspod_status", **values)
        states = (info.get("DnsStatus"), info.get("DNSStatus"))
        if any(str(state or "").lower() == "dnserror" for state in states):
            values["servers"] = ", ".join(servers)
            raise ZoneNotFound("dns.error.dnspod_pending", **values)

    def _lowest_ttl(self) -> int:
        if self._min_ttl is None:
            self._min_ttl = self._plan_ttl()
        return self._min_ttl

    def _plan_ttl(self) -> int:
        """The lowest TTL of the zone's plan; what every plan takes where that is not said."""
        grade = self._zone().grade.lower()
        try:
            answer = self._call("DescribePackageDetail")
        except AuthError:
            return FREE_TTL  # it is about no zone, so a key for one zone may not ask
        with self._told("DescribePackageDetail", ""):
            plans = answer.get("Info") or ()
            # The two calls write the same plan's name in different case.
            floors = {str(each["DomainGrade"]).lower(): each.get("MinTtl") for each in plans}
            return int(floors.get(grade) or FREE_TTL)

    def _records(self) -> list[dict[str, Any]]:
        """All records as the API shows them: by pages, never by its fuzzy search."""
        found, zone = list[dict[str, Any]](), self._zone()
        with self._told("DescribeRecordList", ""):
            while True:
                rows, total = self._page(zone, len(found))
                found += rows
                if len(found) >= total:
                    return found
                if not rows:
                    raise http_errors.Senseless("dns.junk.count", found=len(found), total=total)

    def _page(self, zone: _Zone, offset: int) -> tuple[list[dict[str, Any]], int]:
        where: dict[str, Any] = {"Domain": zone.name, "DomainId": zone.id, "ErrorOnEmpty": "no"}
        try:
            answer = self._call("DescribeRecordList", **where, Offset=offset, Limit=_PAGE)
        except _NoRecords as error:
            if offset:
                raise http_errors.junk(self.endpoint, error) from None
            return [], 0
        return list(answer["RecordList"] or ()), int(answer["RecordCountInfo"]["TotalCount"])

    def _rrsets(self, rows: Iterable[dict[str, Any]]) -> list[RRset]:
        with self._told("DescribeRecordList", ""):
            return grouped(rows, self._key, _rrset, lambda row: str(row.get("Value")))

    def _key(self, row: dict[str, Any]) -> RRKey:
        return RRKey(_owner(row["Name"], self.zone), row["Type"])

    def _apex(self) -> Iterable[RRset]:
        """SOA and NS of the apex: DNSPod shows no SOA, and NS records not always."""
        servers = self._zone().name_servers
        return kept_apex(self.zone, servers, "freednsadmin.dnspod.com.", FREE_TTL)

    def _translated(self, error: Exception, action: str, about: str) -> Exception:
        import requests
        from tencentcloud.common.exception import TencentCloudSDKException

        if isinstance(error, TencentCloudSDKException):
            if isinstance(error.__context__, requests.Timeout):
                return http_errors.timed_out(self.endpoint, self.timeout)
            return _refusal(error, self.endpoint, name_text(self.zone), action, about)
        if isinstance(error, requests.RequestException):
            return http_errors.unreachable(self.endpoint, str(error))
        junk = (ValueError, KeyError, TypeError, AttributeError, dns.exception.DNSException)
        return http_errors.junk(self.endpoint, error) if isinstance(error, junk) else error

    def _write(self, rows: dict[str, dict[str, Any]], step: Step) -> None:
        """One step as one call. rows: the records by id, as they are now."""
        zone = self._zone()
        where: dict[str, Any] = {"Domain": zone.name, "DomainId": zone.id}
        owner = step.key.owner.relativize(self.zone).to_text()
        head = {**where, "SubDomain": owner, "RecordType": step.key.rtype}
        match step:
            case Create(value=value, ttl=ttl):
                line = "Default" if self.endpoint == INTERNATIONAL else "默认"
                fields = {
                    "RecordLine": line,
                    "RecordLineId": _DEFAULT_LINE,
                    **_said(value, step.key.rtype),
                }
                self._call("CreateRecord", str(step.key), **head, **fields, TTL=ttl)
            case Modify(id=id, old=old, value=value, ttl=ttl):
                fields = _kept(rows[id])
                if value != old:
                    fields |= _said(value, step.key.rtype)
                self._call("ModifyRecord", str(step.key), **head, **fields, TTL=ttl)
            case Delete(id=id):
                self._call("DeleteRecord", str(step.key), **where, RecordId=int(id))


# -- errors ------------------------------------------------------------------------------------

_BAD_KEY = frozenset(
    {
        "InvalidCredential",  # before it asks
        "InvalidParameter.InvalidSecretId",
        "InvalidParameter.InvalidSignature",
        "InvalidParameter.RequestIpLimited",
        "InvalidParameter.TimestampExpired",
    }
)
_NO_RIGHT = frozenset(
    {
        "AuthFailure.UnauthorizedOperation",
        "InvalidParameter.PermissionDenied",
        "OperationDenied.AccessDenied",
        "OperationDenied.DomainOwnerAllowedOnly",
        "OperationDenied.NoPermissionToOperateDomain",
        "OperationDenied.NotGrantedByOwner",
    }
)
_THROTTLED = frozenset(
    {
        "FailedOperation.FrequencyLimit",
        "InvalidParameter.Common",  # "too frequent" too, says errorcodes.py
        "InvalidParameter.OperationIsTooFrequent",
    }
)
_NO_ZONE = frozenset(
    {
        "FailedOperation.DomainOwnedByOtherUser",
        "FailedOperation.NotDomainOwner",
        "InvalidParameter.DomainIdInvalid",
        "InvalidParameter.DomainInvalid",
        "InvalidParameterValue.DomainNotExists",
        "ResourceNotFound.NoDataOfDomain",
    }
)
# Somebody was faster, or our own answer was lost: reading again tells.
_STALE = frozenset({"InvalidParameter.DomainRecordExist", "InvalidParameter.RecordIdInvalid"})
_FAILED = frozenset(
    {
        "FailedOperation.TemporaryError",
        "FailedOperation.UnknowError",
        "InvalidParameter.OperateFailed",
    }
)


class _NoRecords(ProviderError):
    """The zone has no records: what the API calls an error."""


def _refusal(
    error: TencentCloudSDKException, api: str, zone: str, action: str, about: str
) -> ProviderError:
    """Our error for the SDK's. about: what was to be written."""
    code, reason = str(error.code), f"{error.code}: {_text_of(error.message)}"
    kind = code.partition(".")[0]
    if code in _NO_RIGHT or kind == "UnauthorizedOperation":
        values = {"zone": zone, "action": f"dnspod:{action}", "reason": reason}
        return AuthError("dns.error.dnspod_rights", **values)
    if code in _BAD_KEY or kind == "AuthFailure":
        return AuthError("dns.error.dnspod_key", zone=zone, reason=reason)
    if code in _THROTTLED or kind == "RequestLimitExceeded":
        return http_errors.too_many(api, reason)
    if code in _NO_ZONE:
        return _no_zone(zone, reason)
    if code in _STALE:
        keys = about or reason
        return Stale("dns.error.stale", keys=keys)
    if code == "ResourceNotFound.NoDataOfRecord":
        return _NoRecords("dns.error.http_rejected", url=api, zone=zone, reason=reason)
    if code in _FAILED or kind == "InternalError":
        return http_errors.failed(api, 200, reason)
    # The SDK's own codes: no connection, and a status other than 200 (which it does not tell).
    if kind in ("ClientNetworkError", "ServerNetworkError"):
        return http_errors.unreachable(api, reason)
    return http_errors.rejected(api, zone, reason)


def _text_of(message: object) -> str:
    text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
    return shortened(text, _SHOWN)


def _no_zone(zone: str, reason: str) -> ZoneNotFound:
    return ZoneNotFound("dns.error.dnspod_zone", zone=zone, reason=reason)


# -- names -------------------------------------------------------------------------------------


def _a_labels(name: str) -> dns.name.Name:
    return owner_name(".".join(_a_label(label) for label in str(name).split(".")))


def _a_label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return idna.encode(label, uts46=True).decode("ascii")
    except idna.IDNAError:  # somebody else's, and not ours to judge
        return "xn--" + label.encode("punycode").decode("ascii")


def _owner(name: str, zone: dns.name.Name) -> dns.name.Name:
    return zone if name == "@" else _a_labels(f"{name}.{zone.to_text()}".rstrip("."))


# -- records -----------------------------------------------------------------------------------

_WITH_TARGET = frozenset({"CNAME", "MX", "NS", "PTR", "SRV"})


def _rrset(key: RRKey, rows: list[dict[str, Any]]) -> RRset:
    handles = tuple((_value(row), str(row["RecordId"])) for row in rows)
    values = frozenset(value for value, _ in handles)
    strange = any(isinstance(value, Other) for value in values)
    special = next((words for row in rows if (words := _only_dnspod_says(row))), None)
    opaque = strange or special is not None
    ttl = min(int(row["TTL"]) for row in rows)
    return RRset(key, ttl, values, opaque, handles, special=special)


def _only_dnspod_says(row: dict[str, Any]) -> Words | None:
    """That a record is for some askers only, one of several by weight, or switched off."""
    line = row.get("LineId")
    default = (
        str(line) == _DEFAULT_LINE
        if line not in (None, "")
        else str(row.get("Line")).casefold() in _LINE_NAMES
    )
    if str(row["Status"]).upper() != "ENABLE":
        return Words.of("dns.special.paused")
    if not default:
        return Words.of("dns.special.line", line=row.get("Line") or line)
    return Words.of("dns.special.weight") if row.get("Weight") else None


def _value(row: dict[str, Any]) -> Value:
    """A record's value; what is no value of its type (a console's own types) as it stands."""
    content, rtype = str(row["Value"]), str(row["Type"])
    if rtype == "TXT":
        return TXT(txt_octets(content))
    text = f"{content.rstrip('.')}." if rtype in _WITH_TARGET else content
    try:
        return value_from_text(f"{int(row['MX'])} {text}" if rtype == "MX" else text, rtype)
    except (dns.exception.DNSException, ValueError):
        return Other(content.encode(), content)


def _said(value: Value, rtype: str) -> dict[str, Any]:
    """What says a value in a call."""
    match value:
        case MX(preference=preference, exchange=exchange):
            return {"Value": exchange.to_text(), "MX": preference}
        case TXT(data=data):
            return {"Value": _content(data)}
    return {"Value": value_text(value, rtype)}


def _kept(row: dict[str, Any]) -> dict[str, Any]:
    """All of a record that a change of it must repeat, or it is lost."""
    fields = {
        "RecordId": int(row["RecordId"]),
        "RecordLine": row["Line"],
        "RecordLineId": row.get("LineId"),
        "Value": row["Value"],
        "MX": row["MX"] if row["Type"] == "MX" else None,
        "Weight": row.get("Weight"),
        "Status": row["Status"],
        "Remark": row.get("Remark") or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _content(data: bytes) -> str:
    """A TXT as DNSPod gets it.

    One string goes as it stands, as in the console and from every ACME client; several go quoted,
    as dnscontrol sends them. Nothing needs an escape: see `_NO_TXT`.
    """
    strings = [each.decode("ascii", "backslashreplace") for each in character_strings(data)]
    return strings[0] if len(strings) == 1 else " ".join(f'"{each}"' for each in strings)


# -- the provider -----------------------------------------------------------------------------


def _open(zone: str, options: Options, environ: Environ) -> DnsPodProvider:
    key = secret(options, environ, "dnspod_secret_key")
    endpoint = options.get("dnspod_endpoint", ENDPOINT)
    return DnsPodProvider(owner_name(zone), options["dnspod_secret_id"], key, endpoint)


SPEC = ProviderSpec(
    (
        Option("dnspod_secret_id", required=True),
        *secret_options("dnspod_secret_key"),
        Option("dnspod_endpoint", default=ENDPOINT, choices=(ENDPOINT, INTERNATIONAL)),
    ),
    _open,
    one_of=(one_secret("dnspod_secret_key"),),
    policy="policy.dnspod",
)
