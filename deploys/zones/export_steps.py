"""Export of zones: printed on standard output (pyinfra logs on the other one) or to a file."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from pyinfra import host, inventory, state
from pyinfra.api import FunctionCommand, operation

from deploys.run.site import zone_of
from deploys.zones.export_text import ZoneExport, export_text
from deploys.zones.key_records import key_records
from deploys.zones.request import ExportRequest
from dns_providers.by_hand.panels import PANELS
from dns_providers.rrset import key
from ground.operations import fail
from ground.words import text
from keys.store import KeyStoreError
from postmaster import mta_sts
from postmaster.desired import desired
from postmaster.settings import Site, ZoneSettings


@operation()
def export(site: Site, asked: ExportRequest, dry: bool) -> Generator[FunctionCommand, None, None]:
    """Print all records that the zones of this run want; changes nothing.

    + site: the site
    + asked: form, panel and file of the export
    + dry: nothing is going to be carried out, so print now
    """
    zones = _zones(site)
    if not zones or host.name != zones[0][0] or not (dry or state.is_executing):
        host.noop(text("export.elsewhere"))
        return
    try:
        every = [_zone_export(site, zone, asked.panel) for _, zone in zones]
    except KeyStoreError as error:
        yield from fail(str(error))
        return
    try:
        _write(export_text(every, asked.form), asked.output)
    except OSError as error:
        message = text("export.not_written", path=asked.output, reason=error.strerror)
        yield from fail(message)
        return
    host.noop(text("export.done"))


def _zones(site: Site) -> Sequence[tuple[str, ZoneSettings]]:
    """Zones of this run, by the name of their host; one host writes for all, in one piece."""
    active = {each.name for each in state.inventory.get_active_hosts()}
    limited = {each.name for each in state.limit_hosts} if state.limit_hosts else active
    hosts = sorted(inventory.get_group("zones", ()), key=lambda each: each.name)
    return [(h.name, zone_of(site, h)) for h in hosts if h.name in active & limited]


def _zone_export(site: Site, zone: ZoneSettings, panel: str | None) -> ZoneExport:
    chosen = panel or dict(zone.options).get("manual_panel", "generic")
    found = desired(site, zone.name, key_records)
    # What tells senders of a policy comes after the policy, with an id of that time.
    waiting = {
        key(mta_sts.owner(each.domain), "TXT")
        for server in site.servers
        for each in server.sts
        if not each.settled
    }
    claims = tuple(each for each in found.claims if each.key not in waiting)
    return ZoneExport(zone.name, replace(found, claims=claims), PANELS[chosen])


def _write(content: str, output: str | None) -> None:
    if output:
        Path(output).write_text(content, "utf-8")
        return
    sys.stdout.write(content)
    sys.stdout.flush()
