"""What runs of `deploys/dns.py`, `dns_export.py` and `dns_policy.py` are asked to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deploys.run.options import Choice, File, Flag, Request, option
from deploys.zones.export_text import FORMS
from dns_providers.by_hand.panels import PANELS
from dns_providers.publishing.ledger import LedgerError, read_backup
from ground.words import Words
from postmaster.settings import Site

ACTIONS = ("publish", "plan", "undo", "adopt", "remove")


@dataclass(frozen=True, slots=True)
class DnsRequest(Request):
    """action: one of ACTIONS; without one, undo where there is a backup, else publish.

    backup: file of the records that are put back.
    """

    action: str | None = option("dns_action", Choice(ACTIONS))
    backup: str | None = option("undo", File(exists=True))

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
        """Return why a backup cannot be put back."""
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
    """form: table, zonefile or json. panel: web panel to write for. output: file to write."""

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
