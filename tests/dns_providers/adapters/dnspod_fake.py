"""A stateful DNSPod (Tencent Cloud API 3.0) for tests: one account with one zone, over HTTP.

It checks the TC3-HMAC-SHA256 signature of each request by itself, as the vendor's "Signature
method v3" page tells, and answers refusals with HTTP 200. Requests and answers must have just the
fields, of the types, that the SDK's models document. Modelled on those models and errorcodes.py,
on the examples of the vendor's command line tool (`enable` and `DP_FREE` where the models say
`ENABLE` and `DP_Free`; a list's default length of 100 and its most of 3000; an empty list that is
an error), and on dnscontrol's audit of the live service (what a TXT cannot hold). What the live
service says to a CNAME beside other records is not documented: `FailedOperation` here.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import idna
from tencentcloud.dnspod.v20210323 import models

from tests.listening import listening

SECRET_ID = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE"
SECRET_KEY = "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"
DOMAIN_ID = 12620688
SERVERS = ["source.dnspod.net", "low.dnspod.net"]
# Lowest TTL and most records of a kind at a name, by plan.
PLANS = {"D_Free": (120, 4), "DP_Free": (600, 2), "DP_Plus": (60, 10), "DP_Ultra": (1, 999)}
LINES = {"默认": "0", "电信": "10=1", "联通": "10=0"}
INTERNATIONAL_LINES = {"Default": "0"}
_TYPES = ("A", "AAAA", "CNAME", "MX", "TXT", "NS", "SRV", "CAA", "显性URL")
_BESIDE_NO_ALIAS = frozenset({"A", "AAAA", "CNAME", "显性URL"})
_PYTHON = {"int": int, "str": str, "bool": bool}
Fault = Callable[[str, dict[str, Any]], None]


class Refused(Exception):
    """An error of the API."""

    def __init__(self, code: str, message: str = "no") -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass
class FakeDnsPod:
    """The account. `seen` lists the actions; `fault` is called before each is carried out.

    denied: actions that the key may not do. clock: seconds that the service's clock goes ahead.
    kept_back: octets of each answer that do not arrive before the connection breaks. shown: by id,
    what a list shows in place of a record.
    """

    zone: str = "example.test"
    status: str = "enable"
    dns_status: str = ""
    grade: str = "DP_PLUS"
    lines: Mapping[str, str] = field(default_factory=lambda: LINES)
    records: dict[int, dict[str, Any]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    denied: frozenset[str] = frozenset()
    clock: float = 0.0
    fault: Fault | None = None
    url: str = ""
    content_type: str = "application/json"
    kept_back: int = 0
    shown: dict[int, dict[str, Any]] = field(default_factory=dict)
    _ids: Any = field(default_factory=lambda: itertools.count(556507778))
    _lock: Any = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for server in SERVERS:
            self.add(Type="NS", Value=f"{server}.", TTL=86400, DefaultNS=True)

    def add(self, **row: Any) -> int:
        """Put a record there, as a person does in the console."""
        id = next(self._ids)
        line = row.get("Line") or next(iter(self.lines))
        self.records[id] = {
            "RecordId": id,
            "Name": "@",
            "Line": line,
            "LineId": self.lines[line],
            "Status": "ENABLE",
            "MX": 0,
            "TTL": 600,
            "Weight": None,
            "Remark": "",
            "MonitorStatus": "",
            "UpdatedOn": "2026-01-01 00:00:00",
            "DefaultNS": False,
            **row,
        }
        assert not _misfits(models.RecordListItem, self.records[id])
        return id

    def rows(self) -> list[dict[str, Any]]:
        """The records that are none of DNSPod's own."""
        return [row for row in self.records.values() if not row["DefaultNS"]]

    def answer(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Answer a POST. headers: names in lower case."""
        action = headers.get("x-tc-action", "")
        self.seen.append(action)
        with self._lock:
            try:
                self._check_signature(headers, body)
                return {**self._carried_out(headers, action, json.loads(body)), "RequestId": "r"}
            except Refused as refused:
                error = {"Code": refused.code, "Message": refused.message}
                return {"Error": error, "RequestId": "r"}

    # -- who asks ------------------------------------------------------------------------------

    def _check_signature(self, headers: Mapping[str, str], body: bytes) -> None:
        form = (
            r"TC3-HMAC-SHA256 Credential=(\S+)/(\d{4}-\d\d-\d\d)/dnspod/tc3_request, "
            r"SignedHeaders=([a-z;-]+), Signature=([0-9a-f]{64})"
        )
        found = re.fullmatch(form, headers.get("authorization", ""))
        if not found or not {"content-type", "host"} <= set(found[3].split(";")):
            raise Refused("AuthFailure.InvalidAuthorization", "Authorization is not valid")
        id, date, signed, signature = found.groups()
        stamp = headers.get("x-tc-timestamp", "0")
        if abs(time.time() + self.clock - int(stamp)) > 300:
            raise Refused("AuthFailure.SignatureExpire", "the timestamp is more than 5 minutes off")
        if id != SECRET_ID:
            raise Refused("AuthFailure.SecretIdNotFound", "The SecretId is not found")
        lines = "".join(f"{name}:{headers[name].strip().lower()}\n" for name in signed.split(";"))
        request = "\n".join(("POST", "/", "", lines, signed, hashlib.sha256(body).hexdigest()))
        scope = f"{date}/dnspod/tc3_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join(("TC3-HMAC-SHA256", stamp, scope, digest))
        key = f"TC3{SECRET_KEY}".encode()
        for part in (date, "dnspod", "tc3_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        right_day = datetime.fromtimestamp(int(stamp), UTC).date().isoformat() == date
        right = hmac.digest(key, text.encode(), "sha256").hex()
        if not right_day or not hmac.compare_digest(right, signature):
            raise Refused("AuthFailure.SignatureFailure", "The provided credentials are not valid")

    # -- actions -------------------------------------------------------------------------------

    def _carried_out(
        self, headers: Mapping[str, str], action: str, said: dict[str, Any]
    ) -> dict[str, Any]:
        if headers.get("x-tc-version") != "2021-03-23":
            raise Refused("NoSuchVersion", "the API version does not exist")
        actions = {
            "DescribeDomain": self._domain,
            "DescribePackageDetail": self._plans,
            "DescribeRecordList": self._list,
            "CreateRecord": self._create,
            "ModifyRecord": self._modify,
            "DeleteRecord": self._delete,
        }
        if action not in actions:
            raise Refused("InvalidAction", f"{action} is not found")
        if misfits := _misfits(getattr(models, f"{action}Request"), said):
            raise Refused("InvalidParameter", f"not so in the model: {misfits}")
        if action in self.denied:
            about = f"you are not authorized to perform operation (dnspod:{action})"
            raise Refused("UnauthorizedOperation", about)
        if self.fault:
            self.fault(action, said)
        if action != "DescribePackageDetail":
            self._check_domain(said)
        return actions[action](said)

    def _check_domain(self, said: dict[str, Any]) -> None:
        if "Domain" not in said:
            raise Refused("MissingParameter", "Domain")
        if said.get("DomainId", DOMAIN_ID) != DOMAIN_ID or said["Domain"] != self.zone:
            raise Refused("InvalidParameterValue.DomainNotExists", "the domain is wrong")

    def _domain(self, said: dict[str, Any]) -> dict[str, Any]:
        info = {
            "Domain": self.zone,
            "DomainId": DOMAIN_ID,
            "Punycode": idna.encode(self.zone).decode(),
            "Status": self.status,
            "DnsStatus": self.dns_status,
            "DNSStatus": self.dns_status,
            "Grade": self.grade,
            "DnspodNsList": SERVERS,
            "ActualNsList": [] if self.dns_status else SERVERS,
            "RecordCount": len(self.records),
            "TTL": 600,
        }
        assert not _misfits(models.DomainInfo, info)
        return {"DomainInfo": info}

    def _plans(self, said: dict[str, Any]) -> dict[str, Any]:
        plans = [
            {"DomainGrade": grade, "MinTtl": ttl, "RecordRoll": most}
            for grade, (ttl, most) in PLANS.items()
        ]
        assert not any(_misfits(models.PackageDetailItem, each) for each in plans)
        return {"Info": plans, "LevelMap": list(PLANS)}

    def _plan(self) -> tuple[int, int]:
        return {name.upper(): plan for name, plan in PLANS.items()}[self.grade.upper()]

    def _list(self, said: dict[str, Any]) -> dict[str, Any]:
        offset, limit = said.get("Offset", 0), said.get("Limit", 100)
        if not 0 < limit <= 3000:
            raise Refused("InvalidParameterValue.LimitInvalid", "1 to 3000")
        found = [row for row in self.records.values() if _asked_for(row, said)]
        page = found[offset : offset + limit]
        shown = [self.shown.get(row["RecordId"], row) for row in page]
        if not shown and said.get("ErrorOnEmpty") != "no":
            raise Refused("ResourceNotFound.NoDataOfRecord", "the record list is empty")
        count = {"SubdomainCount": 0, "ListCount": len(shown), "TotalCount": len(found)}
        return {"RecordCountInfo": count, "RecordList": shown}

    def _create(self, said: dict[str, Any]) -> dict[str, Any]:
        row = self._row(said)
        self._check_beside(row, None)
        return {"RecordId": self.add(**row)}

    def _modify(self, said: dict[str, Any]) -> dict[str, Any]:
        """All that is not said gets its default; only the weight stays."""
        id = self._known(said)
        row = {"Weight": self.records[id]["Weight"], **self._row(said)}
        self._check_beside(row, id)
        self.records[id] |= row
        return {"RecordId": id}

    def _delete(self, said: dict[str, Any]) -> dict[str, Any]:
        del self.records[self._known(said)]
        return {}

    def _known(self, said: dict[str, Any]) -> int:
        id = said.get("RecordId")
        if not isinstance(id, int) or id not in self.records:
            raise Refused("InvalidParameter.RecordIdInvalid", "the record's id is wrong")
        return id

    # -- what a record may be ------------------------------------------------------------------

    def _row(self, said: dict[str, Any]) -> dict[str, Any]:
        """The record that a call says, as it is stored."""
        if missing := {"RecordType", "RecordLine", "Value"} - set(said):
            raise Refused("MissingParameter", str(missing))
        rtype, ttl = said["RecordType"], said.get("TTL", 600)
        name = said.get("SubDomain", "@")
        if rtype not in _TYPES:
            raise Refused("InvalidParameter.RecordTypeInvalid")
        if name != "@" and not re.fullmatch(r"(\*|[a-z0-9_-]+)(\.[a-z0-9_-]+)*", name):
            raise Refused("InvalidParameter.SubdomainInvalid")
        if not self._plan()[0] <= ttl <= 604800:
            raise Refused("LimitExceeded.RecordTtlLimit", f"TTL is limited({self._plan()[0]})")
        if rtype == "MX" and not 0 <= said.get("MX", -1) <= 65535:
            raise Refused("InvalidParameter.MxInvalid", "the MX priority is not correct")
        return {
            "Name": name,
            "Type": rtype,
            "Value": _stored(rtype, said["Value"]),
            "TTL": ttl,
            "MX": said["MX"] if rtype == "MX" else 0,
            "Status": said.get("Status", "ENABLE"),
            "Remark": said.get("Remark", ""),
            **self._line(said),
            **({"Weight": said["Weight"]} if "Weight" in said else {}),
        }

    def _line(self, said: dict[str, Any]) -> dict[str, str]:
        """The id goes before the name."""
        if id := said.get("RecordLineId"):
            names = [name for name, line_id in self.lines.items() if line_id == id]
        else:
            names = [name for name in self.lines if name == said["RecordLine"]]
        if not names:
            raise Refused("InvalidParameter.RecordLineInvalid", "the line is not correct")
        return {"Line": names[0], "LineId": self.lines[names[0]]}

    def _check_beside(self, row: dict[str, Any], id: int | None) -> None:
        others = [
            each
            for other, each in self.records.items()
            if other != id and (each["Name"], each["LineId"]) == (row["Name"], row["LineId"])
        ]
        said = ("Type", "Value", "MX")
        if any(all(each[name] == row[name] for name in said) for each in others):
            raise Refused("InvalidParameter.DomainRecordExist", "the record exists already")
        types = {each["Type"] for each in others} & _BESIDE_NO_ALIAS
        if row["Type"] in _BESIDE_NO_ALIAS and "CNAME" in {row["Type"], *types} and types:
            raise Refused("FailedOperation", "a record conflicts with it")
        if row["Type"] == "A" and sum(each["Type"] == "A" for each in others) >= self._plan()[1]:
            raise Refused("LimitExceeded.SubdomainRollLimit", "too many records at a name")


def _asked_for(row: dict[str, Any], said: dict[str, Any]) -> bool:
    """Whether a list shows a record; `Keyword` finds everything that it is a part of."""
    exact = {"Subdomain": "Name", "SubDomain": "Name", "RecordType": "Type"}
    if any(name in said and row[field] != said[name] for name, field in exact.items()):
        return False
    return said.get("Keyword", "") in row["Name"] + " " + row["Value"]


def _misfits(model: Any, said: dict[str, Any]) -> list[str]:
    """Fields that an SDK's model has not, or of another type."""
    return [name for name, value in said.items() if not _fits(getattr(model, name, None), value)]


def _fits(known: Any, value: object) -> bool:
    if not isinstance(known, property) or value is None:
        return isinstance(known, property)
    # Fields that are deprecated have no documentation.
    found = re.search(r":rtype: (\w+)", known.fget.__doc__ or "")
    expected = _PYTHON.get(found[1]) if found else None
    return expected is None or type(value) is expected


def _stored(rtype: str, value: str) -> str:
    """A value as it comes back: targets get their dot, and a TXT loses what it cannot hold."""
    try:
        if rtype in ("A", "AAAA"):
            return str(IPv4Address(value) if rtype == "A" else IPv6Address(value))
    except ValueError:
        raise Refused("InvalidParameter.RecordValueInvalid", "no address") from None
    if rtype == "TXT":
        return _stored_txt(value)
    if rtype == "CAA" and not re.fullmatch(r'\d+ \w+ "[^"]*"', value):
        raise Refused("InvalidParameter.RecordValueInvalid", "no CAA")
    if rtype in ("CNAME", "MX", "NS", "SRV"):
        if value.split()[-1] == ".":
            raise Refused("InvalidParameter.RecordValueInvalid", "no target")
        return value if value.endswith(".") else f"{value}."
    return value


def _stored_txt(value: str) -> str:
    altered = value.replace("'", "").replace("\\", "").rstrip(" ")
    quoted = re.fullmatch(r'"[^"]*"( "[^"]*")*', altered)
    strings = re.findall(r'"([^"]*)"', altered) if quoted else [altered]
    if not "".join(strings) or any('"' in each for each in strings):
        raise Refused("InvalidParameter.RecordValueInvalid", "the record's value is not correct")
    if any(len(each.encode()) > 255 for each in strings):
        raise Refused("InvalidParameter.RecordValueLengthInvalid", "the value is too long")
    return altered


class _Handler(BaseHTTPRequestHandler):
    account: FakeDnsPod
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body leave as two packets

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = json.dumps({"Response": self.account.answer(headers, body)}).encode()
        self.send_response(200)
        self.send_header("Content-Type", self.account.content_type)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer[: len(answer) - self.account.kept_back])
        self.close_connection = bool(self.account.kept_back)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served() -> Iterator[FakeDnsPod]:
    """A new account behind HTTP on loopback; its `url` is where."""
    account = FakeDnsPod()
    handler = type("Handler", (_Handler,), {"account": account})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    account.url = f"http://127.0.0.1:{server.server_port}"
    with listening(server):
        yield account
