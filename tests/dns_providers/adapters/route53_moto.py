"""Route 53 for tests: moto's server on loopback, behind a validator that is as strict as AWS.

moto speaks the wire format, but takes what AWS refuses: unquoted and over-long TXT, addresses and
MX that are none, a CNAME beside other records, duplicates, CREATE of what is there and DELETE of
what is not, halves of batches, batches of any size; it is in sync at once, and shows names as they
were sent. The front here refuses, lower-cases and escapes as the API reference of
ChangeResourceRecordSets and the developer guide ("DNS domain name format", "Quotas") say, and moto
stores what passed.
"""

from __future__ import annotations

import functools
import io
import itertools
import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

import botocore.session
import dns.exception
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.route53.models import route53_backends
from werkzeug.serving import WSGIRequestHandler, make_server

from dns_providers.rrset import owner_name
from dns_providers.text import value_from_text
from tests.listening import listening

ACCESS_KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"
_NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
_N = f"{{{_NAMESPACE}}}"
_SOA_SERVER = "ns-1.awsdns-01.com."
_LAST_PAGE = b"<IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>"
_SPECIAL = ("SetIdentifier", "Weight", "Region", "Failover", "GeoLocation", "AliasTarget")
_WSGI: TypeAlias = Callable[[dict[str, Any], Any], Iterable[bytes]]
Key: TypeAlias = tuple[str, str, str]  # name, type, set identifier


@dataclass(frozen=True)
class Set:
    """What identifies an RRset, and what DELETE must say of it."""

    name: str
    rtype: str
    identifier: str
    ttl: str
    values: tuple[str, ...]
    special: bool

    @property
    def key(self) -> Key:
        """What there can be only one of."""
        return self.name, self.rtype, self.identifier


class Refused(Exception):
    """An error of the API: HTTP status, code and message."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass
class StrictRoute53:
    """The front of moto. polls: how often a change is PENDING before it is INSYNC."""

    behind: _WSGI
    polls: int = 0
    seen: list[str] = field(default_factory=list)
    policies: dict[str, str] = field(default_factory=dict)  # name -> what moto does not know
    zone_of: dict[str, str] = field(default_factory=dict)  # id -> name
    _ids: Iterator[int] = field(default_factory=itertools.count)
    _pending: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        with self._lock:
            try:
                status, answer = self._answer(environ, body)
            except Refused as refused:
                status, answer = str(refused.status), error_body(refused.code, refused.message)
        length = str(len(answer))
        headers = [("Content-Type", "text/xml"), ("Content-Length", length)]
        start_response(f"{status.partition(' ')[0]} -", headers)
        return [answer]

    def _answer(self, environ: dict[str, Any], body: bytes) -> tuple[str, bytes]:
        path = environ["PATH_INFO"].partition("/2013-04-01/")[2].strip("/")
        kind, _, rest = path.partition("/")
        self.seen.append(f"{environ['REQUEST_METHOD']} {kind} {rest}".strip())
        if kind == "change":
            return "200", self._change_info(rest)
        if kind == "hostedzonesbyname":
            return self._zones(environ)
        if path.endswith("/rrset"):
            zone_id = rest.partition("/")[0]
            if zone_id not in self.zone_of:
                raise Refused("NoSuchHostedZone", f"No hosted zone found with ID: {zone_id}", 404)
            if environ["REQUEST_METHOD"] == "POST":
                return "200", self._batch(environ, zone_id, body)
            return self._listed(environ)
        status, answer = self._passed_on(environ, body)
        if kind == "healthcheck":
            # moto leaves out what says that there is no other page.
            answer = re.sub(rb"(</HealthChecks>|<HealthChecks */>)", rb"\1" + _LAST_PAGE, answer)
        return status, answer

    def _passed_on(self, environ: dict[str, Any], body: bytes) -> tuple[str, bytes]:
        told: list[str] = []
        sent = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        chunks = self.behind(sent, lambda status, headers, info=None: told.append(status))
        return told[0], b"".join(chunks)

    # -- reads: names as AWS shows them ----------------------------------------------------------

    def _listed(self, environ: dict[str, Any]) -> tuple[str, bytes]:
        query = [
            (name, value.replace("\\052", "*") if name == "name" else value)
            for name, value in parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)
        ]
        status, answer = self._passed_on({**environ, "QUERY_STRING": urlencode(query)}, b"")
        shown = re.sub(
            rb"<(Name|NextRecordName)>([^<]*)<",
            lambda found: b"<%s>%s<" % (found[1], found[2].replace(b"*", b"\\052")),
            answer,
        )
        for name, policy in self.policies.items():
            # A traffic policy's RRset is as any other, but for its policy's id.
            row = rb"(<Name>" + re.escape(name.encode()) + rb"</Name>.*?)(</ResourceRecordSet>)"
            member = b"<TrafficPolicyInstanceId>%s</TrafficPolicyInstanceId>" % policy.encode()
            shown = re.sub(row, rb"\1" + member + rb"\2", shown, flags=re.DOTALL)
        return status, shown

    def _zones(self, environ: dict[str, Any]) -> tuple[str, bytes]:
        """All zones from a name on, by reversed labels; moto gives those of the name."""
        asked = dict(parse_qsl(environ["QUERY_STRING"])).get("dnsname", ".")
        status, answer = self._passed_on({**environ, "QUERY_STRING": ""}, b"")
        root = ET.fromstring(answer)
        zones = root.find(f"{_N}HostedZones")
        assert zones is not None
        shown = sorted(zones, key=lambda zone: owner_name(zone.findtext(f"{_N}Name") or ""))
        from_here = owner_name(asked)
        zones[:] = [z for z in shown if owner_name(z.findtext(f"{_N}Name") or "") >= from_here]
        return status, ET.tostring(root)

    def _change_info(self, id: str) -> bytes:
        if id not in self._pending:
            raise Refused("NoSuchChange", f"A change with id {id} does not exist", 404)
        status = "PENDING" if self._pending[id] > 0 else "INSYNC"
        self._pending[id] -= 1
        return _info("GetChangeResponse", id, status)

    # -- writes: whole batches or nothing --------------------------------------------------------

    def _batch(self, environ: dict[str, Any], zone_id: str, body: bytes) -> bytes:
        elements = [_canonical(change) for change in ET.fromstring(body).iter(f"{_N}Change")]
        changes = [_change(element) for element in elements]
        _check_size(changes)
        zone, there = self.zone_of[zone_id], _there(zone_id)
        for action, rrset in changes:
            _carry_out(action, rrset, zone, there)
        for element in elements:
            # One by one and as UPSERT: what moto makes of a batch and of CREATE is its own.
            action = element.find(f"{_N}Action")
            assert action is not None
            action.text = "UPSERT" if action.text == "CREATE" else action.text
            status, answer = self._passed_on(environ, _batch_body(element))
            assert status.startswith("200"), answer
        id = f"C{next(self._ids):013d}"
        self._pending[id] = self.polls
        return _info("ChangeResourceRecordSetsResponse", id, "PENDING")


def error_body(code: str, message: str) -> bytes:
    """An error as the API words it."""
    root = ET.Element("ErrorResponse", {"xmlns": _NAMESPACE})
    error = ET.SubElement(root, "Error")
    for name, text in (("Type", "Sender"), ("Code", code), ("Message", message)):
        ET.SubElement(error, name).text = text
    ET.SubElement(root, "RequestId").text = "00000000-0000-0000-0000-000000000000"
    return ET.tostring(root, xml_declaration=True, encoding="utf-8")


def _info(root_name: str, id: str, status: str) -> bytes:
    root = ET.Element(root_name, {"xmlns": _NAMESPACE})
    info = ET.SubElement(root, "ChangeInfo")
    said = (("Id", f"/change/{id}"), ("Status", status), ("SubmittedAt", "2026-01-01T00:00:00Z"))
    for name, text in said:
        ET.SubElement(info, name).text = text
    return ET.tostring(root, xml_declaration=True, encoding="utf-8")


def _batch_body(change: ET.Element) -> bytes:
    root = ET.Element(f"{_N}ChangeResourceRecordSetsRequest")
    batch = ET.SubElement(ET.SubElement(root, f"{_N}ChangeBatch"), f"{_N}Changes")
    batch.append(change)
    return ET.tostring(root, default_namespace=_NAMESPACE)


def _canonical(change: ET.Element) -> ET.Element:
    """Names and the order of values as moto compares them."""
    name = change.find(f"{_N}ResourceRecordSet/{_N}Name")
    assert name is not None and name.text
    name.text = name.text.lower().replace("\\052", "*").rstrip(".")
    records = change.find(f"{_N}ResourceRecordSet/{_N}ResourceRecords")
    if records is not None:
        records[:] = sorted(records, key=lambda record: record.findtext(f"{_N}Value") or "")
    return change


def _change(element: ET.Element) -> tuple[str, Set]:
    def text(name: str) -> str:
        return element.findtext(f"{_N}ResourceRecordSet/{_N}{name}") or ""

    values = tuple(each.text or "" for each in element.iter(f"{_N}Value"))
    special = any(element.find(f"{_N}ResourceRecordSet/{_N}{n}") is not None for n in _SPECIAL)
    name, identifier = f"{text('Name')}.", text("SetIdentifier")
    made = Set(name, text("Type"), identifier, text("TTL"), values, special)
    return element.findtext(f"{_N}Action") or "", made


def _there(zone_id: str) -> dict[Key, Set]:
    """The RRsets that moto holds."""
    found = {}
    for row in route53_backends["123456789012"]["aws"].get_hosted_zone(zone_id).rrsets:
        special = bool(row.set_identifier or row.alias_target)
        values = tuple(sorted(row.records or ()))
        made = Set(row.name, row.type, row.set_identifier or "", str(row.ttl), values, special)
        found[made.key] = made
    return found


# -- what AWS checks -----------------------------------------------------------------------------


def _refuse(message: str) -> Refused:
    return Refused("InvalidChangeBatch", f"[{message}]")


def _check_size(changes: Iterable[tuple[str, Set]]) -> None:
    records = characters = 0
    for action, rrset in changes:
        times = 2 if action == "UPSERT" else 1
        records += times * len(rrset.values)
        characters += times * sum(map(len, rrset.values))
    if records > 1000:
        raise _refuse("Number of records limit of 1000 exceeded.")
    if characters > 32000:
        raise _refuse("Number of characters limit of 32000 exceeded.")


def _carry_out(action: str, rrset: Set, zone: str, there: dict[Key, Set]) -> None:
    where = f"resource record set [name='{rrset.name}', type='{rrset.rtype}']"
    live = there.get(rrset.key)
    if action == "DELETE":
        if live is None:
            raise _refuse(f"Tried to delete {where} but it was not found")
        if not live.special and (live.ttl, live.values) != (rrset.ttl, rrset.values):
            wrong = "the values provided do not match the current values"
            raise _refuse(f"Tried to delete {where} but {wrong}")
        if rrset.name == zone and rrset.rtype in ("NS", "SOA"):
            raise _refuse(f"A HostedZone must contain its {rrset.rtype} record")
        del there[rrset.key]
        return
    if action == "CREATE" and live is not None:
        raise _refuse(f"Tried to create {where} but it already exists")
    _check(rrset, zone, there)
    there[rrset.key] = rrset


def _check(rrset: Set, zone: str, there: dict[Key, Set]) -> None:
    if rrset.name != zone and not rrset.name.endswith(f".{zone}"):
        raise _refuse(f"RRSet with DNS name {rrset.name} is not permitted in zone {zone}")
    beside = {
        each.rtype for each in there.values() if each.name == rrset.name and each.key != rrset.key
    }
    if beside and "CNAME" in beside | {rrset.rtype} and beside != {rrset.rtype}:
        raise _refuse(
            f"RRSet of type CNAME with DNS name {rrset.name} is not permitted as it conflicts "
            f"with other records with the same DNS name in zone {zone}"
        )
    if len(set(rrset.values)) != len(rrset.values):
        raise _refuse("Duplicate Resource Record")
    if not rrset.special and not (rrset.values and 0 <= int(rrset.ttl or -1) < 2**31):
        raise Refused("InvalidInput", "Expected exactly one of [AliasTarget, all of [TTL, ...]]")
    for value in rrset.values:
        _check_value(value, rrset.rtype)


def _check_value(value: str, rtype: str) -> None:
    if len(value) > 4000:
        raise Refused("InvalidInput", "Member must have length less than or equal to 4000")
    if rtype in ("TXT", "SPF"):
        _check_txt(value)
        return
    try:
        # A name in a value may lack its dot; Route 53 takes it as absolute.
        value_from_text(value if value.endswith(".") or rtype in _NO_NAME else f"{value}.", rtype)
    except (dns.exception.DNSException, ValueError) as error:
        problem = f"Invalid Resource Record: FATAL problem: {error}"
        raise _refuse(f"{problem} encountered with {rtype} '{value}'") from None


_NO_NAME = ("A", "AAAA", "CAA", "SOA", "DS", "TLSA", "SSHFP", "HTTPS", "SVCB", "NAPTR")


def _check_txt(value: str) -> None:
    problem = "Invalid Resource Record: FATAL problem:"
    strings = re.findall(r'"((?:[^"\\]|\\.)*)"', value)
    if re.sub(r'"(?:[^"\\]|\\.)*"', "", value).strip() or not strings:
        quoted = "Value should be enclosed in quotation marks"
        raise _refuse(f"{problem} InvalidCharacterString ({quoted}) encountered with '{value}'")
    for each in strings:
        octets = re.sub(r"\\([0-7]{3}|.)", "x", each)
        if len(octets) > 255:
            raise _refuse(f"{problem} CharacterStringTooLong (Value is too long)")
        if not octets.isascii() or not octets.isprintable():
            raise _refuse(f"{problem} InvalidCharacterString (unescaped octet)")


# -- the account ---------------------------------------------------------------------------------


@dataclass
class Account:
    """An AWS account with hosted zones, as its owner sees it in the console."""

    url: str
    front: StrictRoute53
    client: Any = field(repr=False)

    def add_zone(self, name: str, servers: Iterable[str] = (), private: bool = False) -> str:
        """Make a hosted zone and return its id."""
        vpc = {"VPC": {"VPCRegion": "us-east-1", "VPCId": "vpc-1"}} if private else {}
        made = self.client.create_hosted_zone(
            Name=name,
            CallerReference=str(len(self.front.zone_of)),
            HostedZoneConfig={"PrivateZone": private},
            **vpc,
        )
        id = str(made["HostedZone"]["Id"].removeprefix("/hostedzone/"))
        self.front.zone_of[id] = f"{name.rstrip('.')}."
        # All of moto's zones have the same name servers, and its own SOA and NS are no records.
        zone = route53_backends["123456789012"]["aws"].get_hosted_zone(id)
        if not private:
            zone.delegation_set.name_servers = list(servers)
        own = {
            "NS": [f"{server}." for server in servers],
            "SOA": [f"{_SOA_SERVER} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"],
        }
        for row in zone.rrsets:
            row.records = own[row.type]
        return id

    def add(self, zone_id: str, name: str, rtype: str, **said: Any) -> None:
        """Make an RRset, as a person does in the console."""
        rrset = {"Name": name, "Type": rtype, **said}
        batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": rrset}]}
        self.client.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=batch)

    def show(self, zone_id: str, name: str, rtype: str, *values: str) -> None:
        """Have an RRset shown as it stands, whatever it says."""
        zone = route53_backends["123456789012"]["aws"].get_hosted_zone(zone_id)
        row = {"Name": name, "Type": rtype, "TTL": 600, "ResourceRecords": list(values)}
        zone.upsert_rrset(row)

    def zone_id(self, name: str) -> str:
        """The first hosted zone of a name."""
        return next(id for id, zone in self.front.zone_of.items() if zone == f"{name}.")

    def rows(self, zone_id: str) -> list[dict[str, Any]]:
        """All RRsets of a zone, as the API shows them."""
        pages = self.client.get_paginator("list_resource_record_sets")
        return [
            row
            for page in pages.paginate(HostedZoneId=zone_id)
            for row in page["ResourceRecordSets"]
        ]


def plain(*values: str, ttl: int = 60) -> dict[str, Any]:
    """TTL and values of an RRset, as boto3 takes them."""
    return {"TTL": ttl, "ResourceRecords": [{"Value": value} for value in values]}


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


# Neither keeps anything of an account, and both take long to make.


@functools.cache
def _moto() -> DomainDispatcherApplication:
    return DomainDispatcherApplication(create_backend_app)


@functools.cache
def _session() -> botocore.session.Session:
    session = botocore.session.Session()
    session.set_credentials(ACCESS_KEY, SECRET)
    return session


@contextmanager
def served() -> Iterator[Account]:
    """A new account behind HTTP on loopback."""
    route53_backends.reset()
    front = StrictRoute53(_moto())
    server = make_server("127.0.0.1", 0, front, threaded=True, request_handler=_Quiet)
    url = f"http://127.0.0.1:{server.server_port}"
    client = _session().create_client("route53", region_name="us-east-1", endpoint_url=url)
    with closing(client), listening(server):
        yield Account(url, front, client)
