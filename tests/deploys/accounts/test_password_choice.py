"""Three sides of a password: given here, on the server, and both as they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploys.accounts.password_choice import Choice, Seen, choose

OLD = Seen("a", "a")
RESPECTED = Seen("a", "p")


@pytest.mark.parametrize(
    ("here", "there", "last", "choice"),
    [
        (None, "a", None, Choice.NOTHING),
        (None, "p", OLD, Choice.NOTHING),
        ("a", "a", None, Choice.RIGHT),
        ("a", "a", OLD, Choice.RIGHT),
        ("b", "b", OLD, Choice.RIGHT),
        ("b", "a", OLD, Choice.SET),
        ("a", "p", OLD, Choice.PANEL),
        ("a", "p", RESPECTED, Choice.PANEL),
        ("b", "p", RESPECTED, Choice.SET),
        ("a", "q", RESPECTED, Choice.PANEL),
        ("b", "p", OLD, Choice.BOTH),
        ("b", "q", RESPECTED, Choice.BOTH),
        ("b", "a", None, Choice.UNKNOWN),
    ],
)
def test_each_side_that_was_changed_counts(
    here: str | None, there: str, last: Seen | None, choice: Choice
) -> None:
    assert choose(here, there, last) is choice


_PASSWORDS = st.sampled_from("abc")


@given(st.none() | _PASSWORDS, _PASSWORDS, st.none() | st.builds(Seen, _PASSWORDS, _PASSWORDS))
def test_nothing_is_set_over_what_somebody_changed_there(
    here: str | None, there: str, last: Seen | None
) -> None:
    if choose(here, there, last) is Choice.SET:
        assert last is not None and last.there == there and here not in (there, last.given)
