"""A stateful AliDNS for tests, on loopback: what the documentation and users say that it does.

Modelled on help.aliyun.com, API 2015-01-09 (parameters, error codes, fuzzy and exact searches,
pages of 20 to 500, newest records first), "DNS record types" (what each type takes, TXT shorter
than 512), "V3 request structure and signature" (every request is checked); on what DNSControl saw
on 2025-12-03 (providers/alidns/auditrecords.go: quotes and spaces at the end of a TXT get lost,
backslashes are mishandled, MX and SRV without a host are refused); on answers in ddns-go#1155 and
#1044 (their form, Forbidden.RAM as HTTP 400). Answers are such that the SDK's models hold them
whole. Guesses: the codes for a bad TTL, priority or value, as the documentation names none.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import ipaddress
import itertools
import json
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from alibabacloud_alidns20150109 import models

from tests.listening import listening

KEY_ID = "LTAI5tFakeFakeFakeFakeFake"
KEY_SECRET = "q7Xw0eZ4nB1mR8uT6yK3hD5sJ9vL2p"
_ALGORITHM = "ACS3-HMAC-SHA256"
_SKEW = datetime.timedelta(minutes=15)
_LINES = frozenset({"default", "telecom", "unicom", "mobile", "oversea", "edu"})
_SERVERS = ["dns1.hichina.com", "dns2.hichina.com"]
_NAME = re.compile(r"(?:[A-Za-z0-9_-]+\.)+[A-Za-z0-9-]+\.?")
_RR = re.compile(r"@|\*|(?:\*\.)?[\w-]+(?:\.[\w-]+)*")
_MAX_TTL = 86400
_BESIDE_APEX_ALIAS = frozenset({"NS", "MX", "TXT"})  # help.aliyun.com, "DNS record conflict rules"
# An answer (status, body) in place of the API's, or None.
Fault = Callable[[str, Mapping[str, str]], tuple[int, bytes] | None]


class Refused(Exception):
    """An error of the API."""

    def __init__(self, code: str, message: str, status: int = 400, **more: Any) -> None:
        super().__init__(message)
        self.status, self.body = status, {"Code": code, "Message": message, **more}


@dataclass
class FakeAliDns:
    """One account with one zone. `seen` lists the actions; `denied` those without a right.

    edition, min_ttl: what the zone's plan allows. punycode: shown beside a name in Unicode.
    fault: may answer first.
    """

    zone: str = "example.test"
    punycode: str | None = None
    edition: str = "version_enterprise_advanced"
    min_ttl: int = 1
    denied: frozenset[str] = frozenset()
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    fault: Fault | None = None
    url: str = ""
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(809_000_000_000_000_001))
    _nonces: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, rr: str, type: str, value: str, **more: Any) -> str:
        """Put a record there, as a person does in the console."""
        id = str(next(self._ids))
        weight = {"Weight": 1} if type in ("A", "AAAA", "CNAME") else {}
        priority = {"Priority": 10} if type == "MX" else {}
        self.records[id] = {
            "RecordId": id,
            "DomainName": self.zone,
            "RR": rr,
            "Type": type,
            "Value": value,
            "TTL": max(600, self.min_ttl),
            "Line": "default",
            "Status": "ENABLE",
            "Locked": False,
            "CreateTimestamp": 1_700_000_000_000,
            **weight,
            **priority,
            **more,
        }
        return id

    def stored(self) -> list[str]:
        """One text for each record."""
        said = ("RR", "Type", "Line", "TTL", "Priority", "Value")
        return [" ".join(str(row.get(name, "")) for name in said) for row in self.records.values()]

    # -- requests ------------------------------------------------------------------------------

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes]:
        """Status and body of the answer to a request; names of headers in lower case."""
        with self._lock:
            try:
                return self._answered(method, path, headers, body)
            except Refused as refused:
                about = {"RequestId": "536E9CAD-DB30-4647-AC87-AA5CC38C5382", "HostId": self.url}
                return refused.status, json.dumps({**about, **refused.body}).encode()

    def _answered(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes]:
        query = urllib.parse.urlsplit(path).query
        given = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self._check_signature(method, given, headers, body)
        action = headers.get("x-acs-action", "")
        self.seen.append(action)
        if self.fault and (answer := self.fault(action, given)):
            return answer
        if headers.get("x-acs-version") != "2015-01-09" or not hasattr(self, f"_do_{action}"):
            raise Refused("InvalidAction.NotFound", "Specified api is not found.", 404)
        if action in self.denied:
            words = "User not authorized to operate on the specified resource, or this API "
            detail = {"AuthPrincipalType": "SubUser", "AuthAction": f"alidns:{action}"}
            raise Refused(
                "Forbidden.RAM", f"{words}doesn't support RAM.", AccessDeniedDetail=detail
            )
        known = getattr(models, f"{action}Request")().from_map(given).to_map()
        assert known == given, f"the SDK's model knows no {set(given) - set(known)}"
        done = {"RequestId": "29F8A1B0", **getattr(self, f"_do_{action}")(given)}
        assert getattr(models, f"{action}ResponseBody")().from_map(done).to_map() == done
        return 200, json.dumps(done).encode()

    def _check_signature(
        self, method: str, given: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> None:
        said = re.fullmatch(
            rf"{_ALGORITHM} Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]+)",
            headers.get("authorization", ""),
        )
        if said is None:
            raise Refused("IncompleteSignature", "The request signature is incomplete.")
        key_id, signed, signature = said.groups()
        if key_id != KEY_ID:
            raise Refused("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
        canonical = _canonical(method, given, headers, signed, hashlib.sha256(body).hexdigest())
        text = f"{_ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        right = hmac.new(KEY_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right, signature):
            words = "Specified signature does not match our calculation. server string to sign is:"
            raise Refused("SignatureDoesNotMatch", words + text)
        self._check_fresh(headers)

    def _check_fresh(self, headers: Mapping[str, str]) -> None:
        made = datetime.datetime.strptime(headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ")
        age = datetime.datetime.now(datetime.UTC) - made.replace(tzinfo=datetime.UTC)
        if abs(age) > _SKEW:
            raise Refused("InvalidTimeStamp.Expired", "Specified time stamp is expired.")
        nonce = headers["x-acs-signature-nonce"]
        if nonce in self._nonces:
            raise Refused("SignatureNonceUsed", "Specified signature nonce was used already.")
        self._nonces.add(nonce)

    # -- actions -------------------------------------------------------------------------------

    def _do_DescribeDomainInfo(self, given: Mapping[str, str]) -> dict[str, Any]:
        self._check_zone(given)
        detail = {
            "MinTtl": self.min_ttl,
            "LineType": "region_province",
            "RegionLines": False,
            "SlaveDns": False,
        }
        return {
            "DomainId": "00efd71a-770e-4255-b54e-6fe5659baffe",
            "DomainName": self.zone,
            "AliDomain": True,
            "DnsServers": {"DnsServer": _SERVERS},
            "VersionCode": self.edition,
            **({"PunyCode": self.punycode} if self.punycode else {}),
            **(detail if given.get("NeedDetailAttributes") == "true" else {}),
        }

    def _do_DescribeDomainRecords(self, given: Mapping[str, str]) -> dict[str, Any]:
        self._check_zone(given)
        number, size = int(given.get("PageNumber", "1")), int(given.get("PageSize", "20"))
        if not 1 <= size <= 500:
            raise Refused("InvalidParameter", "PageSize must be between 1 and 500.")
        found = [row for row in reversed(self.records.values()) if _matches(row, given)]
        return {
            "DomainRecords": {"Record": found[(number - 1) * size : number * size]},
            "PageNumber": number,
            "PageSize": size,
            "TotalCount": len(found),
        }

    def _do_AddDomainRecord(self, given: Mapping[str, str]) -> dict[str, Any]:
        self._check_zone(given)
        row = _row(given)
        self._check(row)
        more = {name: row[name] for name in ("TTL", "Line", "Priority") if name in row}
        return {"RecordId": self.add(row["RR"], row["Type"], row["Value"], **more)}

    def _do_UpdateDomainRecord(self, given: Mapping[str, str]) -> dict[str, Any]:
        there = self._own(given)
        row = _row(given)
        changed = {**there, **row}
        if changed == there:
            raise Refused("DomainRecordDuplicate", "The DNS record already exists.")
        self._check(row, there["RecordId"])
        self.records[there["RecordId"]] = changed
        return {"RecordId": there["RecordId"]}

    def _do_DeleteDomainRecord(self, given: Mapping[str, str]) -> dict[str, Any]:
        del self.records[self._own(given)["RecordId"]]
        return {"RecordId": given["RecordId"]}

    # -- rules ---------------------------------------------------------------------------------

    def _check_zone(self, given: Mapping[str, str]) -> None:
        if given.get("DomainName") != self.zone:
            words = "The specified domain name does not exist. Refresh the page and try again."
            raise Refused("InvalidDomainName.NoExist", words)

    def _own(self, given: Mapping[str, str]) -> dict[str, Any]:
        """The record of a request that changes one."""
        row = self.records.get(given.get("RecordId", ""))
        if row is None:
            words = "The DNS record does not exist in your account."
            raise Refused("DomainRecordNotBelongToUser", words)
        if row["Locked"]:
            raise Refused("DomainRecordLocked", "The domain record has been locked.")
        return row

    def _check(self, row: Mapping[str, Any], id: str | None = None) -> None:
        """Whether a record may be there, in place of that of `id`."""
        if not self.min_ttl <= row["TTL"] <= _MAX_TTL:
            raise Refused("InvalidTTL", f"The TTL must be between {self.min_ttl} and {_MAX_TTL}.")
        if not _RR.fullmatch(row["RR"]) or row["Line"] not in _LINES:
            raise Refused("InvalidParameter", "RR or Line is invalid.")
        if not _fits(row):
            raise Refused("InvalidValue", f"The value is no {row['Type']} record: {row['Value']}")
        for other in self.records.values():
            if other.get("RecordId") != id and _same_place(other, row):
                _check_beside(row, other)


def _same_place(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(name) == other.get(name) for name in ("RR", "Line"))


def _check_beside(row: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    if all(other.get(name) == row.get(name) for name in ("Type", "Value", "Priority")):
        raise Refused("DomainRecordDuplicate", "The DNS record already exists.")
    types = {row["Type"], other["Type"]}
    beside = _BESIDE_APEX_ALIAS if row["RR"] == "@" else frozenset[str]()
    if "CNAME" in types and types - {"CNAME"} - beside:
        words = "The domain record is conflict with other records."
        raise Refused("DomainRecordConflict", words)


def _row(given: Mapping[str, str]) -> dict[str, Any]:
    """A record as it is stored when it was sent so."""
    if missing := [name for name in ("RR", "Type", "Value") if name not in given]:
        raise Refused("MissingParameter", f"The parameter {missing[0]} is mandatory.")
    rtype, value = given["Type"], given["Value"]
    if rtype == "TXT":
        value = value.replace('"', "").replace("\\", "").rstrip(" ")
    if rtype in ("CNAME", "MX", "NS", "SRV") and value != ".":
        value = value.removesuffix(".")
    row: dict[str, Any] = {"RR": given["RR"], "Type": rtype, "Value": value}
    if rtype == "MX":
        row["Priority"] = int(given.get("Priority", "0"))
    return {**row, "TTL": int(given.get("TTL", "600")), "Line": given.get("Line", "default")}


def _fits(row: Mapping[str, Any]) -> bool:
    """Whether a value is what its type takes."""
    value = row["Value"]
    match row["Type"]:
        case "A":
            return _is_address(value, 4)
        case "AAAA":
            return _is_address(value, 6)
        case "CNAME":
            return _is_host(value)
        case "MX":
            return 1 <= row["Priority"] <= 50 and _is_host(value)
        case "TXT":
            printable = all(32 <= ord(each) < 127 for each in value)
            return 0 < len(value) < 512 and printable and not row["RR"].startswith("*")
        case "SRV":
            *numbers, host = value.split(" ")
            fine = all(each.isdigit() and int(each) < 65536 for each in numbers)
            return len(numbers) == 3 and fine and _is_host(host)
        case "CAA":
            return bool(re.fullmatch(r'\d{1,3} [a-z0-9]+ "[^"]*"', value))
    return False


def _is_address(value: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(value).version == version
    except ValueError:
        return False


def _is_host(value: str) -> bool:
    return bool(_NAME.fullmatch(value)) and not _is_address(value, 4)


def _matches(row: Mapping[str, Any], given: Mapping[str, str]) -> bool:
    """Searches match parts of names and values; SearchMode=COMBINATION matches them whole."""
    whole = given.get("SearchMode") == "COMBINATION"
    for parameter, name in (("RRKeyWord", "RR"), ("ValueKeyWord", "Value")):
        if word := given.get(parameter, "").lower():
            there = row[name].lower()
            if (word != there) if whole else (word not in there):
                return False
    word = given.get("TypeKeyWord")
    return word is None or word.upper() == row["Type"]


def _canonical(
    method: str, given: Mapping[str, str], headers: Mapping[str, str], signed: str, hashed: str
) -> str:
    """The request in the form that is signed."""
    names = signed.split(";")
    must = {name for name in headers if name == "host" or name.startswith("x-acs-")}
    if not must <= set(names) or headers.get("x-acs-content-sha256") != hashed:
        raise Refused("IncompleteSignature", "A header that must be signed is not.")
    query = "&".join(f"{_quoted(name)}={_quoted(given[name])}" for name in sorted(given))
    lines = "".join(f"{name}:{headers.get(name, '').strip()}\n" for name in names)
    return f"{method}\n/\n{query}\n{lines}\n{signed}\n{hashed}"


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="~")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body leave as two packets
    fake: FakeAliDns

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, said = self.fake.answer(self.command, self.path, headers, body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=utf-8")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up breaks its connection."""


@contextmanager
def running(fake: FakeAliDns) -> Iterator[FakeAliDns]:
    """Let it listen; its `url` says where."""
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"fake": fake}))
    fake.url = f"http://127.0.0.1:{server.server_port}"
    with listening(server):
        yield fake
