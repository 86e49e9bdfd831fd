"""Where an octoDNS package's way would harm what is not ours, another way for that part.

Each entry makes a subclass of a package's provider class, and was written with the package's code
at hand (versions: pyproject.toml). `special_rrsets` gives (name, type) of what the package shows
as plain and is more.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from dns_providers.octodns.reading import patient

Special = set[tuple[str, str]]


def _values(record: Any) -> list[Any]:
    return list(record.values) if hasattr(record, "values") else [record.value]


def _is_doomed(data: dict[str, Any], existing: Any) -> bool:
    """Whether one record, as the package's data, holds a value of the record to be deleted."""
    one = type(existing)(existing.zone, existing.name, data)
    return _values(one)[0] in _values(existing)


def _is_at(shown: str, name: str) -> bool:
    """Whether a name as the API shows it is octoDNS's, which has no upper case."""
    return shown.lower() == name


def _rows(base: Any, name: str = "name", rtype: str = "type", id: str = "id") -> Any:
    """For packages that delete every record of a name and type: only those with a given value."""

    class Mended(base):  # type: ignore[misc]
        def _apply_Delete(self, change: Any) -> None:
            existing = change.existing
            for row in self.zone_records(existing.zone):
                if _is_at(row[name], existing.name) and row[rtype] == existing._type:
                    data = getattr(self, f"_data_for_{existing._type}")(existing._type, [row])
                    if _is_doomed(data, existing):
                        self._client.record_delete(existing.zone.name[:-1], row[id])

    return Mended


def _digitalocean(base: Any) -> Any:
    class Mended(_rows(base)):  # type: ignore[misc]
        def _params_for_CAA(self, record: Any) -> Iterator[dict[str, Any]]:
            # The API wants a final dot and gives none back.
            for params in super()._params_for_CAA(record):
                yield {**params, "data": f"{params['data']}."}

    return Mended


def _dnsimple(base: Any) -> Any:
    class Mended(_rows(base)):  # type: ignore[misc]
        def _data_for_CAA(self, _type: str, records: list[dict[str, Any]]) -> dict[str, Any]:
            # The package fails for a value with a space.
            parts = [record["content"].split(" ", 2) for record in records]
            values = [{"flags": f, "tag": t, "value": v.strip('"')} for f, t, v in parts]
            return {"ttl": records[0]["ttl"], "type": _type, "values": values}

    return Mended


def _easydns(base: Any) -> Any:
    return _rows(base, name="host")


def _bunny(base: Any) -> Any:
    # Its client prints each record that it creates.
    vars(sys.modules[base.__module__])["print"] = lambda *said: None

    # Types of its own, by number: to a URL, by the CDN, by a script.
    names = {5: "RDR", 6: "FLATTEN", 7: "PZ", 11: "SCR"}

    class Mended(_rows(base, "Name", "Type", "Id")):  # type: ignore[misc]
        def zone_records(self, zone: Any) -> Any:
            """With a name for each type."""
            rows = super().zone_records(zone)
            for row in rows:
                if isinstance(row["Type"], int):
                    row["Type"] = names.get(row["Type"], f"BUNNY{row['Type']}")
            return rows

        def special_rrsets(self, zone: Any) -> Special:
            """Through the CDN, off, watched, or for some places only."""
            marks = ("Accelerated", "Disabled", "MonitorType", "SmartRoutingType")
            return {
                (row["Name"], row["Type"])
                for row in self.zone_records(zone)
                if any(row.get(mark) for mark in marks)
            }

    return Mended


def _ovh(base: Any) -> Any:
    texts = ("SPF", "DKIM", "DMARC")

    class Mended(base):  # type: ignore[misc]
        """All kinds of TXT are TXT: the package does not see those of type SPF and DMARC."""

        def get_record(self, zone_name: str, record_id: int) -> Any:
            row = super().get_record(zone_name, record_id)
            return {**row, "fieldType": "TXT"} if row["fieldType"] in texts else row

        def get_records(self, zone_name: str) -> Any:
            self._mended_rows = super().get_records(zone_name)
            return self._mended_rows

        def _apply_delete(self, zone_name: str, change: Any) -> None:
            existing = change.existing
            for row in self._mended_rows:
                if _is_at(row["subDomain"], existing.name) and row["fieldType"] == existing._type:
                    data = getattr(self, f"_data_for_{existing._type}")(existing._type, [row])
                    if _is_doomed(data, existing):
                        self.delete_record(zone_name, row["id"])

        def settle(self, zone_name: str) -> None:
            """Have the name servers take the zone as it is."""
            self._client.post(f"/domain/zone/{zone_name}/refresh")

    return Mended


def _porkbun(base: Any) -> Any:
    class Mended(base):  # type: ignore[misc]
        def _apply_Delete(self, change: Any, zone: Any) -> None:
            existing = change.existing
            for row in self._zone_records[zone.name]:
                if (
                    _is_at(self._relative_name(row.name, zone), existing.name)
                    and row.record_type == existing._type
                    and _is_doomed(self._data_for(existing._type, [row]), existing)
                ):
                    with self._client:
                        self._client.dns.delete(self._domain_name(zone), row.id)

    return Mended


def _transip(base: Any) -> Any:
    module = sys.modules[base.__module__]
    names: dict[str, Any] = vars(module)
    # A function here, and no method: it is met where it is, once.
    data_for = names.setdefault("_mended_data_for", names["_data_for"])
    names["_data_for"] = patient(data_for)

    class Mended(base):  # type: ignore[misc]
        """Entry by entry: the package sends the whole zone anew, without types it does not know."""

        def _apply(self, plan: Any) -> None:
            zone = plan.desired
            service = self._client.domains.get(zone.name[:-1]).dns
            entries = service.list()
            for change in plan.changes:
                if change.existing is not None:
                    for entry in self._mended_doomed(change.existing, entries, zone):
                        service.delete(_entry(entry))
                if change.new is not None:
                    name = change.new.name or self.ROOT_RECORD
                    for row in module._entries_for(name, change.new):
                        service.create(_entry(row))

        def _mended_doomed(self, existing: Any, entries: Iterable[Any], zone: Any) -> Iterator[Any]:
            name = existing.name or self.ROOT_RECORD
            for entry in entries:
                if _is_at(entry.name, name) and entry.type == existing._type:
                    data = data_for(existing._type, [entry], zone)
                    if _is_doomed(data, existing):
                        yield entry

    return Mended


def _entry(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("name", "expire", "type", "content")}


def _hetzner(base: Any) -> Any:
    class Mended(base):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            # The package takes every error while it reads for an empty zone.
            self._client._get_rrsets = lambda zone: zone.get_rrset_all()

    return Mended


def _gandi(base: Any) -> Any:
    class Mended(base):  # type: ignore[misc]
        def _apply_update(self, change: Any) -> None:
            # In one call; the package deletes the RRset first.
            new = change.new
            data = getattr(self, f"_params_for_{new._type}")(new)
            path = f"/livedns/domains/{new.zone.name[:-1]}/records"
            path = f"{path}/{data['rrset_name']}/{data['rrset_type']}"
            body = {name: data[name] for name in ("rrset_ttl", "rrset_values")}
            self._client._request("PUT", path, data=body)

    return Mended


def _desec(base: Any) -> Any:
    class Mended(base):  # type: ignore[misc]
        def _data_for_CAA(self, _type: str, records: list[dict[str, Any]]) -> dict[str, Any]:
            # The package cuts a value off at its first space.
            parts = [record["data"].split(" ", 2) for record in records]
            values = [
                {"flags": flags, "tag": tag.strip('"'), "value": value.strip('"')}
                for flags, tag, value in parts
            ]
            return {"ttl": records[0]["ttl"], "type": _type, "values": values}

    return Mended


def _scaleway(base: Any) -> Any:
    module, page_size = sys.modules[base.__module__], 1000
    marks = ("geo_ip_config", "weighted_config", "http_service_config", "view_config")

    class Mended(base):  # type: ignore[misc]
        def zone_records(self, zone: Any) -> Any:
            """All pages; the package reads one, and takes a refusal for an empty zone."""
            if zone.name not in self._zone_records:
                try:
                    self._zone_records[zone.name] = list(self._mended_pages(zone.name[:-1]))
                except module.ScalewayClientNotFound:
                    return []
            return self._zone_records[zone.name]

        def _mended_pages(self, zone_name: str) -> Iterator[Any]:
            path, page = f"/dns-zones/{zone_name}/records", 1
            while True:
                query = {"page": page, "page_size": page_size}
                found = self._client._request("GET", path, params=query).json()["records"]
                yield from found
                if len(found) < page_size:
                    return
                page += 1

        def _data_for_TXT(self, _type: str, records: list[dict[str, Any]]) -> dict[str, Any]:
            # The package shows the first value only.
            values = [record["data"] for record in records]
            return {"ttl": records[0]["ttl"], "type": _type, "values": values}

        def special_rrsets(self, zone: Any) -> Special:
            """For some places, weighted, or watched."""
            return {
                (row["name"], row["type"])
                for row in self.zone_records(zone)
                if any(row.get(mark) for mark in marks)
            }

    return Mended


def _ns1(base: Any) -> Any:
    class Mended(base):  # type: ignore[misc]
        def populate(self, zone: Any, target: bool = False, lenient: bool = False) -> Any:
            exists = super().populate(zone, target=target, lenient=lenient)
            if exists:
                found = self._client.zones_retrieve(zone.name[:-1])["records"]
                self._mended_special = {
                    (zone.hostname_from_fqdn(row["domain"]), row["type"])
                    for row in found
                    if row.get("tier", 1) > 1 or row.get("link")
                }
            return exists

        def special_rrsets(self, zone: Any) -> Special:
            """With filters, or linked to another record."""
            special: Special = self._mended_special
            return special

    return Mended


def _googlecloud(base: Any) -> Any:
    from octodns.record import Record

    class Mended(base):  # type: ignore[misc]
        def populate(self, zone: Any, target: bool = False, lenient: bool = False) -> bool:
            """Leniently: one record that octoDNS finds wrong makes the package read nothing."""
            found = self.gcloud_zones.get(zone.name)
            if found is None:
                return False
            for row in self.gcloud_zone_records(found):
                if row.record_type in self.SUPPORTS:
                    data = getattr(self, f"_data_for_{row.record_type}")(row)
                    data |= {"type": row.record_type, "ttl": row.ttl}
                    name = zone.hostname_from_fqdn(row.name)
                    record = Record.new(zone, name, data, source=self, lenient=True)
                    zone.add_record(record, lenient=True)
            return True

        def _rrset_for_CAA(self, gcloud_zone: Any, record: Any, gcloud_value: Any = None) -> Any:
            # Quoted: a value may have spaces and semicolons.
            said = [f'{each.flags} {each.tag} "{each.value}"' for each in record.values]
            rrdatas = gcloud_value or said
            return gcloud_zone.resource_record_set(record.fqdn, "CAA", record.ttl, rrdatas)

    return Mended


def _azure(base: Any) -> Any:
    class Mended(base):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._mended_special: Special = set()

        def _populate_record(self, zone: Any, azrecord: Any, lenient: bool = False) -> Any:
            record = super()._populate_record(zone, azrecord, lenient)
            alias = azrecord.target_resource is not None and azrecord.target_resource.id
            if alias or azrecord.metadata:
                # Metadata would be lost: a record set is written whole.
                self._mended_special.add((record.name, record._type))
            return record

        def _data_for_dynamic(self, azrecord: Any) -> dict[str, Any]:
            # An alias of whatever kind: the package knows one kind, and fails for others.
            rtype = azrecord.type.rpartition("/")[2]
            return {"value": None} if rtype == "CNAME" else {"values": []}

        def _get_tm_for_dynamic_record(self, record: Any) -> None:
            # Not asked for: we write none, and the right to read them may be missing.
            return None

        def special_rrsets(self, zone: Any) -> Special:
            """Aliases of Azure resources, and what has metadata."""
            return self._mended_special

    return Mended


MENDED: dict[str, Callable[[Any], Any]] = {
    "azure": _azure,
    "bunny": _bunny,
    "desec": _desec,
    "digitalocean": _digitalocean,
    "dnsimple": _dnsimple,
    "easydns": _easydns,
    "gandi": _gandi,
    "googlecloud": _googlecloud,
    "hetzner": _hetzner,
    "ns1": _ns1,
    "ovh": _ovh,
    "porkbun": _porkbun,
    "scaleway": _scaleway,
    "transip": _transip,
}
