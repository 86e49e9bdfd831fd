"""A change as the user sees it: what goes, what comes, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from dns_providers.base import Change, Snapshot
from dns_providers.publishing.ledger import Intent, Ledger, LedgerState, read_backup
from dns_providers.publishing.plan import Conflict, undo
from dns_providers.publishing.wording import change_lines, held_lines, stop_line
from dns_providers.rrset import TXT, owner_name, rrset
from ground.words import Words, text

OLD, NEW = (rrset("example.com", "TXT", 60, TXT(value)) for value in (b"old", b"new"))
GONE, COMING = (
    f'{sign} example.com 60 IN TXT "{value}"' for sign, value in (("-", "old"), ("+", "new"))
)


def test_a_change_says_why_the_record_is_wanted_or_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMAIL_LANG", "en")
    spf, retired = "dns.reason.spf", "dns.reason.retired"
    assert change_lines(Change(OLD, NEW, "spf", spf)) == (GONE, f"{COMING} ; {text(spf)}")
    assert change_lines(Change(None, NEW, "spf", spf)) == (f"{COMING} ; {text(spf)}",)
    assert change_lines(Change(OLD, None, "dkim", retired)) == (f"{GONE} ; {text(retired)}",)


def test_a_change_without_a_reason_shows_none() -> None:
    assert change_lines(Change(OLD, NEW, "acme")) == (GONE, COMING)


def test_a_backup_whose_reason_is_none_of_todays_is_put_back_and_says_so(tmp_path: Path) -> None:
    gone = Intent(Change(OLD, None, "spf", "dns.reason.of_old"), None)
    path = Ledger(tmp_path, "example.com").intend(LedgerState(pending=(gone,)))
    names = frozenset({OLD.key.owner})
    (change,) = undo(read_backup(path)[1], Snapshot(owner_name("example.com"), names, {})).changes
    back = COMING.replace("new", "old")
    assert change_lines(change) == (f"{back} ; {text('dns.reason.undo')}",)


def test_a_change_that_is_not_written_says_so_in_each_line() -> None:
    lines = held_lines(Change(OLD, NEW, "spf"))
    assert lines == tuple(text("dns.held", line=each) for each in (GONE, COMING))


def test_a_conflict_says_whether_it_stops_the_run() -> None:
    problem = Words.of("dns.conflict.foreign", key=OLD.key)
    for needed, id in ((True, "dns.stops"), (False, "dns.goes_on")):
        assert stop_line(Conflict(OLD.key, "spf", needed, problem)).strip() == text(id)
