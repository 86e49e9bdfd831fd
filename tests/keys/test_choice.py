"""Which key signs: what is lost is not thought never to have been, no live key is changed."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground.words import Words
from keys.choice import (
    REVOKED,
    Choice,
    Evidence,
    Keep,
    Make,
    Refuse,
    Replace,
    Seen,
    TakeBack,
    candidate,
    choose,
    new_key_lost,
    unnamed,
)
from keys.rotation import KeyRef, Rotation, Rules, Step, Strategy

A, B, C = "a" * 64, "b" * 64, "c" * 64  # fingerprints
S, T, FRESH = "pm202611a", "pm202611b", "pm202612a"


def kept(selector: str, fingerprint: str, name: str = "") -> tuple[KeyRef, ...]:
    return (KeyRef(name or selector, selector, fingerprint),)


def evidence(*selectors: Seen, **known: object) -> Evidence:
    """Evidence of a domain that nobody knows, but for what is given."""
    nothing = Evidence(
        "example.test", None, None, None, None, None, (), frozenset(), None, (), FRESH, f"x@{FRESH}"
    )
    return replace(nothing, selectors=selectors, **known)  # type: ignore[arg-type]


STORED = Seen(S, A, kept(S, A), A, A, A, A, marked=S)
LOST = Seen(S, None, (), None, A, A, A, marked=S)  # the host has it
GONE = Seen(S, None, (), None, None, A, A, marked=S)  # nobody has it


def refused(choice: Choice) -> str:
    assert isinstance(choice, Refuse), choice
    return choice.words.id


def test_a_domain_that_nobody_knows_gets_its_first_key() -> None:
    assert choose(evidence()) == Make(FRESH, FRESH)
    assert choose(evidence(fixed="default")) == Make("default", "default")
    assert choose(evidence(pinned="mail")) == Make("mail", "mail")


def test_the_key_in_use_stays() -> None:
    assert choose(evidence(STORED, current=S, signs=S)) == Keep(S, S)


@pytest.mark.parametrize("current", [None, T])
def test_host_and_dns_say_which_key_signs_and_not_the_stores_pointer(current: str | None) -> None:
    other = Seen(T, B, kept(T, B), B, None, B, REVOKED)
    assert choose(evidence(other, STORED, current=current, signs=S)) == Keep(S, S)
    asleep = evidence(other, replace(STORED, on_host=None), current=current)
    assert choose(asleep) == Keep(S, S), "the manifest says it"


def test_a_host_that_has_a_domain_again_does_not_bring_its_key_of_then_back() -> None:
    retired = Seen(S, None, (), A, A, None, None, marked=S)
    now = Seen(T, B, kept(T, B), B, None, B, B)
    assert choose(evidence(retired, now, current=T, signs=S)) == Keep(T, T)
    assert choose(evidence(retired, now, current=T)) == Keep(T, T), "the manifest says it"
    leaked = evidence(retired, now, current=T, signs=S, revoked=frozenset({B}))
    assert candidate(leaked) == S


def test_a_pointer_to_a_revoked_key_is_not_followed() -> None:
    old, new = Seen(S, A, kept(S, A), A), Seen(T, B, kept(T, B), B, B, B, B)
    known = {"current": S, "revoked": frozenset({A})}
    assert choose(evidence(old, new, signs=T, **known)) == Keep(T, T)
    assert isinstance(choose(evidence(old, new, **known)), Replace)


def test_what_dns_shows_of_a_stored_key_is_enough_where_all_pointers_are_lost() -> None:
    old, new = replace(STORED, marked=None, live=REVOKED), Seen(T, B, kept(T, B), B, None, B, B)
    assert choose(evidence(old, new)) == Keep(T, T)


def test_a_key_that_the_host_has_is_taken_back_where_its_record_is_its_own() -> None:
    assert choose(evidence(LOST, signs=S)) == TakeBack(S, S)
    assert choose(evidence(replace(LOST, live=None), signs=S)) == TakeBack(S, S)
    # Its public part is there still: under the same name.
    assert choose(evidence(replace(LOST, known=A), signs=S)) == TakeBack(S, S)


def test_a_fixed_selectors_key_is_taken_back_beside_another_key() -> None:
    other = Seen("default", B, kept("default", B), B, A, A, A)
    assert choose(evidence(other, fixed="default")) == TakeBack("default", f"x@{FRESH}")


def test_a_key_that_is_taken_back_has_the_name_that_the_manifest_remembers() -> None:
    there = replace(LOST, selector="default", marked="default@202611b")
    assert choose(evidence(there, fixed="default")) == TakeBack("default", "default@202611b")
    taken = replace(there, stored=B, known=B, kept=kept("default", B, "default@202611b"))
    assert choose(evidence(taken, fixed="default")) == TakeBack("default", f"x@{FRESH}")


def test_a_fixed_selectors_key_is_found_though_its_pointer_is_lost() -> None:
    refs = (*kept("default", A, "default@202611a"),)
    there = Seen("default", None, refs, B, A, A, A)
    assert choose(evidence(there, fixed="default")) == Keep("default", "default@202611a")


@pytest.mark.parametrize(
    "lost",
    [
        replace(LOST, live=B),  # 6: the host's key is not the record's
        GONE,  # 7
        replace(STORED, live=B),  # 8: somebody has changed the record
        replace(STORED, live=REVOKED),
    ],
)
def test_where_no_key_fits_the_record_another_selector_is_used_and_the_record_stays(
    lost: Seen,
) -> None:
    made = choose(evidence(lost, signs=S, current=S))
    assert isinstance(made, Replace) and made.selector == FRESH and made.lost.selector == S


def test_a_replacement_that_was_begun_is_gone_on_with() -> None:
    begun = Seen(T, B, kept(T, B), B, None, None, None)
    assert choose(evidence(GONE, begun, signs=S, current=T)) == Keep(T, T)


@pytest.mark.parametrize("there", [STORED, LOST])
def test_a_revoked_key_is_never_used_or_taken_back(there: Seen) -> None:
    known = {"signs": S, "current": S, "revoked": frozenset({A})}
    made = choose(evidence(there, **known))
    assert isinstance(made, Replace) and made.selector == FRESH
    fixed = replace(there, selector="default")
    assert refused(choose(evidence(fixed, fixed="default", **known))) == "keys.lost_fixed"


def test_a_fixed_selectors_record_is_left_to_the_machine_that_pauses_mail() -> None:
    fixed = replace(GONE, selector="default", marked="default")
    for live in (A, B, REVOKED):
        there = evidence(replace(fixed, live=live), fixed="default")
        assert refused(choose(there)) == "keys.lost_fixed"
    # Deleted as told, its TTL over: a key under another name, as that one was somebody's.
    known = replace(fixed, live=None, known=A, marked=None)
    assert choose(evidence(known, fixed="default")) == Make("default", f"x@{FRESH}")


def test_a_selector_that_the_inventory_names_is_told_where_its_key_is_lost() -> None:
    assert refused(choose(evidence(GONE, pinned=S))) == "keys.pinned_lost"


def test_who_was_not_asked_is_named_and_nothing_is_made() -> None:
    for there in ((), (GONE,), (replace(LOST, live=None),)):
        made = choose(evidence(*there, signs=S if there else None, silent=("vps1",)))
        assert refused(made) == "keys.not_asked"
    # The store has it: nobody needs to be asked.
    assert choose(evidence(STORED, current=S, silent=("vps1",))) == Keep(S, S)


def test_the_key_that_the_inventory_names_is_taken_in() -> None:
    there = Seen("mail", live=A)
    assert choose(evidence(there, pinned="mail", given=A)) == Make("mail", "mail")
    assert choose(evidence(pinned="mail", given=A)) == Make("mail", "mail")
    assert choose(evidence(replace(there, selector="default"), fixed="default", given=A)) == Make(
        "default", "default"
    )
    leaked = evidence(there, pinned="mail", given=A, revoked=frozenset({A}))
    assert refused(choose(leaked)) == "keys.given_revoked"
    other = evidence(replace(there, live=B), pinned="mail", given=A)
    assert refused(choose(other)) == "keys.pinned_lost"


def test_a_key_that_cannot_be_read_is_told_in_the_stores_words() -> None:
    locked = Words.of("keys.locked", path="x")
    there = replace(STORED, unusable=locked)
    assert choose(evidence(there, signs=S)) == Refuse(locked)


def rotation(step: Step, emergency: bool = False) -> Rotation:
    touched = step in (Step.SWITCH, Step.VERIFY, Step.KEEP, Step.RETIRE)
    old, new = KeyRef(S, S, A), KeyRef(T, T, B)
    rules = Rules(60, 60, 60, 60)
    return Rotation(
        "example.test", Strategy.DUAL, old, new, rules, 0, 0, step, (), emergency, touched=touched
    )


def test_in_a_rotation_its_own_keys_are_used() -> None:
    new = Seen(T, B, kept(T, B), B, B, B, B)
    for step, name in ((Step.PROVE, S), (Step.KEEP, T)):
        there = evidence(STORED, new, current=S, signs=S, rotation=rotation(step))
        assert choose(there) == Keep(name, name)
    # What has leaked signs until the rotation switches: no other key is made meanwhile.
    going = rotation(Step.PROVE, emergency=True)
    leaked = evidence(STORED, new, current=S, rotation=going, revoked=frozenset({A}))
    assert choose(leaked) == Keep(S, S)


def test_a_rotations_new_key_that_is_lost_before_it_was_used_is_known() -> None:
    new = Seen(T, None, (), B, None, B, B)
    assert new_key_lost(evidence(STORED, new, rotation=rotation(Step.PROVE)))
    assert not new_key_lost(evidence(STORED, new, rotation=rotation(Step.KEEP)))
    assert not new_key_lost(
        evidence(STORED, replace(new, on_host=B), rotation=rotation(Step.PROVE))
    )
    assert not new_key_lost(evidence(STORED))


# -- all of it -----------------------------------------------------------------------------------

_key = st.sampled_from([A, B, C])
_maybe = st.none() | _key


@st.composite
def seen(draw: st.DrawFn, selector: str) -> Seen:
    refs = draw(st.lists(_key, max_size=2, unique=True))
    names = [selector, f"{selector}@x"]
    there = tuple(KeyRef(names[i], selector, each) for i, each in enumerate(refs))
    stored = next(iter(refs), None)
    live = draw(_maybe | st.just(REVOKED))
    return Seen(
        selector,
        stored,
        there,
        draw(_maybe),
        draw(_maybe),
        draw(_maybe),
        live,
        draw(st.none() | st.just(selector)),
    )


@st.composite
def anything(draw: st.DrawFn) -> Evidence:
    mode = draw(st.sampled_from(["fixed", "pinned", "free"]))
    names = [S, T, *(["default"] if mode == "fixed" else [])]
    selectors = draw(st.lists(st.sampled_from(names), unique=True))
    name = st.none() | st.sampled_from([S, T])
    return evidence(
        *(draw(seen(each)) for each in selectors),
        fixed="default" if mode == "fixed" else None,
        pinned=S if mode == "pinned" else None,
        given=draw(_maybe),
        current=draw(name),
        signs=draw(name),
        silent=draw(st.sampled_from([(), ("vps1",)])),
        revoked=draw(st.frozensets(_key, max_size=2)),
    )


def used(there: Evidence, made: Choice) -> tuple[str, str] | None:
    """Selector and fingerprint that a choice has signed with; "new" for a new key."""
    match made:
        case Keep(selector, name):
            refs = chain(*(each.kept for each in there.selectors if each.selector == selector))
            return selector, next(each.fingerprint for each in refs if each.name == name)
        case TakeBack(selector, _):
            return selector, there.of(selector).on_host or ""
        case Make(selector, _):
            return selector, there.given or "new"
        case Replace(_, selector):
            return selector, "new"
    return None


@given(anything())
def test_no_choice_changes_a_live_key_or_uses_a_revoked_one_or_goes_round_the_signer(
    there: Evidence,
) -> None:
    found = used(there, choose(there))
    if found is None:
        return
    selector, key = found
    assert there.of(selector).live in (None, key)
    assert key not in there.revoked
    assert there.prescribed in (None, selector)
    if key == "new":
        assert not there.silent
        assert there.of(selector).blank or there.fixed


@given(anything())
def test_what_the_host_signs_with_goes_on_as_long_as_it_verifies(there: Evidence) -> None:
    seen = there.of(candidate(there))
    if seen.on_host and seen.on_host == seen.live and seen.on_host not in there.revoked:
        found = used(there, choose(there))
        assert found == (seen.selector, seen.on_host)


def test_private_keys_that_do_not_sign_and_have_no_record_are_unnamed() -> None:
    old, new = KeyRef("old", S, A), KeyRef("new", S, B)
    there = evidence(Seen(S, B, (old, new), B, B, B, B), signs=S)
    choice = choose(there)
    assert unnamed(there, choice, keep=False) == (old,)
    assert unnamed(there, choice, keep=True) == ()
    # What was revoked goes in any case; what a rotation may go back to stays.
    leaked = replace(there, revoked=frozenset({A}))
    assert unnamed(leaked, choice, keep=True) == (old,)
    going = replace(rotation(Step.KEEP), old=old, new=new)
    assert unnamed(replace(there, rotation=going), choice, keep=False) == ()
    # Its record is in DNS still: a signer that is come back to may need it.
    other = Seen(T, None, kept(T, C), C, None, C, C)
    assert unnamed(replace(there, selectors=(*there.selectors, other)), choice, keep=False) == (
        old,
    )
    assert unnamed(there, Refuse(Words.of("keys.not_asked")), keep=False) == ()
