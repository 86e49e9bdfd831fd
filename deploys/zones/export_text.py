"""All records that a zone wants, as a table for a web panel, a zone file or JSON; no pyinfra."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dns_providers.by_hand.panels import Panel, Row, panel_rows, zone_file
from dns_providers.by_hand.table import hints, record_table
from dns_providers.publishing.claims import Claim
from dns_providers.rrset import RRKey, RRset, Value, name_text, owner_name
from dns_providers.text import value_text
from ground.words import text
from postmaster.desired import MX_STAGE, Desired

VERSION = 1


@dataclass(frozen=True, slots=True)
class ZoneExport:
    """What a zone wants, and the panel that it is entered in."""

    zone: str
    wanted: Desired
    panel: Panel

    @property
    def rrsets(self) -> tuple[RRset, ...]:
        """All RRsets, MX last; several claims of one RRset are one."""
        values: dict[RRKey, frozenset[Value]] = {}
        ttls: dict[RRKey, int] = {}
        for claim in sorted(self.wanted.claims, key=lambda each: (_is_mx(each), each.key)):
            values[claim.key] = values.get(claim.key, frozenset()) | claim.values
            ttls[claim.key] = claim.ttl
        return tuple(RRset(key, ttls[key], every) for key, every in values.items())


def export_text(zones: Sequence[ZoneExport], form: str) -> str:
    """Return the export of zones in one of FORMS. Raises ValueError for another one."""
    if form == "table":
        return "\n".join("\n".join(_table(zone)) + "\n" for zone in zones)
    if form == "zonefile":
        return "\n".join(_master_file(zone) for zone in zones)
    if form == "json":
        record = {"version": VERSION, "zones": [_record(zone) for zone in zones]}
        return json.dumps(record, ensure_ascii=False, indent=1) + "\n"
    raise ValueError(form)


def _is_mx(claim: Claim) -> bool:
    return claim.stage == MX_STAGE


def _rows(zone: ZoneExport) -> tuple[tuple[RRKey, Row], ...]:
    apex = owner_name(zone.zone)
    return tuple(
        (rrset.key, row) for rrset in zone.rrsets for row in panel_rows([rrset], apex, zone.panel)
    )


def _table(zone: ZoneExport) -> tuple[str, ...]:
    rows = [row for _, row in _rows(zone)]
    return (
        text("export.title", zone=zone.zone, panel=zone.panel.name),
        *record_table(rows, owner_name(zone.zone), zone.panel),
        *_notes(zone),
    )


def _notes(zone: ZoneExport) -> tuple[str, ...]:
    """What to know of single records: those that must be merged, come last, or are not made yet."""
    found = []
    for claim in sorted(zone.wanted.claims, key=lambda each: (_is_mx(each), each.key)):
        note = _note_of(claim)
        if note:
            found.append(text(note, key=claim.key))
    missing = (text("export.no_key", owner=each.owner) for each in zone.wanted.missing_keys)
    return (*dict.fromkeys(found), *missing)


def _note_of(claim: Claim) -> str | None:
    """Message id of what to know of a claim's record."""
    if claim.singleton is not None:
        return "export.note.spf"
    if claim.only_if_free or (claim.theirs is not None and claim.theirs.anywhere):
        return "export.note.if_free"
    if claim.key.rtype == "CAA":
        return "export.note.beside_others"
    return "export.note.last" if _is_mx(claim) else None


def _master_file(zone: ZoneExport) -> str:
    comments = "".join(f"; {line}\n" for line in (zone.zone, *_notes(zone)))
    apex = owner_name(zone.zone)
    return comments + "".join(zone_file([rrset], apex) for rrset in zone.rrsets)


def _record(zone: ZoneExport) -> dict[str, Any]:
    apex = owner_name(zone.zone)
    return {
        "zone": zone.zone,
        "panel": zone.panel.name,
        "records": [_rrset_record(rrset, zone) for rrset in zone.rrsets],
        "missing_keys": [each.owner for each in zone.wanted.missing_keys],
        "notes": [*hints(apex, zone.panel), *_notes(zone)],
    }


def _rrset_record(rrset: RRset, zone: ZoneExport) -> dict[str, Any]:
    rows = panel_rows([rrset], owner_name(zone.zone), zone.panel)
    return {
        "owner": name_text(rrset.key.owner),
        "type": rrset.key.rtype,
        "ttl": rrset.ttl,
        "values": sorted(value_text(value, rrset.key.rtype) for value in rrset.values),
        "panel": [_row_record(row) for row in rows],
    }


def _row_record(row: Row) -> dict[str, Any]:
    return {
        "host": row.host,
        "type": row.rtype,
        "value": row.value,
        "priority": row.priority,
        "ttl": row.ttl,
        "fields": dict(row.fields),
        "notes": list(map(str, row.notes)),
    }
