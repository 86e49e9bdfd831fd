"""APIs that know single records. Each class says what it was modelled on."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from tests.octodns.frame import (
    SECRET,
    ZONE,
    Call,
    Fake,
    Held,
    Refused,
    Reply,
    plain_name,
    presentation,
    presented,
    quoted_text,
    strip_dot,
)


class DigitalOcean(Fake):
    """octodns-digitalocean 1.0.1; docs.digitalocean.com "Domain Records"; dnscontrol's findings.

    20 records a page. A CAA needs a final dot and loses it, a TXT in quotes has at most 512
    characters and no backslash, the zone itself is shown as `@`.
    """

    package = "digitalocean"
    hosts = ("api.digitalocean.com",)
    routes = (
        ("GET", r"/v2/domains/([^/]+)", "zone"),
        ("GET", r"/v2/domains/([^/]+)/records", "list"),
        ("POST", r"/v2/domains/([^/]+)/records", "create"),
        ("DELETE", r"/v2/domains/([^/]+)/records/(\d+)", "delete"),
        ("POST", r"/v2/domains", "make_zone"),
    )

    def zone(self, call: Call, zone: str) -> Reply:
        return Reply(200, {"domain": {"name": zone}}) if zone in self.zones else self.missing()

    def make_zone(self, call: Call) -> Reply:
        self.zones.add(call.body["name"])
        return Reply(201, {})

    def list(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        page = int(call.query.get("page", 1))
        rows = self.held[20 * (page - 1) : 20 * page]
        more = {"pages": {"last": "https://…"}} if len(self.held) > 20 * page else {}
        return Reply(200, {"domain_records": [self.row(each) for each in rows], "links": more})

    def row(self, held: Held) -> dict[str, Any]:
        row = {"id": held.id, "type": held.type, "name": held.name or "@", "ttl": held.ttl}
        parts = held.value.split(" ")
        numbers = {"priority": None, "weight": None, "port": None, "flags": None, "tag": None}
        match held.type:
            case "MX":
                numbers["priority"] = int(parts[0])
            case "SRV":
                numbers |= zip(("priority", "weight", "port"), map(int, parts[:3]), strict=True)
            case "CAA":
                numbers |= {"flags": int(parts[0]), "tag": parts[1]}
        data = held.value
        if held.type in ("MX", "SRV", "CNAME", "NS"):
            data = "@" if parts[-1] == f"{self.origin}." else strip_dot(parts[-1])
        elif held.type == "CAA":
            data = held.value.split(" ", 2)[2].strip('"')
        return {**row, **numbers, "data": data}

    def create(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        row = call.body
        value = data = row["data"]
        match row["type"]:
            case "MX":
                value = f"{row['priority']} {data}"
            case "SRV":
                value = f"{row['priority']} {row['weight']} {row['port']} {data}"
            case "CAA":
                if not data.endswith(".") or set(" ;") & set(data):
                    raise Refused("Data needs to end with a dot (.)")
                value = f'{row["flags"]} {row["tag"]} "{data[:-1]}"'
            case "TXT":
                if "\\" in data or len(quoted_text(data)) > 512:
                    raise Refused("Data is invalid or too long")
        if row["type"] in ("MX", "SRV", "CNAME", "NS") and not data.endswith("."):
            raise Refused("Data needs to end with a dot (.)")
        if row["ttl"] < 30:
            raise Refused("TTL must be 30 or more")
        held = self.add(plain_name(row["name"]), row["type"], row["ttl"], value)
        return Reply(201, {"domain_record": self.row(held)})

    def delete(self, call: Call, zone: str, id: str) -> Reply:
        return Reply(204) if zone in self.zones and self.drop(int(id)) else self.missing()


class Dnsimple(Fake):
    """octodns-dnsimple 1.0.1; developer.dnsimple.com/v2/zones/records.

    30 records a page; contents without final dots, TXT as it is.
    """

    package = "dnsimple"
    hosts = ("api.dnsimple.com",)
    arguments: ClassVar[dict[str, str]] = {"token": SECRET, "account": "42"}
    refusal = 400
    routes = (
        ("GET", r"/v2/42/zones/([^/]+)", "zone"),
        ("GET", r"/v2/42/zones/([^/]+)/records", "list"),
        ("POST", r"/v2/42/zones/([^/]+)/records", "create"),
        ("DELETE", r"/v2/42/zones/([^/]+)/records/(\d+)", "delete"),
        ("POST", r"/v2/42/domains", "make_zone"),
    )

    def zone(self, call: Call, zone: str) -> Reply:
        return Reply(200, {"data": {"name": zone}}) if zone in self.zones else self.missing()

    def make_zone(self, call: Call) -> Reply:
        self.zones.add(call.body["name"])
        return Reply(201, {})

    def list(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        page = int(call.query.get("page", 1))
        rows = [self.row(each) for each in self.held[30 * (page - 1) : 30 * page]]
        pages = -(-len(self.held) // 30)
        return Reply(200, {"data": rows, "pagination": {"total_pages": pages}})

    def row(self, held: Held) -> dict[str, Any]:
        content, priority = held.value, None
        if held.type in ("MX", "SRV"):
            first, content = held.value.split(" ", 1)
            priority = int(first)
        if held.type in ("MX", "SRV", "CNAME", "NS"):
            content = strip_dot(content)
        row = {"id": held.id, "name": held.name, "type": held.type, "ttl": held.ttl}
        return {**row, "content": content, "priority": priority}

    def create(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        row, value = call.body, call.body["content"]
        if row["type"] in ("MX", "SRV"):
            value = f"{row['priority']} {value}"
        held = self.add(row["name"], row["type"], row["ttl"], value)
        return Reply(201, {"data": self.row(held)})

    def delete(self, call: Call, zone: str, id: str) -> Reply:
        return Reply(204) if zone in self.zones and self.drop(int(id)) else self.missing()


class EasyDns(Fake):
    """octodns-easydns 1.0.1; sandbox.rest.easydns.net:3001, "Zone Records".

    A domain that is not there is a 400; `host` and `rdata`, MX's preference in `prio`.
    """

    package = "easydns"
    hosts = ("rest.easydns.net",)
    arguments: ClassVar[dict[str, str]] = {"token": "account", "api_key": SECRET}
    refusal = 400
    routes = (
        ("GET", r"/domain/([^/]+)", "zone"),
        ("GET", r"/zones/records/parsed/([^/]+)", "list"),
        ("PUT", r"/zones/records/add/([^/]+)/(\w+)", "create"),
        ("DELETE", r"/zones/records/([^/]+)/(\d+)", "delete"),
        ("PUT", r"/domains/add/([^/]+)", "make_zone"),
    )

    def allowed(self, call: Call) -> bool:
        given = call.headers["Authorization"].removeprefix("Basic ")
        return base64.b64decode(given).decode() == f"account:{SECRET}"

    def missing(self) -> Reply:
        return Reply(404, {"error": {"message": "No such zone"}})

    def zone(self, call: Call, zone: str) -> Reply:
        return Reply(200, {"data": {}}) if zone in self.zones else Reply(400, {"error": {}})

    def make_zone(self, call: Call, zone: str) -> Reply:
        self.zones.add(zone)
        return Reply(201, {})

    def list(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        return Reply(200, {"data": [self.row(each) for each in self.held], "status": 200})

    def row(self, held: Held) -> dict[str, Any]:
        prio, rdata = 0, held.value
        if held.type == "MX":
            first, rdata = held.value.split(" ", 1)
            prio = int(first)
        row = {"id": str(held.id), "host": held.name or "@", "type": held.type, "ttl": held.ttl}
        return {**row, "rdata": rdata, "prio": prio}

    def create(self, call: Call, zone: str, rtype: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        row, value = call.body, call.body["rdata"]
        if rtype == "MX":
            value = f"{row['prio']} {value}"
        elif rtype == "CAA":
            flags, tag, data = value.split(" ", 2)
            value = f'{flags} {tag} "{data}"'
        held = self.add(plain_name(row["host"]), rtype, row["ttl"], value)
        return Reply(201, {"data": self.row(held)})

    def delete(self, call: Call, zone: str, id: str) -> Reply:
        return Reply(200, {}) if zone in self.zones and self.drop(int(id)) else self.missing()


class Bunny(Fake):
    """octodns-bunny 1.0.0; docs.bunny.net "DNS Zone".

    Zones by id, types by number; the apex's name servers are no records; hosts without final dot.
    """

    package = "bunny"
    hosts = ("api.bunny.net",)
    arguments: ClassVar[dict[str, str]] = {"api_key": SECRET}
    name_servers = ()
    refusal = 400
    types = ("A", "AAAA", "CNAME", "TXT", "MX", "RDR", "Flatten", "PZ", "SRV", "CAA", "PTR")
    routes = (
        ("GET", r"/dnszone", "list_zones"),
        ("GET", r"/dnszone/7", "zone"),
        ("PUT", r"/dnszone/7/records", "create"),
        ("DELETE", r"/dnszone/7/records/(\d+)", "delete"),
        ("POST", r"/dnszone", "make_zone"),
    )

    def list_zones(self, call: Call) -> Reply:
        items = [{"Domain": zone, "Id": 7} for zone in sorted(self.zones)]
        return Reply(200, {"Items": items, "HasMoreItems": False})

    def make_zone(self, call: Call) -> Reply:
        self.zones.add(call.body["Domain"])
        return Reply(201, {"Id": 7})

    def zone(self, call: Call) -> Reply:
        if not self.zones:
            return self.missing()
        return Reply(200, {"Id": 7, "Records": [self.row(each) for each in self.held]})

    def row(self, held: Held) -> dict[str, Any]:
        kind = self.types.index(held.type) if held.type in self.types else 12
        row = {"Id": held.id, "Type": kind, "Name": held.name, "Ttl": held.ttl, "Weight": 0}
        row |= {"Priority": 0, "Port": 0, "Flags": 0, "Tag": "", "Value": held.value}
        row |= {"Accelerated": False, "Disabled": False, "MonitorType": 0, "SmartRoutingType": 0}
        parts = held.value.split(" ")
        match held.type:
            case "MX":
                row |= {"Priority": int(parts[0]), "Value": strip_dot(parts[1])}
            case "SRV":
                numbers = zip(("Priority", "Weight", "Port"), map(int, parts[:3]), strict=True)
                row |= {**dict(numbers), "Value": strip_dot(parts[3])}
            case "CAA":
                value = held.value.split(" ", 2)[2].strip('"')
                row |= {"Flags": int(parts[0]), "Tag": parts[1], "Value": value}
            case "CNAME" | "NS" | "PTR":
                row |= {"Value": strip_dot(held.value)}
        return {**row, **held.extra}

    def create(self, call: Call) -> Reply:
        if not self.zones:
            return self.missing()
        row, rtype = call.body, self.types[call.body["Type"]]
        value = row["Value"]
        match rtype:
            case "MX":
                value = f"{row['Priority']} {value}"
            case "SRV":
                value = f"{row['Priority']} {row['Weight']} {row['Port']} {value}"
            case "CAA":
                value = f'{row["Flags"]} {row["Tag"]} "{value}"'
        held = self.add(row["Name"], rtype, row["Ttl"], value)
        return Reply(201, self.row(held))

    def delete(self, call: Call, id: str) -> Reply:
        return Reply(204) if self.drop(int(id)) else self.missing()


class Ovh(Fake):
    """octodns-ovh 1.2.0 and the SDK ovh 1.2.0; api.ovh.com /domain/zone.

    Record ids, then each record; TXT, SPF, DKIM and DMARC are field types of their own, targets
    always quoted (since 2025-11, dns-lexicon#65). What is written is served after /refresh.
    """

    package = "ovh"
    hosts = ("eu.api.ovh.com",)
    arguments: ClassVar[dict[str, str]] = {
        "endpoint": "ovh-eu",
        "application_key": "application",
        "application_secret": "application-secret",
        "consumer_key": SECRET,
    }
    refusal = 400
    routes = (
        ("GET", r"/1.0/auth/time", "time"),
        ("GET", r"/1.0/domain/zone/([^/]+)/record", "list"),
        ("GET", r"/1.0/domain/zone/([^/]+)/record/(\d+)", "one"),
        ("POST", r"/1.0/domain/zone/([^/]+)/record", "create"),
        ("DELETE", r"/1.0/domain/zone/([^/]+)/record/(\d+)", "delete"),
        ("POST", r"/1.0/domain/zone/([^/]+)/refresh", "refresh"),
    )

    def __init__(self, origin: str = ZONE) -> None:
        super().__init__(origin)
        self.served = self.everything()

    def signs_in(self, call: Call) -> bool:
        return call.path.endswith("/auth/time")

    def denied(self) -> Reply:
        body = {"errorCode": "INVALID_CREDENTIAL", "message": "This credential is not valid"}
        return Reply(403, body)

    def missing(self) -> Reply:
        return Reply(404, {"message": "This service does not exist"})

    def time(self, call: Call) -> Reply:
        import time

        return Reply(200, int(time.time()))

    def list(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        return Reply(200, [each.id for each in self.held])

    def one(self, call: Call, zone: str, id: str) -> Reply:
        (held,) = (each for each in self.held if each.id == int(id))
        target = presentation(held)
        kind = held.extra.get("fieldType", held.type)
        row = {"id": held.id, "zone": zone, "subDomain": held.name, "fieldType": kind}
        return Reply(200, {**row, "target": target, "ttl": held.ttl})

    def create(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        row = call.body
        kind = row["fieldType"]
        if kind in ("SPF", "DKIM", "DMARC"):
            raise Refused(f"Invalid subfield found in {kind}")
        held = self.add(row["subDomain"], kind, row["ttl"], presented(kind, row["target"]))
        return Reply(200, {"id": held.id})

    def delete(self, call: Call, zone: str, id: str) -> Reply:
        return Reply(200) if zone in self.zones and self.drop(int(id)) else self.missing()

    def refresh(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        self.served = self.everything()
        return Reply(200)

    def answer(self, call: Call) -> Reply:
        reply = super().answer(call)
        # The SDK wants JSON in every answer.
        return Reply(reply.status, "null") if reply.body is None else reply


class TransIp(Fake):
    """octodns-transip 1.0.1 and python-transip 0.6.0; api.transip.nl/rest/docs.html "dns".

    A token for a signed request; entries without ids, changed one by one or all at once; the
    apex's name servers elsewhere; names that are relative stay so.
    """

    package = "transip"
    hosts = ("api.transip.nl",)
    arguments: ClassVar[dict[str, str]] = {"account": "somebody", "key": ""}
    refusal = 406
    routes = (
        ("POST", r"/v6/auth", "sign_in"),
        ("GET", r"/v6/domains/([^/]+)", "zone"),
        ("GET", r"/v6/domains/([^/]+)/dns", "list"),
        ("GET", r"/v6/domains/([^/]+)/nameservers", "servers"),
        ("POST", r"/v6/domains/([^/]+)/dns", "create"),
        ("DELETE", r"/v6/domains/([^/]+)/dns", "delete"),
        ("PUT", r"/v6/domains/([^/]+)/dns", "replace"),
    )

    def signs_in(self, call: Call) -> bool:
        return call.path == "/v6/auth"

    def missing(self) -> Reply:
        return Reply(404, {"error": "Domain not found"})

    def refused(self, reason: str) -> Reply:
        return Reply(406, {"error": reason})

    def denied(self) -> Reply:
        return Reply(401, {"error": "Your access token is invalid."})

    def sign_in(self, call: Call) -> Reply:
        if call.body["login"] != "somebody":
            return self.denied()
        return Reply(201, {"token": SECRET})

    def zone(self, call: Call, zone: str) -> Reply:
        found = zone in self.zones
        return Reply(200, {"domain": {"name": zone}}) if found else self.missing()

    def servers(self, call: Call, zone: str) -> Reply:
        rows = [
            {"hostname": strip_dot(each.value), "ipv4": "", "ipv6": ""}
            for each in self.held
            if self.at(each, "", "NS")
        ]
        return Reply(200, {"nameservers": rows})

    def list(self, call: Call, zone: str) -> Reply:
        rows = [self.row(each) for each in self.held if not self.at(each, "", "NS")]
        return Reply(200, {"dnsEntries": rows})

    def row(self, held: Held) -> dict[str, Any]:
        row = {"name": held.name or "@", "expire": held.ttl, "type": held.type}
        return {**row, "content": held.extra.get("content", held.value)}

    def create(self, call: Call, zone: str) -> Reply:
        row = call.body["dnsEntry"]
        value = row["content"] if row["type"] == "TXT" else presented(row["type"], row["content"])
        self.add(plain_name(row["name"]), row["type"], row["expire"], value)
        return Reply(201, {})

    def delete(self, call: Call, zone: str) -> Reply:
        wanted = call.body["dnsEntry"]
        for each in self.held:
            if self.row(each) == wanted:
                self.drop(each.id)
                return Reply(204)
        return Reply(404, {"error": "Dns entry not found"})

    def replace(self, call: Call, zone: str) -> Reply:
        raise AssertionError("the whole zone was replaced")


class Porkbun(Fake):
    """octodns-porkbun 0.1.0 and oinker 0.1.2 (Python 3.13); porkbun.com/api/json/v3/documentation.

    All calls are POST with the keys in the body; full names; TTL 600 at least; numbers as text.
    """

    package = "porkbun"
    hosts = ("api.porkbun.com",)
    arguments: ClassVar[dict[str, str]] = {"api_key": "pk1_public", "secret_key": SECRET}
    refusal = 400
    routes = (
        ("POST", r"/api/json/v3/dns/retrieve/([^/]+)", "list"),
        ("POST", r"/api/json/v3/dns/create/([^/]+)", "create"),
        ("POST", r"/api/json/v3/dns/delete/([^/]+)/(\d+)", "delete"),
    )

    def allowed(self, call: Call) -> bool:
        return SECRET in map(str, call.body.values())

    def denied(self) -> Reply:
        return Reply(400, {"status": "ERROR", "message": "Invalid API key. (002)"})

    def failing(self, status: int, said: str) -> Reply:
        return Reply(status, {"status": "ERROR", "message": said})

    def refused(self, reason: str) -> Reply:
        return Reply(400, {"status": "ERROR", "message": reason})

    def missing(self) -> Reply:
        return Reply(400, {"status": "ERROR", "message": "Invalid domain."})

    @property
    def written(self) -> list[Call]:
        return [each for each in super().written if "/retrieve/" not in each.path]

    def list(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        return Reply(200, {"status": "SUCCESS", "records": [self.row(each) for each in self.held]})

    def row(self, held: Held) -> dict[str, Any]:
        content, prio = held.value, "0"
        if held.type in ("MX", "SRV"):
            prio, content = held.value.split(" ", 1)
        if held.type in ("MX", "SRV", "CNAME", "NS"):
            content = strip_dot(content)
        row = {"id": str(held.id), "name": self.absolute(held.name), "type": held.type}
        return {**row, "content": content, "ttl": str(held.ttl), "prio": prio, "notes": ""}

    def create(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        row, value = call.body, call.body["content"]
        if row["type"] in ("MX", "SRV", "CNAME"):
            value = f"{value}."
        if row["type"] in ("MX", "SRV"):
            value = f"{row['prio']} {value}"
        if int(row["ttl"]) < 600:
            raise Refused("TTL must be 600 or more")
        held = self.add(row.get("name") or "", row["type"], int(row["ttl"]), value)
        return Reply(200, {"status": "SUCCESS", "id": held.id})

    def delete(self, call: Call, zone: str, id: str) -> Reply:
        found = zone in self.zones and self.drop(int(id))
        return Reply(200, {"status": "SUCCESS"}) if found else self.missing()


RECORD_APIS = (DigitalOcean, Dnsimple, EasyDns, Bunny, Ovh, TransIp, Porkbun)
