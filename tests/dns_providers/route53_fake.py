"""A stateful, strict Route 53 for tests: one account behind the client's methods that we use.

Parameters are validated by botocore's own service model; a batch is whole or nothing, DELETE must
match TTL and all values, CREATE must not exist. Modelled on the API reference of
ChangeResourceRecordSets, the DNS name format of the developer guide (`*` comes back as `\\052`),
and the errors that users report. moto is not strict enough: it takes blind DELETEs and halves of
batches.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import botocore.exceptions
from botocore.validate import ParamValidator

ZONE_ID = "Z0123456789ABCDEFGHIJ"
SERVERS = ["ns-1.awsdns-01.com", "ns-2.awsdns-02.net"]
_MODEL = boto3.Session("id", "key").client("route53", region_name="us-east-1").meta.service_model
Fault = Callable[[str], None]


def refused(code: str, message: str, status: int = 400) -> botocore.exceptions.ClientError:
    """An error as boto3 raises it."""
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return botocore.exceptions.ClientError(response, "Operation")


def _row(name: str, rtype: str, ttl: int, *values: str) -> dict[str, Any]:
    records = [{"Value": value} for value in values]
    return {"Name": name, "Type": rtype, "TTL": ttl, "ResourceRecords": records}


@dataclass
class FakeRoute53:
    """The client. zones: hosted zones by id. `fault` is called before each operation."""

    zone: str = "example.test."
    zones: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    fault: Fault | None = None
    page: int = 300

    def __post_init__(self) -> None:
        self.zones = self.zones or {ZONE_ID: {"private": False, "servers": SERVERS}}
        soa = f"{SERVERS[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
        self.rows += [
            _row(self.zone, "NS", 172800, *(f"{each}." for each in SERVERS)),
            _row(self.zone, "SOA", 900, soa),
        ]

    def _begin(self, operation: str, parameters: dict[str, Any]) -> None:
        self.seen.append(operation)
        if self.fault:
            self.fault(operation)
        shape = _MODEL.operation_model(operation).input_shape
        report = ParamValidator().validate(parameters, shape)
        if report.has_errors():
            raise botocore.exceptions.ParamValidationError(report=report.generate_report())

    def list_hosted_zones_by_name(self, **parameters: Any) -> dict[str, Any]:
        """Zones from this name on."""
        self._begin("ListHostedZonesByName", parameters)
        other = {"Id": "/hostedzone/ZOTHER", "Name": "zzz.test.", "Config": {"PrivateZone": False}}
        mine = [
            {
                "Id": f"/hostedzone/{id}",
                "Name": self.zone,
                "Config": {"PrivateZone": zone["private"]},
            }
            for id, zone in self.zones.items()
        ]
        return {"HostedZones": [*mine, other] if parameters["DNSName"] == self.zone else [other]}

    def get_hosted_zone(self, **parameters: Any) -> dict[str, Any]:
        """One zone with its name servers."""
        self._begin("GetHostedZone", parameters)
        return {"DelegationSet": {"NameServers": self.zones[parameters["Id"]]["servers"]}}

    def get_paginator(self, name: str) -> FakeRoute53:
        """boto3's paginator of the records."""
        assert name == "list_resource_record_sets"
        return self

    def paginate(self, **parameters: Any) -> Iterator[dict[str, Any]]:
        """All records, a page each time."""
        for start in range(0, len(self.rows), self.page):
            self._begin("ListResourceRecordSets", parameters)
            if parameters["HostedZoneId"] not in self.zones:
                raise refused("NoSuchHostedZone", "No hosted zone found", 404)
            part = copy.deepcopy(self.rows[start : start + self.page])
            shown = [{**row, "Name": row["Name"].replace("*", "\\052")} for row in part]
            yield {"ResourceRecordSets": shown}

    def change_resource_record_sets(self, **parameters: Any) -> dict[str, Any]:
        """Carry out a batch, whole or not at all."""
        self._begin("ChangeResourceRecordSets", parameters)
        before = copy.deepcopy(self.rows)
        try:
            for change in parameters["ChangeBatch"]["Changes"]:
                self._change(change["Action"], change["ResourceRecordSet"])
        except botocore.exceptions.ClientError:
            self.rows = before
            raise
        return {"ChangeInfo": {"Id": "/change/C1", "Status": "PENDING"}}

    def _change(self, action: str, row: dict[str, Any]) -> None:
        name = row["Name"].lower().replace("\\052", "*")
        row = {**row, "Name": name}
        where = f"[name='{name}', type='{row['Type']}']"
        there = [r for r in self.rows if (r["Name"], r["Type"]) == (name, row["Type"])]
        if action == "DELETE":
            if not there:
                raise _batch(f"Tried to delete resource record set {where} but it was not found")
            if not _same(there[0], row):
                raise _batch(
                    f"Tried to delete resource record set {where} but the values provided do not "
                    "match the current values"
                )
            self.rows.remove(there[0])
            return
        assert action == "CREATE", action
        if there:
            raise _batch(f"Tried to create resource record set {where} but it already exists")
        self._check(row)
        self.rows.append(row)

    def _check(self, row: dict[str, Any]) -> None:
        name, values = row["Name"], [each["Value"] for each in row["ResourceRecords"]]
        if name != self.zone and not name.endswith(f".{self.zone}"):
            raise _batch(f"RRSet with DNS name {name} is not permitted in zone {self.zone}")
        if len(set(values)) != len(values):
            raise _batch("Duplicate Resource Record")
        for value in values:
            if len(value) > 4000:
                raise _batch("Value is too long")
            if row["Type"] == "TXT":
                _check_txt(value)
        beside = {each["Type"] for each in self.rows if each["Name"] == name}
        if (row["Type"] == "CNAME" and beside) or "CNAME" in beside:
            raise _batch(f"RRSet of type CNAME with DNS name {name} is not permitted")


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    def said(row: dict[str, Any]) -> tuple[int, list[str]]:
        return row["TTL"], sorted(each["Value"] for each in row["ResourceRecords"])

    return said(one) == said(other)


def _check_txt(value: str) -> None:
    strings = re.findall(r'"((?:[^"\\]|\\.)*)"', value)
    if re.sub(r'"(?:[^"\\]|\\.)*"', "", value).strip() or not strings:
        raise _batch("InvalidCharacterString (Value should be enclosed in quotation marks)")
    for each in strings:
        octets = re.sub(r"\\([0-7]{3}|.)", "x", each)
        if len(octets) > 255:
            raise _batch("CharacterStringTooLong")
        if not octets.isascii() or not octets.isprintable():
            raise _batch("InvalidCharacterString (unescaped octet)")


def _batch(message: str) -> botocore.exceptions.ClientError:
    return refused("InvalidChangeBatch", f"[{message}]")
