"""What a rotation tells: what it will do and how long it takes, where it is, how others went."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deploys.rotation import wording
from deploys.rotation.request import Request
from deploys.run.options import parse
from ground.words import say
from keys.dkim import DkimPublicKey
from keys.journal import audit
from keys.rotation import KeyRef, Rotation, Rules, Step, Strategy, after, back, begin, instead
from keys.store import About
from postmaster.outbound import SigningKey
from tests.postmaster.test_settings import site

DOMAIN = "example.test"
RULES = Rules(ttl=3600, low_ttl=60, slack=300, keep=7 * 86400)
OLD, NEW = KeyRef("pm202611a", "pm202611a"), KeyRef("pm202612a", "pm202612a")
SITE = site()  # its domain is example.com
NOON = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMAIL_LANG", "en")


def at(step: Step, strategy: Strategy = Strategy.DUAL, emergency: bool = False) -> Rotation:
    rotation = begin(DOMAIN, strategy, OLD, NEW, RULES, NOON, emergency=emergency)
    while rotation.step is not step:
        rotation = after(rotation, NOON)
    return rotation


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.4, "0 s"),
        (119.0, "119 s"),
        (120.0, "2 min"),
        (7199.0, "120 min"),
        (7200.0, "2 h"),
        (172799.0, "48 h"),
        (172800.0, "2 days"),
        (7 * 86400.0, "7 days"),
    ],
)
def test_a_duration_is_told_in_the_unit_that_people_count_it_in(seconds: float, told: str) -> None:
    assert wording.span(seconds) == told


def test_a_time_is_the_local_one_with_its_offset() -> None:
    told = wording.moment(NOON)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}", told)
    assert datetime.strptime(told, "%Y-%m-%d %H:%M:%S %z").timestamp() == NOON


def test_what_will_be_done_is_told_with_the_keys_and_how_long_it_takes() -> None:
    (dual,) = wording.announcement(at(Step.MAKE))
    assert DOMAIN in dual and "pm202611a" in dual and "pm202612a" in dual
    assert "stays 7 days" in dual and "EMERGENCY" not in dual
    (fixed,) = wording.announcement(at(Step.MAKE, Strategy.FIXED))
    # Servers that follow within a minute, then the low TTL and the slack.
    assert "lowered to 60 s" in fixed and "about 7 min" in fixed and "In all 7 days" in fixed


def test_an_emergency_is_told_with_what_fails_and_what_goes_with_it() -> None:
    dual = wording.announcement(at(Step.MAKE, emergency=True))
    assert "EMERGENCY" in dual[0] and "checks" in dual[1] and len(dual) == 2
    fixed = at(Step.MAKE, Strategy.FIXED, emergency=True)
    told = wording.announcement(instead(at(Step.KEEP, Strategy.FIXED), fixed))
    assert "about 60 s" in told[0] and "up to 65 min" in told[0]
    assert "pm202611a" in told[2] and len(told) == 3
    both = replace(fixed, superseded=(OLD, NEW))
    assert "pm202611a, pm202612a" in wording.announcement(both)[2]


def test_where_a_rotation_is_says_until_when_it_waits() -> None:
    (on,) = wording.where(at(Step.INSTALL))
    assert on == f"{DOMAIN}: from pm202611a to pm202612a, next: put the key on the host"
    way, waits = wording.where(at(Step.KEEP))
    assert "next: keep the old record" in way
    assert f"until {wording.moment(NOON + RULES.keep)}" in waits
    (turned,) = wording.where(back(at(Step.INSTALL), NOON))
    assert turned.startswith(f"{DOMAIN}: back to pm202611a, away from pm202612a, next: ")


def test_a_rotation_that_pauses_mail_says_so_and_one_that_failed_says_why() -> None:
    lines = wording.where(at(Step.PUBLISH, Strategy.FIXED))
    assert len(lines) == 2 and "paused" in lines[1]
    assert wording.done(at(Step.INSTALL)) == f"{DOMAIN}: done: put the key on the host"


def test_a_wait_is_told_with_its_step_and_its_end() -> None:
    told = wording.waiting(at(Step.KEEP), NOON).named
    assert told["domain"] == DOMAIN and told["step"].startswith("keep the old record")
    assert (told["old"], told["new"]) == ("pm202611a", "pm202612a")
    assert told["until"] == wording.moment(NOON)


def test_a_key_is_told_with_its_age_and_when_it_is_due() -> None:
    signing = SigningKey(DOMAIN, "pm202611a", (DOMAIN,))
    public = DkimPublicKey("AAAA", 2048)
    made = datetime.now(UTC) - timedelta(days=40, hours=1)
    line = wording.key_line(signing, About("pm202611a", "pm202611a", public, made), 180)
    assert line.startswith(f"{DOMAIN}: pm202611a, 2048 bits, age in days 40 of 180, SHA-256 ")
    assert line.endswith(f" {public.fingerprint[:16]}…")
    assert wording.key_line(signing, None, 180).startswith(f"{DOMAIN}: there is no key yet")


def test_a_rotation_that_ended_is_one_line_of_how_it_went() -> None:
    over = at(Step.DONE, Strategy.FIXED)
    line = wording.past(audit(over))
    when = wording.moment(NOON)
    assert line == f"{when} – {when}: pm202611a -> pm202612a, 0 s without mail"
    turned = back(at(Step.INSTALL), NOON)
    while not turned.ended:
        turned = after(turned, NOON + 60)
    aborted = wording.past(audit(turned))
    assert aborted.startswith(f"{when} – {wording.moment(NOON + 60)}: turned back to pm202611a")


# -- what a run is asked to do


def parsed(**data: object) -> Request:
    asked, wrong = parse(Request, {f"rotate_{name}": value for name, value in data.items()})
    assert not wrong
    return asked


def refused(**data: object) -> list[str]:
    """Why this makes no sense, in the order in which it is told."""
    asked, wrong = parse(Request, {f"rotate_{name}": value for name, value in data.items()})
    return [
        *map(say, wrong),
        *map(say, asked.problems(dry=False)),
        *map(say, asked.problems_in(SITE, SITE)),
    ]


def test_a_run_without_options_does_what_is_due_for_all() -> None:
    asked = parsed()
    assert asked == Request("run", (), False, False, False, None)
    assert asked.names("example.test") and asked.names("whatever")
    assert parsed(emergency="", wait=None, domains="") == Request()


def test_a_run_is_asked_for_single_domains_and_with_flags() -> None:
    asked = parsed(domains="example.test,,other.test", check_age="yes", wait=True)
    assert asked.domains == ("example.test", "other.test")
    assert (asked.check_age, asked.wait, asked.emergency) == (True, True, False)
    assert parsed(domains="other.test").names("other.test")
    assert not parsed(domains="other.test").names("example.test")
    assert parsed(emergency="1").emergency and not parsed(emergency="1").wait


def test_one_key_at_a_time_is_turned_back_or_revealed() -> None:
    assert parsed(action="abort", domains="example.test").action == "abort"
    asked = parsed(action="reveal", domains="example.test", selector="pm202601a")
    assert (asked.action, asked.selector) == ("reveal", "pm202601a")
    assert parsed(action="status").action == "status"
    for domains in ("", "example.com,example.com"):
        assert len(refused(action="abort", domains=domains)) == 1
        assert len(refused(action="reveal", domains=domains, selector="x")) == 1


def test_every_mistake_in_what_is_asked_for_is_told_at_once() -> None:
    told = refused(
        action="dance", domains="b.test,a.test", emergency="1", check_age="1", selector="x"
    )
    assert len(told) == 4
    assert "dance" in told[0] and "run, status, abort, reveal" in told[0]
    assert "--emergency" in told[1] and "selector" in told[2]
    assert "b.test, a.test" in told[3] and "example.com" in told[3]


def test_a_selector_belongs_to_reveal_and_reveal_needs_one() -> None:
    assert len(refused(selector="x")) == 1
    assert len(refused(action="reveal", domains="example.com")) == 1
