"""Backups of a zone's records: the newest stay."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from dns_providers.base import Change
from dns_providers.publishing.ledger import Intent, Ledger, LedgerState, read_backup
from dns_providers.rrset import TXT, rrset

NEW = rrset("example.com", "TXT", 60, TXT(b"new"))
INTENDED = LedgerState(pending=(Intent(Change(None, NEW, "spf"), None),))


def test_of_a_zone_s_backups_the_newest_stay_and_no_other_zone_s_goes(
    tmp_path: Path,
) -> None:
    zones = ("example.com", "sub.example.com", "example.com-a")
    made: dict[str, list[Path]] = {zone: [] for zone in zones}
    for second in range(3):
        for zone in zones:
            now = datetime(2026, 11, 27, 3, 4, second, tzinfo=UTC)
            made[zone].append(Ledger(tmp_path, zone, 2).intend(INTENDED, now))
    left = set((tmp_path / "backups").iterdir())
    assert left == {path for paths in made.values() for path in paths[1:]}
    assert {read_backup(path)[0] for path in left} == set(zones)
