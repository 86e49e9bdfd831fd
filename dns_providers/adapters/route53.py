"""Amazon Route 53 by botocore: one change batch for all changes of a stage, whole or not at all.

A batch of DELETE(before) and CREATE(after) is the service's compare-and-set: DELETE must match the
RRset with its TTL and all its values, CREATE fails where there is one (Route 53 API reference,
ChangeResourceRecordSets). UPSERT would overwrite blindly. Names and TXT come back with octal
escapes. What only Route 53 can say (alias, weighted, by place, of a traffic policy) is opaque.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from dns_providers import http_errors
from dns_providers.base import (
    AuthError,
    Capabilities,
    Change,
    ProviderError,
    Snapshot,
    Stale,
    Tell,
    ZoneNotFound,
    snapshot_of,
)
from dns_providers.http_errors import translated
from dns_providers.rows import as_it_stands, grouped
from dns_providers.rrset import (
    TXT,
    Other,
    RRKey,
    RRset,
    Value,
    character_strings,
    name_text,
    owner_name,
    texts_as_seen,
)
from dns_providers.spec import Environ, Option, Options, ProviderSpec, Rights
from dns_providers.text import value_from_text, value_text
from ground.words import Words

if TYPE_CHECKING:
    import botocore.exceptions

_API = "route53.amazonaws.com"
_BATCH_RECORDS, _BATCH_CHARACTERS = 1000, 32000  # in one request, as the service counts
_TIMEOUT = 30.0  # seconds
_POLL, _TELL_EVERY, _LONGEST = 5.0, 15.0, 600.0  # seconds
_NO_RIGHT = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_THROTTLED = frozenset({"Throttling", "ThrottlingException", "PriorRequestNotComplete"})
# Fields of a record that is more than its values, and what the console calls its policy.
_POLICIES = {
    "Weight": "Weighted",
    "Region": "Latency",
    "GeoLocation": "Geolocation",
    "GeoProximityLocation": "Geoproximity",
    "Failover": "Failover",
    "MultiValueAnswer": "Multivalue answer",
    "CidrRoutingConfig": "IP-based",
    "TrafficPolicyInstanceId": "Traffic policy",
    "SetIdentifier": "-",
}
# A record of these members and no others is plain; the service has had new ones every few years.
_PLAIN_MEMBERS = frozenset({"Name", "Type", "TTL", "ResourceRecords"})
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_")
_CHANGE = "route53:ChangeResourceRecordSets"
LiveServers = Callable[[dns.name.Name], frozenset[str]]


def live_servers(zone: dns.name.Name) -> frozenset[str]:
    """Return the name servers that a zone is served by now; empty where DNS does not say."""
    try:
        answer = dns.resolver.resolve(zone, "NS")
    except dns.exception.DNSException:
        return frozenset()
    return frozenset(rdata.target.to_text(omit_final_dot=True).lower() for rdata in answer)


@dataclass(slots=True)
class Route53Provider:
    """A public hosted zone. Credentials come the way of every AWS tool (environment, profile).

    zone_id: found by name if None. live: tells which name servers serve a zone, for several hosted
    zones of one name. endpoint: where the API is, None for AWS. timeout: seconds to wait for an
    answer. tries: of one request, when the service is busy or fails. sleep, clock: the time.
    """

    slug: ClassVar[str] = "route53"
    zone: dns.name.Name
    zone_id: str | None = None
    profile: str | None = None
    live: LiveServers = live_servers
    endpoint: str | None = None
    timeout: float = _TIMEOUT
    tries: int = 9
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _client: Any = field(default=None, init=False, repr=False)
    _accepted: list[str] = field(default_factory=list, init=False, repr=False)

    @property
    def capabilities(self) -> Capabilities:
        """A batch is whole or nothing, with its own preconditions; a TXT of 4,000 characters."""
        return Capabilities("zone", "native", min_ttl=0, max_txt=3800)

    def read(self, names: frozenset[dns.name.Name]) -> Snapshot:
        """Read the hosted zone, all pages. Raises ProviderError."""
        return snapshot_of(self.zone, names, self._rrsets())

    def apply(self, changes: Sequence[Change]) -> None:
        """Carry out all changes in one batch, or none of them. Raises ProviderError."""
        zone_id, self._accepted = self._zone_id(), []
        for part in _parts(changes):
            batch = {"Changes": [step for change in part for step in _steps(change)]}
            keys = ", ".join(str(change.key) for change in part)
            try:
                with self._told(keys):
                    made = self._api().change_resource_record_sets(
                        HostedZoneId=zone_id, ChangeBatch=batch
                    )
                    self._accepted.append(made["ChangeInfo"]["Id"])
            except Stale:
                # Sent again when an answer was late, a batch finds what it wrote itself.
                if not self._carried_out(part):
                    raise

    def wait_accepted(self, tell: Tell) -> None:
        """Wait until all of Route 53's servers have what was accepted, ten minutes at most.

        What is not known to be there then is told and no error: it is accepted, and whether it is
        served is seen by the wait for the authoritative servers.
        """
        zone, began = name_text(self.zone), self.clock()
        told = began
        try:
            while self._pending():
                now = self.clock()
                seconds = f"{now - began:.0f}"
                if now - began >= _LONGEST:
                    tell(Words.of("dns.note.route53_still_pending", zone=zone, seconds=seconds))
                    return
                if now - told >= _TELL_EVERY:
                    tell(Words.of("dns.note.route53_pending", zone=zone, seconds=seconds))
                    told = now
                self.sleep(_POLL)
        except ProviderError as error:
            tell(Words.of("dns.note.route53_unknown", zone=zone, reason=error))

    def settle(self) -> None:
        """Nothing to do: the wait for the authoritative servers sees when all serve it."""

    # -- calls ---------------------------------------------------------------------------------

    def _carried_out(self, part: Sequence[Change]) -> bool:
        there = self.read(frozenset(change.key.owner for change in part))
        return all(there.get(change.key) == change.after for change in part)

    def _api(self) -> Any:
        import botocore.session
        from botocore.config import Config

        if self._client is None:
            session = botocore.session.Session(profile=self.profile)
            session.register_component("data_loader", _descriptions())
            config = Config(
                connect_timeout=min(self.timeout, 10.0),
                read_timeout=self.timeout,
                retries={"mode": "adaptive", "total_max_attempts": self.tries},
            )
            self._client = session.create_client(
                "route53", region_name="us-east-1", endpoint_url=self.endpoint, config=config
            )
        return self._client

    def _pending(self) -> bool:
        """Whether a batch that was accepted is not carried out on all servers yet."""
        while self._accepted:
            with self._told():
                info = self._api().get_change(Id=self._accepted[0])["ChangeInfo"]
                if info["Status"] != "INSYNC":
                    return True
            self._accepted.pop(0)
        return False

    def _told(self, keys: str = "") -> AbstractContextManager[None]:
        """Turns everything that botocore can raise into our errors."""
        zone = name_text(self.zone)
        return translated(lambda error: _translated(error, zone, keys, self.timeout))

    def _zone_id(self) -> str:
        """The hosted zone's id, looked up once."""
        if self.zone_id is None:
            with self._told():
                self.zone_id = self._chosen(self._same_name())
        return self.zone_id

    def _same_name(self) -> list[str]:
        """Ids of the public hosted zones of this name."""
        name = self.zone.to_text()
        shown = self._api().list_hosted_zones_by_name(DNSName=name)["HostedZones"]
        return [
            each["Id"].removeprefix("/hostedzone/")
            for each in shown
            if _owner(each["Name"]) == self.zone and not each.get("Config", {}).get("PrivateZone")
        ]

    def _chosen(self, ids: list[str]) -> str:
        values = {"zone": name_text(self.zone), "count": str(len(ids))}
        if not ids:
            raise ZoneNotFound("dns.error.route53_zone", **values)
        if len(ids) == 1:
            return ids[0]
        live = self.live(self.zone)
        served = [each for each in ids if live and self._servers(each) == live]
        if len(served) != 1:
            raise ZoneNotFound("dns.error.route53_several", **values)
        return served[0]

    def _servers(self, zone_id: str) -> frozenset[str]:
        found = self._api().get_hosted_zone(Id=zone_id).get("DelegationSet", {})
        return frozenset(each.rstrip(".").lower() for each in found.get("NameServers", ()))

    def _rrsets(self) -> Iterable[RRset]:
        zone_id, rows = self._zone_id(), list[dict[str, Any]]()
        with self._told():
            pages = self._api().get_paginator("list_resource_record_sets")
            for page in pages.paginate(HostedZoneId=zone_id):
                rows += page["ResourceRecordSets"]
            return grouped(rows, _key, _rrset, _shown)


@functools.cache
def _descriptions() -> Any:
    """The files that describe AWS's services, read once: each session would read its own."""
    import botocore.loaders

    return botocore.loaders.create_loader()


# -- errors ------------------------------------------------------------------------------------


def _translated(error: Exception, zone: str, keys: str, timeout: float) -> Exception:
    """Our error for what botocore raised. keys: what was to be written. timeout: seconds waited."""
    import botocore.exceptions
    import botocore.parsers

    if isinstance(error, botocore.exceptions.ClientError):
        return _refusal(error, zone, keys)
    unsigned = (
        botocore.exceptions.NoCredentialsError,
        botocore.exceptions.PartialCredentialsError,
        botocore.exceptions.ProfileNotFound,
    )
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, unsigned):
        return AuthError("dns.error.route53_credentials", reason=reason)
    slow = (botocore.exceptions.ReadTimeoutError, botocore.exceptions.ConnectTimeoutError)
    if isinstance(error, slow):
        return http_errors.timed_out(_API, timeout)
    if isinstance(error, botocore.parsers.ResponseParserError):
        return http_errors.junk(_API, error)
    if isinstance(error, botocore.exceptions.BotoCoreError):
        return http_errors.unreachable(_API, reason)
    if isinstance(error, (ValueError, KeyError, TypeError, dns.exception.DNSException)):
        return http_errors.junk(_API, error)
    return error


def _refusal(error: botocore.exceptions.ClientError, zone: str, keys: str) -> ProviderError:
    said, status = error.response.get("Error", {}), _status(error)
    code = str(said.get("Code", ""))
    values = {"zone": zone, "reason": f"{code}: {said.get('Message', '')}"}
    if code in _THROTTLED or status == 429:
        return http_errors.too_many(_API, values["reason"])
    if code in _NO_RIGHT or status in (401, 403):
        return AuthError("dns.error.route53_rights", **values)
    if code == "NoSuchHostedZone":
        return ZoneNotFound("dns.error.route53_zone", **values)
    if code == "InvalidChangeBatch" and _STALE.search(values["reason"]):
        return Stale("dns.error.stale", keys=keys)
    return http_errors.by_status(_API, zone, status, values["reason"])


# The service's words for a DELETE that does not match and a CREATE of what is there.
_STALE = re.compile(r"not found|already exists|do not match|does not match", re.IGNORECASE)


def _status(error: botocore.exceptions.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))


# -- records -----------------------------------------------------------------------------------


def _owner(text: str) -> dns.name.Name:
    """A name as Route 53 shows it: absolute, octets other than letters as `\\\\ooo` octal."""
    return owner_name(re.sub(r"\\([0-7]{3})", lambda found: f"\\{int(found[1], 8):03d}", text))


def _key(row: dict[str, Any]) -> RRKey:
    return RRKey(_owner(row["Name"]), row["Type"])


def _shown(row: dict[str, Any]) -> str:
    """What stands in an RRset, be it plain or not."""
    if target := row.get("AliasTarget"):
        return str(target.get("DNSName"))
    contents = [str(each.get("Value")) for each in row.get("ResourceRecords", ())]
    return " ".join([str(row.get("SetIdentifier") or ""), *contents]).strip()


def _rrset(key: RRKey, rows: list[dict[str, Any]]) -> RRset:
    """The RRset of all rows of a key: of those that are weighted and the like there are several."""
    if len(rows) > 1 or set(rows[0]) - _PLAIN_MEMBERS:
        special = next((words for row in rows if (words := _special(row))), None)
        return replace(as_it_stands(key, map(_shown, rows)), special=special)
    (row,) = rows
    contents = [str(each["Value"]) for each in row["ResourceRecords"]]
    handles = tuple((_value(text, key.rtype), text) for text in contents)
    return RRset(key, int(row["TTL"]), frozenset(value for value, _ in handles), handles=handles)


def _special(row: dict[str, Any]) -> Words | None:
    """What only Route 53 can say of a record; None for a plain one."""
    if policy := next((name for field, name in _POLICIES.items() if field in row), None):
        return Words.of("dns.special.route53_policy", policy=policy)
    if "AliasTarget" in row:
        target = str(row["AliasTarget"].get("DNSName", "")).rstrip(".")
        return Words.of("dns.special.route53_alias", target=target)
    return None


_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"')
_OCTAL = re.compile(r"\\[0-9]{3}")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)


def _value(text: str, rtype: str) -> Value:
    if rtype == "TXT":
        strings = (found[1].encode() for found in _TOKEN.finditer(text))
        return TXT(b"".join(_ESCAPE.sub(_unescaped, each) for each in strings))
    try:
        dns.rdatatype.from_text(rtype)
    except dns.rdatatype.UnknownRdatatype:
        return Other(text.encode(), text)
    if _OCTAL.search(text):
        raise ValueError(text)  # three digits say another octet in presentation format
    return value_from_text(text, rtype)


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 8)]) if len(found[1]) == 3 else found[1]


def _text(value: Value, rtype: str) -> str:
    """A value as Route 53 wants it."""
    if isinstance(value, TXT):
        return " ".join(f'"{_escaped(each)}"' for each in character_strings(value.data))
    return value_text(value, rtype)


def _escaped(octets: bytes) -> str:
    plain = {ord('"'): '\\"', ord("\\"): "\\\\"}
    shown = (
        plain.get(octet) or (chr(octet) if 32 <= octet < 127 else f"\\{octet:03o}")
        for octet in octets
    )
    return "".join(shown)


def _steps(change: Change) -> list[dict[str, Any]]:
    """DELETE what was seen, as it was seen, and CREATE what shall be, with what stays as it was."""
    steps = []
    for action, rrset in (("DELETE", change.before), ("CREATE", change.after)):
        if rrset is not None:
            texts = sorted(texts_as_seen(rrset, change.before, _text))
            body = {
                "Name": rrset.key.owner.to_text(),
                "Type": rrset.key.rtype,
                "TTL": rrset.ttl,
                "ResourceRecords": [{"Value": text} for text in texts],
            }
            steps.append({"Action": action, "ResourceRecordSet": body})
    return steps


def _parts(changes: Sequence[Change]) -> Iterable[list[Change]]:
    """Changes in as few batches as the service's limits allow; what is one change stays whole."""
    part, records, characters = list[Change](), 0, 0
    for change in changes:
        values = [
            record["Value"]
            for step in _steps(change)
            for record in step["ResourceRecordSet"]["ResourceRecords"]
        ]
        size = sum(map(len, values))
        full = records + len(values) > _BATCH_RECORDS or characters + size > _BATCH_CHARACTERS
        if part and full:
            yield part
            part, records, characters = [], 0, 0
        part.append(change)
        records, characters = records + len(values), characters + size
    if part:
        yield part


# -- the provider -----------------------------------------------------------------------------


def _open(zone: str, options: Options, environ: Environ) -> Route53Provider:
    # Credentials come the way of every AWS tool: environment, or a profile's file.
    zone_id, profile = options.get("route53_zone_id"), options.get("route53_profile")
    return Route53Provider(owner_name(zone), zone_id, profile)


def policy(rights: Rights) -> dict[str, Any]:
    """Return an IAM policy that can read a zone, and change nothing but records of ours.

    Names in a policy are "normalized": lower case, no final dot, octets other than letters,
    digits, `-` and `_` as three octal digits (Route 53 developer guide, "Using IAM policy
    conditions for fine-grained access control"). Without `route53_zone_id` it allows these records
    in every zone of the account. Raises dns.exception.DNSException for what is no name.
    """
    zone = f"arn:aws:route53:::hostedzone/{rights.options.get('route53_zone_id') or '*'}"
    statements = [
        _allow("FindTheZone", ("ListHostedZones", "ListHostedZonesByName"), "*"),
        _allow("ReadTheZone", ("GetHostedZone", "ListResourceRecordSets"), zone),
    ]
    if not rights.read_only:
        write = _allow("WriteOurRecords", ("ChangeResourceRecordSets",), zone)
        owners = [_normalized(owner_name(name)) for name in rights.names]
        patterns = [f"*.{_normalized(owner_name(name))}" for name in rights.below]
        write["Condition"] = {
            # A "*" stands for any text here; that of a wildcard record is written \\052.
            "ForAllValues:StringLike": {
                f"{_CHANGE}NormalizedRecordNames": sorted({*owners, *patterns})
            },
            "ForAllValues:StringEquals": {
                f"{_CHANGE}RecordTypes": sorted({rtype.upper() for rtype in rights.rtypes}),
                f"{_CHANGE}Actions": ["CREATE", "DELETE"],
            },
        }
        done = _allow("SeeWhenItIsDone", ("GetChange",), "arn:aws:route53:::change/*")
        statements += [write, done]
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(sid: str, actions: Iterable[str], resource: str) -> dict[str, Any]:
    names = [f"route53:{action}" for action in actions]
    return {"Sid": sid, "Effect": "Allow", "Action": names, "Resource": resource}


def _normalized(name: dns.name.Name) -> str:
    labels = name.relativize(dns.name.root).labels
    return ".".join(
        "".join(chr(octet) if octet in _PLAIN else f"\\{octet:03o}" for octet in label)
        for label in labels
    )


SPEC = ProviderSpec((Option("route53_zone_id"), Option("route53_profile")), _open, policy=policy)
