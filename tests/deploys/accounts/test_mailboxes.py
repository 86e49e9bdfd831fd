"""The record of accounts that we made: a damaged one stops nobody, and is kept."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from deploys.accounts import mailboxes
from tests.postmaster.test_settings import site

SERVER = site().servers[0]


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The record's place, in a state folder of its own, while a run is carried out."""
    said: list[str] = []
    here = SimpleNamespace(log_styled=lambda line, **_: said.append(line), said=said)
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path))
    monkeypatch.setattr(mailboxes, "host", here)
    monkeypatch.setattr(mailboxes, "state", SimpleNamespace(is_executing=True))
    (tmp_path / "users").mkdir()
    return tmp_path / "users" / "8.8.8.8.json"


def test_a_record_that_was_cut_anywhere_names_nobody_and_is_kept_aside(record: Path) -> None:
    mailboxes.remember_accounts(SERVER, frozenset({"bob"}))
    mailboxes.remember_accounts(SERVER, frozenset({"ann"}))
    assert mailboxes.made_by_us(SERVER) == {"ann", "bob"}
    whole = record.read_bytes().rstrip()
    for length in range(len(whole)):
        record.write_bytes(whole[:length])
        assert mailboxes.made_by_us(SERVER) == frozenset()
        mailboxes._mend_record(SERVER)
        assert not record.exists()
        (aside,) = record.parent.glob("*.damaged-*")
        assert aside.read_bytes() == whole[:length]
        assert str(aside) in mailboxes.host.said[-1]
        aside.unlink()


@pytest.mark.parametrize("content", ["{}", "[1]", "null", '"bob"', "\xff"])
def test_a_record_with_something_else_in_it_names_nobody(record: Path, content: str) -> None:
    record.write_text(content, encoding="latin-1")
    assert mailboxes.made_by_us(SERVER) == frozenset()


def test_a_record_that_is_whole_stays_where_it_is(record: Path) -> None:
    mailboxes._mend_record(SERVER)
    mailboxes.remember_accounts(SERVER, frozenset({"bob"}))
    mailboxes._mend_record(SERVER)
    assert mailboxes.made_by_us(SERVER) == {"bob"}
    assert mailboxes.host.said == []
