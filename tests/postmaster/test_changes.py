"""What is different from the last report: new, gone, and what nobody knows."""

from __future__ import annotations

from dataclasses import replace

from ground.words import say
from postmaster.checks.results import Status
from postmaster.checks.selection import Selection
from postmaster.report.changes import changes, line
from postmaster.report.json import to_record
from postmaster.report.kept import Changes, Kept, read
from postmaster.report.model import Report
from tests.postmaster.full_view import NOW, found, good
from tests.postmaster.test_report import SERVER, faulty

CLEAN = read(to_record(Report("vps", NOW, found(good(SERVER)))))
FAULTY = read(to_record(faulty()))
BROKEN = ("MX-07 example.com", "DMARC-01 _dmarc.example.com")


def between(now: Kept, before: Kept) -> Changes:
    seen = changes(now, before)
    assert seen is not None
    return seen


def with_status(report: Kept, name: str, status: Status) -> Kept:
    findings = tuple(
        replace(each, status=status) if each.name == name else each for each in report.findings
    )
    return replace(report, findings=findings)


def test_a_problem_is_new_then_still_there_then_gone() -> None:
    assert between(FAULTY, CLEAN) == Changes(NOW, BROKEN, (), 0)
    assert between(FAULTY, FAULTY) == Changes(NOW, (), (), 2)
    assert between(CLEAN, FAULTY) == Changes(NOW, (), BROKEN, 0)
    assert changes(FAULTY, None) is None


def test_a_problem_that_gets_worse_is_not_new() -> None:
    warned = with_status(FAULTY, BROKEN[0], Status.WARN)
    assert between(FAULTY, warned).new == ()


def test_what_was_not_tried_this_time_is_not_gone() -> None:
    assert between(with_status(CLEAN, BROKEN[0], Status.SKIP), FAULTY).gone == BROKEN[1:]
    mute = with_status(CLEAN, BROKEN[0], Status.UNKNOWN)
    assert (between(mute, FAULTY).gone, between(mute, FAULTY).still) == (BROKEN[1:], 1)
    some = Selection.of(["TLS"], [])
    partial = Report("vps", NOW, some.of_results(found(good(SERVER))), selection=some)
    assert between(read(to_record(partial)), FAULTY).gone == ()


def test_what_is_no_longer_checked_is_gone() -> None:
    without = tuple(each for each in CLEAN.findings if each.subject != "example.com")
    assert between(replace(CLEAN, findings=without), FAULTY).gone == BROKEN


def test_the_line_names_some_and_counts_the_others() -> None:
    names = tuple(f"MX-07 d{number}.test" for number in range(8))
    said = say(line(Changes(NOW, names, BROKEN[:1], 0)))
    assert said.startswith("since 2026-11-25 00:00 UTC: new: MX-07 d0.test, ")
    assert "d5.test and 2 more; gone: MX-07 example.com" in said and "d6.test" not in said
    assert "gone: -" in say(line(Changes(NOW, BROKEN, (), 0)))
    assert "still open: 3" in say(line(Changes(NOW, (), (), 3)))
