"""APIs whose unit is the RRset. Each class says what it was modelled on."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.octodns.frame import (
    SECRET,
    Call,
    Fake,
    Held,
    Refused,
    Reply,
    plain_name,
    presentation,
    presented,
    quoted_text,
)


@cache
def private_key() -> str:
    """A key as a PEM, for SDKs that sign."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, none).decode()


class Hetzner(Fake):
    """octodns-hetzner 2.0.0 (backend hcloud) and hcloud 2.27.0; docs.hetzner.cloud "Zones".

    25 a page; RRsets with actions for records and TTL; TXT quoted, strings of at most 255 octets;
    the SOA is among the RRsets.
    """

    package = "hetzner"
    hosts = ("api.hetzner.cloud",)
    routes = (
        ("GET", r"/v1/zones", "list_zones"),
        ("GET", r"/v1/zones/(\d+|[^/]+)", "zone"),
        ("GET", r"/v1/zones/7/rrsets", "list"),
        ("POST", r"/v1/zones/7/rrsets", "create"),
        ("DELETE", r"/v1/zones/7/rrsets/([^/]+)/(\w+)", "delete"),
        ("POST", r"/v1/zones/7/rrsets/([^/]+)/(\w+)/actions/set_records", "set_records"),
        ("POST", r"/v1/zones/7/rrsets/([^/]+)/(\w+)/actions/change_ttl", "change_ttl"),
        ("POST", r"/v1/zones", "make_zone"),
    )
    done: ClassVar[dict[str, Any]] = {
        "id": 1,
        "command": "x",
        "status": "success",
        "progress": 100,
        "resources": [],
    }

    def denied(self) -> Reply:
        return Reply(401, {"error": {"code": "unauthorized", "message": "unable to authenticate"}})

    def missing(self) -> Reply:
        return Reply(404, {"error": {"code": "not_found", "message": "zone not found"}})

    def refused(self, reason: str) -> Reply:
        return Reply(422, {"error": {"code": "invalid_input", "message": reason}})

    def page(self, call: Call, name: str, rows: list[Any]) -> Reply:
        at, size = int(call.query.get("page", 1)), int(call.query.get("per_page", 25))
        more = at + 1 if len(rows) > at * size else None
        pages = {"page": at, "per_page": size, "previous_page": None, "next_page": more}
        pages |= {"last_page": None, "total_entries": len(rows)}
        meta = {"pagination": pages}
        return Reply(200, {name: rows[(at - 1) * size : at * size], "meta": meta})

    def list_zones(self, call: Call) -> Reply:
        rows = [{"id": 7, "name": zone, "ttl": 3600} for zone in sorted(self.zones)]
        return self.page(call, "zones", rows)

    def make_zone(self, call: Call) -> Reply:
        self.zones.add(call.body["name"])
        return Reply(201, {"zone": {"id": 7}, "action": self.done})

    def zone(self, call: Call, id: str) -> Reply:
        if id != "7" or not self.zones:
            return self.missing()
        return Reply(200, {"zone": {"id": 7, "name": self.origin, "ttl": 3600}})

    def list(self, call: Call) -> Reply:
        rows = [self.row(name, rtype) for name, rtype in self.groups()]
        return self.page(call, "rrsets", rows)

    def row(self, name: str, rtype: str) -> dict[str, Any]:
        held = self.groups()[name, rtype]
        shown = name or "@"
        row = {"id": f"{shown}/{rtype}", "name": shown, "type": rtype, "ttl": held[0].ttl}
        return {**row, "zone": 7, "records": [{"value": presentation(each)} for each in held]}

    def values(self, call: Call, rtype: str) -> list[str]:
        return [presented(rtype, each["value"]) for each in call.body["records"]]

    def create(self, call: Call) -> Reply:
        if not self.zones:
            return self.missing()
        name, rtype = plain_name(call.body["name"]), call.body["type"]
        if (name, rtype) in self.groups():
            raise Refused("RRSet already exists")
        self.put(name, rtype, call.body["ttl"], self.values(call, rtype))
        return Reply(201, {"rrset": self.row(name, rtype), "action": self.done})

    def delete(self, call: Call, name: str, rtype: str) -> Reply:
        if (plain_name(name), rtype) not in self.groups():
            return self.missing()
        self.put(plain_name(name), rtype, 0, [])
        return Reply(200, {"action": self.done})

    def set_records(self, call: Call, name: str, rtype: str) -> Reply:
        held = self.groups()[plain_name(name), rtype]
        self.put(plain_name(name), rtype, held[0].ttl, self.values(call, rtype))
        return Reply(201, {"action": self.done})

    def change_ttl(self, call: Call, name: str, rtype: str) -> Reply:
        for each in self.groups()[plain_name(name), rtype]:
            each.ttl = call.body["ttl"]
        return Reply(201, {"action": self.done})


class Gandi(Fake):
    """octodns-gandi 1.2.0; api.gandi.net/docs/livedns "Domains' records".

    `total-count` in a header; POST of an RRset that is there is a conflict, PUT replaces it; the
    apex's name servers are not listed; TXT quoted.
    """

    package = "gandi"
    hosts = ("api.gandi.net",)
    name_servers = ()
    refusal = 400
    routes = (
        ("GET", r"/v5/livedns/domains/([^/]+)", "zone"),
        ("GET", r"/v5/livedns/domains/([^/]+)/records", "list"),
        ("POST", r"/v5/livedns/domains/([^/]+)/records", "create"),
        ("PUT", r"/v5/livedns/domains/([^/]+)/records/([^/]+)/(\w+)", "replace"),
        ("DELETE", r"/v5/livedns/domains/([^/]+)/records/([^/]+)/(\w+)", "delete"),
        ("POST", r"/v5/livedns/domains", "make_zone"),
    )

    def zone(self, call: Call, zone: str) -> Reply:
        return Reply(200, {"fqdn": zone}) if zone in self.zones else self.missing()

    def make_zone(self, call: Call) -> Reply:
        self.zones.add(call.body["fqdn"])
        return Reply(201, {})

    def list(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        rows = [
            {
                "rrset_name": name or "@",
                "rrset_type": rtype,
                "rrset_ttl": held[0].ttl,
                "rrset_values": [presentation(each) for each in held],
            }
            for (name, rtype), held in self.groups().items()
        ]
        page, size = int(call.query["page"]), int(call.query["per_page"])
        shown = rows[(page - 1) * size : page * size]
        return Reply(200, shown, {"total-count": str(len(rows))})

    def write(self, name: str, rtype: str, body: Any) -> Reply:
        if not 300 <= body["rrset_ttl"] <= 2592000:
            raise Refused("rrset_ttl must be 300 or more")
        values = [presented(rtype, each) for each in body["rrset_values"]]
        self.put(plain_name(name), rtype, body["rrset_ttl"], values)
        return Reply(201, {"message": "DNS Record Created"})

    def create(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        name, rtype = call.body["rrset_name"], call.body["rrset_type"]
        if (plain_name(name), rtype) in self.groups():
            return Reply(409, {"message": "A DNS Record already exists with same value"})
        return self.write(name, rtype, call.body)

    def replace(self, call: Call, zone: str, name: str, rtype: str) -> Reply:
        return self.write(name, rtype, call.body) if zone in self.zones else self.missing()

    def delete(self, call: Call, zone: str, name: str, rtype: str) -> Reply:
        self.put(plain_name(name), rtype, 0, [])
        return Reply(204)


class Desec(Fake):
    """octodns-desec 1.3.0; desec.readthedocs.io "Bulk Operations", "Modifying an RRset".

    One PATCH is whole or not; no records is a deletion; TXT quoted. (`minimum_ttl` is 3600 for
    most; here 60, as for accounts that asked.)
    """

    package = "desec"
    hosts = ("desec.io",)
    refusal = 400
    routes = (
        ("GET", r"/api/v1/domains/([^/]+)/rrsets/", "list"),
        ("PATCH", r"/api/v1/domains/([^/]+)/rrsets/", "bulk"),
        ("POST", r"/api/v1/domains/", "make_zone"),
    )

    def missing(self) -> Reply:
        return Reply(404, {"detail": "Not found."})

    def denied(self) -> Reply:
        return Reply(401, {"detail": "Invalid token."})

    def throttled(self) -> Reply:
        wait = "Request was throttled. Expected available in 3600 seconds."
        return Reply(429, {"detail": wait}, {"Retry-After": "3600"})

    def make_zone(self, call: Call) -> Reply:
        self.zones.add(call.body["name"])
        return Reply(201, {"keys": [{"dnskey": "", "ds": []}]})

    def list(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        rows = [
            {
                "subname": name,
                "type": rtype,
                "ttl": held[0].ttl,
                "records": [presentation(each) for each in held],
            }
            for (name, rtype), held in self.groups().items()
        ]
        return Reply(200, rows)

    def bulk(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        before = list(self.held)
        try:
            for row in sorted(call.body, key=lambda row: bool(row["records"])):
                if int(row["ttl"]) < 60:
                    raise Refused("Ensure this value is greater than or equal to 60.")
                values = [presented(row["type"], each) for each in row["records"]]
                self.put(row["subname"], row["type"], int(row["ttl"]), values)
        except Refused:
            self.held = before
            raise
        return Reply(200, [])


class Scaleway(Fake):
    """octodns-scaleway 0.0.4; www.scaleway.com/en/developers/api/domains-and-dns "Records".

    One PATCH of add, set and delete; `set` replaces all of a name and type; the apex is "" (and
    "@" is taken); TXT quoted; a zone of others is a 403.
    """

    package = "scaleway"
    hosts = ("api.scaleway.com",)
    refusal = 400
    routes = (
        ("GET", r"/domain/v2beta1/dns-zones/([^/]+)/records", "list"),
        ("PATCH", r"/domain/v2beta1/dns-zones/([^/]+)/records", "change"),
    )

    def list(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        page, size = int(call.query.get("page", 1)), int(call.query["page_size"])
        rows = [self.row(each) for each in self.held]
        return Reply(200, {"total_count": len(rows), "records": rows[(page - 1) * size :][:size]})

    def row(self, held: Held) -> dict[str, Any]:
        row = {"id": str(held.id), "name": held.name, "type": held.type, "ttl": held.ttl}
        return {**row, "data": presentation(held), "priority": 0, **held.extra}

    def change(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            if not call.body["disallow_new_zone_creation"]:
                self.zones.add(zone)
            return self.missing()
        before = list(self.held)
        try:
            for each in call.body["changes"]:
                ((kind, what),) = each.items()
                getattr(self, f"change_{kind}")(what)
        except Refused:
            self.held = before
            raise
        return Reply(200, {"records": []})

    def change_add(self, what: Any) -> None:
        for row in what["records"]:
            value = presented(row["type"], row["data"])
            self.add(plain_name(row["name"]), row["type"], row["ttl"], value)

    def change_set(self, what: Any) -> None:
        self.change_delete(what)
        self.change_add(what)

    def change_delete(self, what: Any) -> None:
        self.put(plain_name(what["idFields"]["name"]), what["idFields"]["type"], 0, [])


class Ns1(Fake):
    """octodns-ns1 1.0.2 and ns1-python 0.29.0; developer.ibm.com NS1 "Zones", "DNS records".

    A zone with short answers; PUT creates an RRset, POST changes it; TXT as it is.
    """

    package = "ns1"
    hosts = ("api.nsone.net",)
    arguments: ClassVar[dict[str, str]] = {"api_key": SECRET}
    refusal = 400
    routes = (
        ("GET", r"/v1/zones/([^/]+)", "zone"),
        ("PUT", r"/v1/zones/([^/]+)", "make_zone"),
        ("GET", r"/v1/zones/([^/]+)/([^/]+)/(\w+)", "one"),
        ("PUT", r"/v1/zones/([^/]+)/([^/]+)/(\w+)", "create"),
        ("POST", r"/v1/zones/([^/]+)/([^/]+)/(\w+)", "update"),
        ("DELETE", r"/v1/zones/([^/]+)/([^/]+)/(\w+)", "delete"),
    )

    def missing(self) -> Reply:
        return Reply(404, {"message": "zone not found"})

    def zone(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        rows = [self.row(name, rtype) for name, rtype in self.groups()]
        return Reply(200, {"zone": zone, "records": rows})

    def make_zone(self, call: Call, zone: str) -> Reply:
        self.zones.add(zone)
        return Reply(200, {})

    def row(self, name: str, rtype: str) -> dict[str, Any]:
        held = self.groups()[name, rtype]
        shown = [each.value.replace('"', "") if rtype == "CAA" else each.value for each in held]
        row = {"domain": self.absolute(name), "type": rtype, "ttl": held[0].ttl, "tier": 1}
        return {**row, "short_answers": shown, **held[0].extra}

    def one(self, call: Call, zone: str, domain: str, rtype: str) -> Reply:
        row = self.row(self.relative(domain), rtype)
        answers = [{"answer": [each]} for each in row["short_answers"]]
        return Reply(200, {**row, "answers": answers, "filters": [], "regions": {}})

    def values(self, call: Call, rtype: str) -> list[str]:
        answers = [" ".join(map(str, each["answer"])) for each in call.body["answers"]]
        if rtype == "CAA":
            parts = [each.split(" ", 2) for each in answers]
            return [f'{flags} {tag} "{data}"' for flags, tag, data in parts]
        return [each if rtype == "TXT" else presented(rtype, each) for each in answers]

    def create(self, call: Call, zone: str, domain: str, rtype: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        name = self.relative(domain)
        if (name, rtype) in self.groups():
            raise Refused("record already exists")
        self.put(name, rtype, call.body["ttl"], self.values(call, rtype))
        return Reply(200, self.row(name, rtype))

    def update(self, call: Call, zone: str, domain: str, rtype: str) -> Reply:
        name = self.relative(domain)
        if (name, rtype) not in self.groups():
            return Reply(404, {"message": "record not found"})
        self.put(name, rtype, call.body["ttl"], self.values(call, rtype))
        return Reply(200, self.row(name, rtype))

    def delete(self, call: Call, zone: str, domain: str, rtype: str) -> Reply:
        self.put(self.relative(domain), rtype, 0, [])
        return Reply(200, {})


class GoogleCloud(Fake):
    """octodns-googlecloud 1.1.0 and google-cloud-dns 0.37.2; cloud.google.com/dns/docs/reference.

    A change of additions and deletions is whole or not, and a deletion must be exactly what is
    there. TXT quoted. A service account signs in at another host.
    """

    package = "googlecloud"
    hosts = ("dns.googleapis.com", "oauth2.googleapis.com")
    arguments: ClassVar[dict[str, str]] = {"project": "mail", "credentials_file": ""}
    refusal = 400
    routes = (
        ("POST", r"/token", "sign_in"),
        ("GET", r"/dns/v1/projects/mail/managedZones", "list_zones"),
        ("GET", r"/dns/v1/projects/mail/managedZones/public/rrsets", "list"),
        ("POST", r"/dns/v1/projects/mail/managedZones/public/changes", "change"),
        ("GET", r"/dns/v1/projects/mail/managedZones/public/changes/1", "state"),
        ("POST", r"/dns/v1/projects/mail/managedZones", "make_zone"),
    )

    def credentials(self, folder: Path) -> dict[str, str]:
        """The arguments, with a service account's file."""
        account = {
            "type": "service_account",
            "project_id": "mail",
            "private_key_id": "1",
            "private_key": private_key(),
            "client_email": "mail@mail.test",
            "client_id": "1",
            "token_uri": "https://oauth2.googleapis.com/token",
        }
        path = folder / "account.json"
        path.write_text(json.dumps(account))
        return {"project": "mail", "credentials_file": str(path)}

    def signs_in(self, call: Call) -> bool:
        return call.path == "/token"

    def sign_in(self, call: Call) -> Reply:
        return Reply(200, {"access_token": SECRET, "expires_in": 3600, "token_type": "Bearer"})

    def denied(self) -> Reply:
        return Reply(401, {"error": {"code": 401, "message": "Request had invalid credentials."}})

    def refused(self, reason: str) -> Reply:
        return Reply(400, {"error": {"code": 400, "message": reason}})

    def missing(self) -> Reply:
        return Reply(404, {"error": {"code": 404, "message": "not found"}})

    def list_zones(self, call: Call) -> Reply:
        rows = [
            {
                "id": "7",
                "name": "public",
                "dnsName": f"{zone}.",
                "description": "",
                "visibility": "public",
                "creationTime": "2026-01-01T00:00:00.000Z",
                "nameServers": list(self.name_servers),
            }
            for zone in sorted(self.zones)
        ]
        # A private zone of the same name is not ours.
        hidden = {**rows[0], "name": "private", "visibility": "private"} if rows else None
        return Reply(200, {"managedZones": [*rows, *([hidden] if hidden else [])]})

    def make_zone(self, call: Call) -> Reply:
        self.zones.add(call.body["dnsName"].rstrip("."))
        return Reply(200, {})

    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                "name": f"{self.absolute(name)}.",
                "type": rtype,
                "ttl": held[0].ttl,
                "rrdatas": [presentation(each) for each in held],
            }
            for (name, rtype), held in self.groups().items()
        ]

    def list(self, call: Call) -> Reply:
        if not self.zones:
            return self.missing()
        at, rows = int(call.query.get("pageToken", 0)), self.rows()
        more = {"nextPageToken": str(at + 100)} if len(rows) > at + 100 else {}
        return Reply(200, {"rrsets": rows[at : at + 100], **more})

    def change(self, call: Call) -> Reply:
        if not self.zones:
            return self.missing()
        before = list(self.held)
        try:
            for row in call.body["deletions"]:
                there = [
                    each
                    for each in self.rows()
                    if (each["name"], each["type"]) == (row["name"], row["type"])
                ]
                if not there or there[0]["ttl"] != int(row["ttl"]):
                    raise Refused("The precondition of the change failed")
                if sorted(there[0]["rrdatas"]) != sorted(row["rrdatas"]):
                    raise Refused("The precondition of the change failed")
                self.put(self.relative(row["name"]), row["type"], 0, [])
            for row in call.body["additions"]:
                name = self.relative(row["name"])
                if (name, row["type"]) in self.groups():
                    raise Refused("The resource record set already exists")
                values = [presented(row["type"], each) for each in row["rrdatas"]]
                self.put(name, row["type"], int(row["ttl"]), values)
        except Refused:
            self.held = before
            raise
        return Reply(200, {"id": "1", "status": "pending"})

    def state(self, call: Call) -> Reply:
        return Reply(200, {"id": "1", "status": "done"})


class Azure(Fake):
    """octodns-azure 1.2.0 and azure-mgmt-dns 8.1.0; learn.microsoft.com/rest/api/dns "Record Sets".

    A client secret signs in at another host; PUT writes a record set whole; TXT is a list of
    strings of at most 255 octets, taken as they are.
    """

    package = "azure"
    hosts = ("management.azure.com", "login.microsoftonline.com")
    arguments: ClassVar[dict[str, str]] = {
        "sub_id": "subscription",
        "resource_group": "mail",
        "directory_id": "00000000-0000-0000-0000-000000000001",
        "client_id": "00000000-0000-0000-0000-000000000002",
        "key": SECRET,
    }
    refusal = 400
    base = r"/subscriptions/subscription/resourceGroups/mail/providers/Microsoft.Network/dnsZones"
    routes = (
        ("GET", r"/[^/]+/v2.0/.well-known/openid-configuration", "describe"),
        ("GET", r"/common/discovery/instance", "discover"),
        ("POST", r"/[^/]+/oauth2/v2.0/token", "sign_in"),
        ("GET", base, "list_zones"),
        ("PUT", rf"{base}/([^/]+)", "make_zone"),
        ("GET", rf"{base}/([^/]+)/recordsets", "list"),
        ("PUT", rf"{base}/([^/]+)/(\w+)/([^/]+)", "write"),
        ("DELETE", rf"{base}/([^/]+)/(\w+)/([^/]+)", "delete"),
    )

    def signs_in(self, call: Call) -> bool:
        return "/subscriptions/" not in call.path

    def describe(self, call: Call) -> Reply:
        base = "https://login.microsoftonline.com/tenant"
        urls = {
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "issuer": f"{base}/v2.0",
        }
        return Reply(200, urls)

    def discover(self, call: Call) -> Reply:
        hosts = ["login.microsoftonline.com"]
        names = {"preferred_network": hosts[0], "preferred_cache": hosts[0], "aliases": hosts}
        return Reply(200, {"tenant_discovery_endpoint": "", "metadata": [names]})

    def sign_in(self, call: Call) -> Reply:
        if call.body["client_secret"] != SECRET:
            return Reply(401, {"error": "invalid_client", "error_description": "AADSTS7000215"})
        return Reply(200, {"access_token": SECRET, "expires_in": 3600, "token_type": "Bearer"})

    def denied(self) -> Reply:
        return Reply(401, {"error": {"code": "InvalidAuthenticationToken", "message": "invalid"}})

    def refused(self, reason: str) -> Reply:
        return Reply(400, {"error": {"code": "BadRequest", "message": reason}})

    def missing(self) -> Reply:
        return Reply(404, {"error": {"code": "ResourceNotFound", "message": "not found"}})

    def list_zones(self, call: Call) -> Reply:
        return Reply(200, {"value": [{"name": zone, "id": zone} for zone in sorted(self.zones)]})

    def make_zone(self, call: Call, zone: str) -> Reply:
        self.zones.add(zone)
        return Reply(201, {"name": zone, "properties": {"nameServers": []}})

    def list(self, call: Call, zone: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        return Reply(200, {"value": [self.row(*key, held) for key, held in self.groups().items()]})

    def row(self, name: str, rtype: str, held: list[Held]) -> dict[str, Any]:
        properties: dict[str, Any] = {"TTL": held[0].ttl, "fqdn": f"{self.absolute(name)}."}
        values = [self.json(rtype, each.value) for each in held]
        if rtype == "CNAME":
            properties["CNAMERecord"] = values[0]
        else:
            key = "caaRecords" if rtype == "CAA" else f"{rtype}Records"
            properties[key] = values
        kind = f"Microsoft.Network/dnszones/{rtype}"
        properties |= held[0].extra
        return {"name": name or "@", "type": kind, "etag": "1", "properties": properties}

    def json(self, rtype: str, value: str) -> dict[str, Any]:
        parts = value.split(" ")
        match rtype:
            case "A":
                return {"ipv4Address": value}
            case "AAAA":
                return {"ipv6Address": value}
            case "CNAME":
                return {"cname": value}
            case "NS":
                return {"nsdname": value}
            case "MX":
                return {"preference": int(parts[0]), "exchange": parts[1]}
            case "SRV":
                names = ("priority", "weight", "port")
                numbers = dict(zip(names, map(int, parts[:3]), strict=True))
                return {**numbers, "target": parts[3]}
            case "CAA":
                data = value.split(" ", 2)[2].strip('"')
                return {"flags": int(parts[0]), "tag": parts[1], "value": data}
        return {"value": [value[at : at + 255] for at in range(0, len(value), 255)]}

    def value(self, rtype: str, row: dict[str, Any]) -> str:
        match rtype:
            case "TXT":
                if any(len(each) > 255 for each in row["value"]):
                    raise Refused("a string of a TXT has more than 255 octets")
                return "".join(row["value"])
            case "CAA":
                return f'{row["flags"]} {row["tag"]} "{row["value"]}"'
        return " ".join(map(str, row.values()))

    def write(self, call: Call, zone: str, rtype: str, name: str) -> Reply:
        if zone not in self.zones:
            return self.missing()
        properties = call.body["properties"]
        ((_, rows),) = ((k, v) for k, v in properties.items() if "ecord" in k)
        values = [self.value(rtype, row) for row in (rows if isinstance(rows, list) else [rows])]
        self.put(plain_name(name), rtype, properties["TTL"], values)
        held = self.groups()[plain_name(name), rtype]
        return Reply(200, self.row(plain_name(name), rtype, held))

    def delete(self, call: Call, zone: str, rtype: str, name: str) -> Reply:
        self.put(plain_name(name), rtype, 0, [])
        return Reply(200)


RRSET_APIS = (Hetzner, Gandi, Desec, Scaleway, Ns1, GoogleCloud, Azure)
_ = quoted_text
