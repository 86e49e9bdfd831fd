"""A report: for people, for programs, and as an exit status."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from postmaster.checks import subjects
from postmaster.checks.results import (
    Judgement,
    Result,
    exit_status,
    failed,
    passed,
    skipped,
    unknown,
    warned,
)
from postmaster.checks.rules import HOST_01, PROP_03, Rule
from postmaster.report.json import to_record
from postmaster.report.model import Report
from postmaster.report.text import summary, table
from tests.postmaster.full_view import NOW, answer, found, good, server, with_domain

SERVER = server()
WORDS = HOST_01.title


def result(judgement: Judgement, rule: Rule = HOST_01) -> Result:
    return Result(rule, subjects.of_host(SERVER), judgement)


PASSED, SKIPPED = result(passed(WORDS)), result(skipped(WORDS))
WARNED, FAILED = result(warned(WORDS, WORDS)), result(failed(WORDS, WORDS))
UNKNOWN = result(unknown(WORDS))


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ((PASSED, WARNED, SKIPPED), 0),
        ((PASSED, UNKNOWN, SKIPPED), 3),
        ((UNKNOWN, FAILED), 1),
        ((FAILED, UNKNOWN), 1),
        ((result(unknown(WORDS, required=False)), PASSED), 0),
        ((result(unknown(WORDS), PROP_03), PASSED), 0),
        ((result(failed(WORDS, WORDS), PROP_03),), 1),
    ],
)
def test_the_exit_status_says_fail_before_unknown(results: tuple[Result, ...], status: int) -> None:
    assert exit_status(results) == status
    made = Report("vps", NOW, results)
    assert made.exit_status == to_record(made)["exit_status"] == status


def faulty() -> Report:
    """One where the first domain has no MX and no DMARC record."""
    none: dict[str, Any] = {"mx": answer("example.com", "MX"), "mx_addresses": ()}
    none["dmarc"] = answer("_dmarc.example.com", "TXT")
    return Report("vps", NOW, found(with_domain(good(SERVER), "example.com", **none)))


def test_a_table_shows_each_result_its_remedy_and_the_sum() -> None:
    made = faulty()
    lines = table(made)
    (at,) = [number for number, line in enumerate(lines) if line.startswith("FAIL  MX-07")]
    assert " ".join(lines[at].split()) == "FAIL MX-07 example.com there is no MX record"
    assert lines[at + 1].strip().startswith("-> publish: example.com MX 10 smtp.example.com.")
    assert len(lines) == len(made.results) + sum(r.remedy is not None for r in made.results) + 1
    assert lines[-1] == summary(made)
    assert "2 failed, 1 skipped, 0 unknown" in lines[-1]


def test_json_says_what_each_result_is_about_in_pieces_and_what_it_was_skipped_for() -> None:
    record = to_record(faulty())
    assert (record["version"], record["server"], record["exit_status"]) == (1, "vps", 1)
    assert record["made"] == "2026-11-25T00:00:00+00:00"
    results = {(each["check"], each["subject"]): each for each in record["results"]}
    assert len(results) == len(record["results"])
    missing = results["MX-07", "example.com"]
    assert missing["about"] == {"kind": "domain", "zone": "example.com", "domain": "example.com"}
    assert (missing["status"], missing["required"]) == ("fail", True)
    assert (missing["message"], missing["values"]) == ("checks.mx.none", {})
    assert (missing["seen"], missing["because"]) == ("there is no MX record", None)
    assert missing["title"] == "MX leads to this server, and to no other"
    assert missing["remedy"].startswith("publish: example.com MX 10")
    skipped = results["DMARC-02", "_dmarc.example.com"]
    assert (skipped["status"], skipped["because"]) == ("skip", "DMARC-01")
    assert skipped["about"]["record"] == "_dmarc.example.com/TXT"
    port = results["NET-02", "8.8.8.8:465"]
    assert port["about"] == {"kind": "port", "address": "8.8.8.8", "port": 465}
    assert port["remedy"] is None and results["HOST-01", "vps"]["about"] == {"kind": "host"}


def test_an_empty_report_has_a_sum_alone() -> None:
    made = replace(faulty(), results=())
    assert table(made) == (summary(made),) and made.exit_status == 0
