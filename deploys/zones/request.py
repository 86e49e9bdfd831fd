"""What runs of `deploys/dns.py`, `dns_export.py` and `dns_policy.py` are asked to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploys.accounts.database_request import DatabaseRequest
from deploys.run.options import Choice, File, Flag, Names, Request, option
from dns_providers.by_hand.panels import PANELS
from dns_providers.publishing.ledger import LedgerError, read_backup
from ground.words import Words
from postmaster.settings import Site
from postmaster.settings_table import BadValue, host_name

ACTIONS = ("publish", "plan", "undo", "adopt", "remove")
FORMS = ("table", "zonefile", "json")


def _withdraw(word: str) -> Any:
    """Domains and host names that the inventory no longer has, to be taken out of DNS."""
    return option(word, Names(), "--withdraw", default=(), help="cli.withdraw")


def _not_leaving(names: Iterable[str], site: Site, here: Site) -> Iterable[Words]:
    known = {each.name: each for each in site.leaving}
    if unknown := [each for each in names if each not in known]:
        shown = {"names": ", ".join(unknown), "known": ", ".join(sorted(known)) or "-"}
        yield Words.of("leaving.not_leaving", **shown)
    zones = {each.name for each in here.zones}
    asked = (known[each] for each in names if each in known)
    if left := sorted({each.zone for each in asked if each.held and each.zone not in zones}):
        yield Words.of("flow.left_out", names=", ".join(left))


def _a_labels(names: Iterable[str]) -> tuple[str, ...]:
    """Names as the inventory has them, however they were typed."""
    found = []
    for each in names:
        try:
            found.append(host_name(each))
        except BadValue:
            found.append(each)  # it is told as unknown
    return tuple(found)


@dataclass(frozen=True, slots=True)
class DeployRequest(DatabaseRequest):
    """withdraw: domains and host names that the inventory no longer has, to go from DNS."""

    withdraw: tuple[str, ...] = _withdraw("withdraw")

    @property
    def withdrawn(self) -> tuple[str, ...]:
        """What is to be withdrawn, in A-labels."""
        return _a_labels(self.withdraw)

    def problems_in(self, site: Site, here: Site) -> Iterable[Words]:
        """Return what cannot be withdrawn, or be said of a database."""
        yield from DatabaseRequest.problems_in(self, site, here)
        yield from _not_leaving(self.withdrawn, site, here)


@dataclass(frozen=True, slots=True)
class DnsRequest(Request):
    """action: one of ACTIONS; without one, undo where there is a backup, else publish.

    backup: file of the records that are put back. withdraw: as for a deploy.
    """

    action: str | None = option("dns_action", Choice(ACTIONS))
    backup: str | None = option("undo", File(exists=True))
    withdraw: tuple[str, ...] = _withdraw("dns_withdraw")

    @property
    def withdrawn(self) -> tuple[str, ...]:
        """What is to be withdrawn, in A-labels."""
        return _a_labels(self.withdraw)

    @property
    def task(self) -> str:
        """What is to be done, one of ACTIONS."""
        return self.action or ("undo" if self.backup else "publish")

    @property
    def changes(self) -> bool:
        """A plan does not."""
        return self.task != "plan"

    @property
    def makes_keys(self) -> bool:
        """Whether DKIM keys come first."""
        return self.task in ("publish", "plan")

    @property
    def groups(self) -> tuple[str, ...] | None:
        """Without keys to make there is nothing to do for a mail server."""
        return None if self.makes_keys else ("zones",)

    def problems(self, *, dry: bool) -> Iterable[Words]:
        """Return why this makes no sense."""
        if (self.task == "undo") is not bool(self.backup):
            yield Words.of("dns.action.undo")
        if self.task == "plan" and not dry:
            yield Words.of("dns.action.plan")

    def problems_in(self, site: Site, here: Site) -> Iterable[Words]:
        """Return why a backup cannot be put back, or something not be withdrawn."""
        yield from _not_leaving(self.withdrawn, site, here)
        if not self.backup or not Path(self.backup).is_file():
            return
        try:
            owner = read_backup(Path(self.backup))[0]
        except LedgerError as error:
            yield error.words
            return
        if owner not in {each.name for each in site.zones}:
            yield Words.of("dns.backup.no_zone", path=self.backup, zone=owner)
        elif owner not in {each.name for each in here.zones}:
            yield Words.of("flow.left_out", names=owner)


@dataclass(frozen=True, slots=True)
class ExportRequest(Request):
    """form: one of FORMS. panel: web panel to write for. output: file to write."""

    form: str = option("format", Choice(FORMS), "--format", default="table", help="cli.dns_format")
    panel: str | None = option("panel", Choice(tuple(PANELS)), "--panel", help="cli.dns_panel")
    output: str | None = option("output", File(), "--output", "-o", help="cli.dns_output")

    @property
    def asks(self) -> bool:
        """A key that is missing is made, which nobody has to be asked for."""
        return False


@dataclass(frozen=True, slots=True)
class PolicyRequest(Request):
    """read_only: the rights for `--dry` alone."""

    read_only: bool = option(
        "read_only", Flag(), "--read-only", default=False, help="cli.dns_read_only"
    )

    @property
    def changes(self) -> bool:
        """It only looks."""
        return False

    @property
    def shown_dry(self) -> bool:
        """It is shown by a run that is carried out."""
        return False
