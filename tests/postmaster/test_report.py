"""A report: for people, for programs, and as an exit status."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ground.words import LANGUAGES
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
from postmaster.checks.selection import Selection
from postmaster.report.json import to_record
from postmaster.report.model import Report
from postmaster.report.text import receivers, summary, table
from tests.languages import SCRIPTS
from tests.postmaster.full_view import (
    NOW,
    answer,
    dmarc_site,
    found,
    good,
    server,
    with_domain,
    with_world,
)

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
    none["dmarc_site"] = dmarc_site("example.com")
    return Report("vps", NOW, found(with_domain(good(SERVER), "example.com", **none)))


def test_a_table_shows_each_result_its_remedy_and_the_sum() -> None:
    made = faulty()
    lines = table(made)
    (at,) = [number for number, line in enumerate(lines) if line.startswith("FAIL  MX-07")]
    assert " ".join(lines[at].split()) == "FAIL MX-07 example.com there is no MX record"
    assert lines[at + 1].strip().startswith("-> publish: example.com MX 10 smtp.example.com.")
    assert len(lines) == len(made.results) + sum(r.remedy is not None for r in made.results) + 1
    assert lines[-1] == summary(made)
    assert "2 failed, 8 skipped, 0 unknown" in lines[-1]


def test_json_says_what_each_result_is_about_in_pieces_and_what_it_was_skipped_for() -> None:
    record = to_record(faulty())
    assert (record["schema_version"], record["server"], record["exit_status"]) == (2, "vps", 1)
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


def test_json_says_what_was_observed_expected_and_where_it_is_written() -> None:
    record = to_record(replace(faulty(), took=2.5))
    assert (record["duration_ms"], record["started"]) == (2500, "2026-11-24T23:59:57+00:00")
    assert record["summary"]["fail"] == 2 and sum(record["summary"].values()) == len(
        record["results"]
    )
    results = {(each["id"], each["subject"]): each for each in record["results"]}
    missing = results["DMARC-01", "_dmarc.example.com"]
    assert missing["expected"].startswith("v=DMARC1; p=none")
    assert results["MX-07", "example.com"]["expected"] == "smtp.example.com"
    assert results["MX-07", "other.org"]["expected"] is None
    assert missing["remedy_values"]["owner"] == "_dmarc.example.com"
    (nothing,) = missing["observed"]
    assert (nothing["value"], nothing["rcode"]) == ("", "nodata")
    assert missing["refs"] == ["RFC 9989 section 4.10"] and "QQ" in missing["required_by"]
    (record_there,) = results["DMARC-01", "_dmarc.other.org"]["observed"]
    assert record_there["value"] == '"v=DMARC1; p=none; rua=mailto:dmarc@other.org"'
    assert results["MX-07", "other.org"]["observed"][0]["value"] == "10 smtp.example.com."
    assert results["DMARC-02", "_dmarc.example.com"]["observed"] == []
    addresses = {each["value"] for each in results["RDNS-01", "8.8.8.8"]["observed"]}
    assert addresses == {"smtp.example.com"}
    assert results["NET-02", "8.8.8.8:25"]["observed"][0]["value"].startswith("220 ")


def test_json_has_every_text_in_every_language(monkeypatch: pytest.MonkeyPatch) -> None:
    for lang in LANGUAGES:
        monkeypatch.setenv("PMAIL_LANG", lang)
        record = to_record(faulty())
        assert record["language"] == lang
        for each in record["results"]:
            said = each["texts"][lang]
            assert (said["title"], said["why"]) == (each["title"], each["why"])
            assert said["remedy"] == each["remedy"]
            assert set(each["texts"]) == set(LANGUAGES)
            assert SCRIPTS["zh"].search(each["texts"]["zh"]["title"])


def test_the_fields_of_version_1_are_still_there() -> None:
    for each in to_record(faulty())["results"]:
        assert (each["check"], each["seen"]) == (each["id"], each["why"])


def test_strict_takes_a_warning_for_a_failure_and_nothing_else() -> None:
    assert exit_status((WARNED, PASSED)) == 0 and exit_status((WARNED,), strict=True) == 1
    assert exit_status((UNKNOWN, PASSED), strict=True) == 3
    assert Report("vps", NOW, (WARNED,), strict=True).exit_status == 1


def test_a_report_on_some_rules_says_so_and_not_what_receivers_would_say() -> None:
    some = Selection.of(["MX"], ["DKIM"])
    made = replace(faulty(), selection=some, results=some.of_results(faulty().results))
    assert "(only: MX; left out: DKIM)" in summary(made)
    assert receivers(made) == () and to_record(made)["receivers"] == []


def test_the_lines_on_receivers_name_the_codes_and_the_checks() -> None:
    first, *lines = receivers(faulty())
    assert "receivers" in first and len(lines) == 7
    (qq,) = [each for each in lines if each.startswith("  QQ ")]
    assert qq.endswith("refuses  550 DMARC check failed  (DMARC-01 _dmarc.example.com)")
    verdicts = {each["receiver"]: each["verdict"] for each in to_record(faulty())["receivers"]}
    assert verdicts["qq"] == "refuses" and verdicts["sina"] == "accepts"


def test_a_host_that_advice_names_is_expected_only_where_the_rule_is_about_names() -> None:
    refused = replace(good(server("smarthost")).relay, logins=(("out.provider.test", 67),))
    seen = replace(good(server("smarthost")), relay=refused)
    record = to_record(Report("vps", NOW, found(seen, "OUT-04")))
    (login,) = record["results"]
    assert login["remedy_values"] == {"host": "out.provider.test"} and login["expected"] is None


def test_what_a_banner_has_for_terminals_is_seen_and_not_obeyed() -> None:
    smtp = replace(good(SERVER).world.smtp, banner="220 a\x1b[2J\u202eb\nc")
    record = to_record(Report("vps", NOW, found(with_world(good(SERVER), smtp=smtp), "NET-02")))
    (banner,) = record["results"][0]["observed"]
    assert banner["value"] == "220 a\\x1b[2J\\u202eb\\nc"


def test_of_receivers_that_ask_for_nothing_that_was_looked_at_nothing_is_said() -> None:
    assert receivers(Report("vps", NOW, found(good(SERVER), "NET-02"))) == ()
    lines = receivers(Report("vps", NOW, found(good(SERVER), "SPF-03")))
    assert len(lines) == 7 and not [each for each in lines if "Sina" in each]
