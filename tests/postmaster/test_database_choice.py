"""A database is begun only where there has been none, or where somebody said so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground.words import say
from postmaster.database_choice import NOTHING, Choice, Fresh, Keep, Place, Refuse, Said, choose
from postmaster.manifest import Facts, HostKnown, Manifest, Stamp, Versions
from probes.host.database import Account, DatabaseSeen, Kind

DAY = datetime(2026, 11, 27, tzinfo=UTC)
FACTS = Facts(
    *("vps", "machine-1", "203.0.113.9", "relay", ("example.test",), (), (), ("bob", "carol")),
    admin="admin",
    versions=Versions("v2.9.7", "12", "1"),
    paused=None,
    rotations=(),
    records=(),
)
MANIFEST = Manifest(Stamp("site", 3, "mark", "me@here", DAY), FACTS, email=40)
KNOWN = HostKnown(3, "mark", None, "machine-1", "203.0.113.9", ("example.test",), "2026-11-27")
ADMIN, BOB = Account("admin", True, False), Account("bob", False, True)
SOUND = DatabaseSeen(
    Kind.SQLITE, 65536, accounts=(ADMIN, BOB), email=41, machine="machine-1", established=True
)
MISSING = DatabaseSeen(Kind.MISSING, machine="machine-1")
LOST = replace(MISSING, established=True)
EMPTY, KEEP = Said(start_empty=True), Said(keep=True)


def chosen(
    seen: DatabaseSeen,
    said: Said = NOTHING,
    manifest: Manifest | None = MANIFEST,
    known: HostKnown | None = KNOWN,
) -> Choice | str:
    """What becomes of it; of a refusal its message id."""
    found = choose(manifest, known, seen, said, Place("vps", "/data/pmail.db"))
    if not isinstance(found, Refuse):
        return found
    assert "/data/pmail.db" in say(found.words)
    return found.words.id


def test_a_host_that_never_had_one_gets_its_first() -> None:
    assert chosen(MISSING, manifest=None, known=None) == Fresh()


def test_a_first_deploy_that_was_killed_before_it_made_one_goes_on() -> None:
    none_yet = replace(MANIFEST, facts=replace(FACTS, versions=Versions()), email=0)
    assert chosen(MISSING, manifest=none_yet) == Fresh()


def test_a_sound_one_with_our_accounts_stays() -> None:
    assert chosen(SOUND) == Keep()
    assert chosen(SOUND, manifest=None, known=None) == Keep()  # of an earlier version of ours
    assert chosen(replace(SOUND, accounts=None)) == Keep()  # no sqlite3 there yet


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (LOST, "database.lost"),
        (replace(LOST, kind=Kind.EMPTY), "database.lost"),
        (replace(LOST, unmounted=("/var/lib/pmail/data",)), "database.not_mounted"),
        (replace(SOUND, unmounted=("/var/lib/pmail/data",)), "database.not_mounted"),
        (replace(SOUND, kind=Kind.OTHER), "database.damaged"),
        (replace(SOUND, problem="malformed (11)"), "database.damaged"),
        (replace(SOUND, accounts=(BOB,)), "database.no_admin"),
        (replace(SOUND, accounts=()), "database.no_admin"),
        (replace(SOUND, accounts=(ADMIN, Account("dora", False, False))), "database.other"),
        (replace(SOUND, accounts=(Account("root", True, False), BOB)), "database.other"),
        (replace(SOUND, email=39), "database.older"),
    ],
)
def test_what_is_gone_damaged_older_or_of_another_server_is_refused(
    seen: DatabaseSeen, why: str
) -> None:
    assert chosen(seen) == why


def test_a_host_that_was_set_up_anew_is_told_from_one_that_lost_its_database() -> None:
    anew = replace(MISSING, machine="machine-2")
    assert chosen(anew, manifest=None) == "database.rebuilt"
    assert chosen(anew, EMPTY, manifest=None) == Fresh()
    volume = replace(SOUND, machine="machine-2", established=False)
    assert chosen(volume, manifest=None) == "database.rebuilt_kept"
    assert chosen(volume, KEEP, manifest=None) == Keep(taken=True)
    assert chosen(LOST, manifest=None, known=None) == "database.lost"


def test_to_start_empty_moves_aside_what_is_unsound_and_nothing_that_is_sound() -> None:
    assert chosen(LOST, EMPTY) == Fresh()
    for seen in (
        replace(LOST, kind=Kind.EMPTY),
        replace(SOUND, problem="malformed"),
        replace(SOUND, accounts=(BOB,)),
        replace(SOUND, email=1),
    ):
        assert chosen(seen, EMPTY) == Fresh(aside=True)
    assert chosen(SOUND, EMPTY) == "database.sound"


def test_a_database_is_kept_by_word_unless_nothing_can_be_kept_of_it() -> None:
    assert chosen(replace(SOUND, email=1), KEEP) == Keep(taken=True)
    assert chosen(replace(SOUND, accounts=(ADMIN,)), KEEP) == Keep(taken=True)
    assert chosen(LOST, KEEP) == "database.lost"
    assert chosen(replace(SOUND, problem="malformed"), KEEP) == "database.damaged"
    assert chosen(replace(SOUND, accounts=()), KEEP) == "database.no_admin"


ANY_SEEN = st.builds(
    DatabaseSeen,
    kind=st.sampled_from(Kind),
    problem=st.sampled_from(["", "malformed"]),
    accounts=st.sampled_from([None, (), (ADMIN,), (ADMIN, BOB)]),
    email=st.integers(0, 80),
    unmounted=st.sampled_from([(), ("/var/lib/pmail",)]),
    machine=st.sampled_from(["machine-1", "machine-2"]),
    established=st.booleans(),
)


@given(ANY_SEEN, st.sampled_from([None, MANIFEST]), st.sampled_from([None, KNOWN]))
def test_nothing_that_has_been_is_ever_replaced_unasked(
    seen: DatabaseSeen, manifest: Manifest | None, known: HostKnown | None
) -> None:
    found = chosen(seen, manifest=manifest, known=known)
    if seen.established or manifest or known or seen.kind not in (Kind.MISSING, Kind.EMPTY):
        assert not isinstance(found, Fresh)


@given(ANY_SEEN, st.sampled_from([None, MANIFEST]), st.sampled_from([None, KNOWN]))
def test_mail_is_never_taken_without_an_administrator_or_beside_its_file_system(
    seen: DatabaseSeen, manifest: Manifest | None, known: HostKnown | None
) -> None:
    if isinstance(chosen(seen, KEEP, manifest=manifest, known=known), Keep):
        assert not seen.unmounted and not seen.problem and seen.kind is Kind.SQLITE
        assert seen.accounts is None or ADMIN in seen.accounts
