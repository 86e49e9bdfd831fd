"""Guessers wait, then are held off; people who know their password are not."""

from __future__ import annotations

import asyncio
import json

import pytest

from edge import config
from edge.guesses import Guesses, Watch, place

HERE, THERE = "192.0.2.1", "192.0.2.2"


def _guesses() -> Guesses:
    return Guesses(config.Guesses(free=3, most=10, within=600, hold=900))


def test_delay_starts_after_the_free_ones_and_doubles_to_its_cap() -> None:
    guesses = _guesses()
    delays = []
    for second in range(9):
        guesses.wrong(HERE, f"user{second}", second)
        delays.append(guesses.delay(HERE, f"user{second}", second))
    assert delays == [0, 0, 0, 1, 2, 4, 8, 8, 8]


def test_address_is_held_from_its_last_wrong_login_and_free_again_after_the_hold() -> None:
    guesses = _guesses()
    counts = [guesses.wrong(HERE, "bob", 0.0) for _ in range(10)]
    assert counts == [0] * 9 + [10]
    assert guesses.held(HERE, 899.9)
    assert not guesses.held(HERE, 900.0)
    assert not guesses.held(THERE, 1.0)


def test_wrong_logins_during_the_hold_neither_extend_it_nor_report_it_again() -> None:
    guesses = _guesses()
    for _ in range(10):
        guesses.wrong(HERE, "bob", 0.0)
    assert [guesses.wrong(HERE, "bob", 500.0) for _ in range(20)] == [0] * 20
    assert not guesses.held(HERE, 900.0)


def test_old_wrong_logins_do_not_count() -> None:
    guesses = _guesses()
    for minute in range(50):
        assert guesses.wrong(HERE, "bob", minute * 100.0) == 0
    assert guesses.delay(HERE, "bob", 10_000.0) == 0


def test_right_login_takes_back_slips_for_its_own_account_only() -> None:
    guesses = _guesses()
    for _ in range(5):
        guesses.wrong(HERE, "bob", 0.0)
    guesses.right(HERE, "mallory", 1.0)
    assert guesses.delay(HERE, "mallory", 1.0) == 2
    guesses.right(HERE, "BOB", 1.0)
    assert guesses.delay(HERE, "bob", 1.0) == 0


def test_the_same_wrong_password_again_is_no_other_guess() -> None:
    guesses = _guesses()
    assert not any(guesses.wrong(HERE, "bob", 0.0, b"old") for _ in range(50))
    assert guesses.delay(HERE, "bob", 0.0) == 0
    for number in range(8):
        assert not guesses.wrong(HERE, f"user{number}", 0.0, b"old")
    assert guesses.wrong(HERE, "bob", 0.0, b"other") == 10


def test_a_password_that_is_not_known_is_always_another_guess() -> None:
    guesses = _guesses()
    assert [guesses.wrong(HERE, "bob", 0.0) for _ in range(10)] == [0] * 9 + [10]


def test_right_login_of_an_unknown_account_takes_nothing_back() -> None:
    guesses = _guesses()
    for _ in range(5):
        guesses.wrong(HERE, "", 0.0)
    guesses.right(HERE, "", 1.0)
    assert guesses.delay(HERE, "", 1.0) == 2


def test_account_under_attack_from_everywhere_is_slowed_but_not_for_its_owner() -> None:
    guesses = _guesses()
    for number in range(41):
        guesses.wrong(f"198.51.100.{number}", "bob", 0.0)
    guesses.wrong(THERE, "bob", 1.0)
    assert guesses.delay(THERE, "bob", 1.0) == 8
    assert guesses.delay(THERE, "carol", 1.0) == 0
    guesses.right(HERE, "bob", 1.0)
    assert guesses.delay(HERE, "bob", 1.0) == 0
    assert not guesses.held(HERE, 1.0)


def test_forty_wrong_logins_for_an_account_are_not_yet_an_attack() -> None:
    guesses = _guesses()
    for number in range(40):
        guesses.wrong(f"198.51.100.{number}", "bob", 0.0)
    assert guesses.delay("198.51.100.39", "bob", 0.0) == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_host_is_never_held_but_its_guesses_count_for_the_account(address: str) -> None:
    guesses = _guesses()
    assert not any(guesses.wrong(address, "bob", 0.0) for _ in range(41))
    assert not guesses.held(address, 0.0)
    assert guesses.delay(address, "carol", 0.0) == 0
    assert guesses.delay(address, "bob", 0.0) == 8


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_place_of_an_address(address: str, expected: str) -> None:
    assert place(address) == expected


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    guesses = _guesses()
    for _ in range(10):
        guesses.wrong(HERE, "bob", 0.0)
    for number in range(9_999):
        guesses.wrong(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", f"{number}", 1.0)
    assert guesses.held(HERE, 1.0)
    guesses.wrong("10.9.9.9", "last", 1.0)
    assert not guesses.held(HERE, 1.0)


def test_watch_tells_passwords_apart() -> None:
    watch = Watch(_guesses(), lambda: 0.0)

    async def held(*passwords: bytes) -> bool:
        for password in passwords:
            await watch.settle("203.0.113.9", "bob", False, -99.0, password)
        return watch.held("203.0.113.9")

    assert not asyncio.run(held(*[b"old"] * 20))
    assert asyncio.run(held(*(b"%d" % number for number in range(9))))


def test_watch_waits_what_is_left_and_refuses_what_became_held_meanwhile(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    watch = Watch(_guesses(), lambda: now, sleep)

    async def run() -> list[bool]:
        return [await watch.settle(HERE, "bob", False, now - 0.5) for _ in range(10)]

    assert asyncio.run(run()) == [True] * 9 + [False]
    assert waits == [0.5, 1.5, 3.5, 7.5, 7.5, 7.5]
    assert watch.held(HERE)
    # The right one among guesses side by side is not told either.
    assert not asyncio.run(watch.settle(HERE, "bob", True, now))
    told = json.loads(capsys.readouterr().out)
    assert told == {"event": "login_held", "address": HERE, "count": 10}
