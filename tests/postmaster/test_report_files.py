"""Reports for other programs: JUnit XML and the text format of Prometheus."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postmaster.checks.results import Status
from postmaster.report.json import to_record
from postmaster.report.junit import junit
from postmaster.report.kept import Kept, Texts, read
from postmaster.report.model import Report
from postmaster.report.prometheus import prometheus
from tests.postmaster.full_view import found, good
from tests.postmaster.test_report import FAILED, PASSED, SERVER, SKIPPED, UNKNOWN, WARNED, faulty

NOW = datetime(2026, 11, 27, 3, 4, 5, 678000, tzinfo=UTC)
HOSTILE = 'a"b\\c\nd<e>&f\x00\x1b[31m\u202e</testcase>]]>\ud800\ufffe'


def kept(*, strict: bool = False) -> Kept:
    """One result of each kind."""
    results = (PASSED, WARNED, FAILED, SKIPPED, UNKNOWN)
    return read(to_record(Report("vps", NOW, results, took=12.5, strict=strict)))


def hostile(report: Kept, text: str = HOSTILE) -> Kept:
    """The same, with a text of others wherever one can be."""
    said = Texts((text,) * len(report.findings[0].why.each))
    findings = tuple(
        replace(each, why=said, subject=text, observed=(text,)) for each in report.findings
    )
    return replace(report, server=text, findings=findings)


# -- JUnit ---------------------------------------------------------------------------------------

# The JUnit schema that CI systems share (Jenkins xUnit, GitLab, GitHub actions): element ->
# attributes that it has, its children.
SCHEMA: dict[str, tuple[set[str], set[str]]] = {
    "testsuites": ({"tests", "failures", "errors", "skipped"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "timestamp", "time"},
        {"testcase"},
    ),
    "testcase": (
        {"classname", "name", "time"},
        {"failure", "error", "skipped", "system-out"},
    ),
    "failure": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
    "skipped": ({"message"}, set()),
    "system-out": (set(), set()),
}


def checked(xml: str) -> ElementTree.Element:
    """The file's root, once all in it is as the schema has it."""
    root = ElementTree.fromstring(xml.encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, children = SCHEMA[element.tag]
        assert set(element.attrib) == attributes, element.tag
        assert {child.tag for child in element} <= children, element.tag
        assert element.tag != "testcase" or len(element) <= 1
        for name in {"tests", "failures", "errors", "skipped"} & set(element.attrib):
            assert element.get(name, "").isdecimal()
    for suite in root:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp", ""))
        assert float(suite.get("time", "")) >= 0
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.get(name) == str(len(suite.findall(f"testcase/{tag}")))
    return root


def test_junit_has_a_suite_for_each_server_and_a_case_for_each_result() -> None:
    root = checked(junit([read(to_record(faulty())), kept()]))
    assert [len(suite) for suite in root] == [len(faulty().results), 5]
    assert root.get("failures") == "3"
    (case,) = [each for each in root[0] if each.get("name", "").startswith("MX-07 example.com:")]
    (failure,) = case
    assert case.get("classname") == "vps.MX"
    assert failure.get("message") == "there is no MX record"
    assert "-> publish: example.com MX 10 smtp.example.com." in (failure.text or "")


@pytest.mark.parametrize(("strict", "of_warning"), [(False, "system-out"), (True, "failure")])
def test_what_each_status_is_in_junit(strict: bool, of_warning: str) -> None:
    root = checked(junit([kept(strict=strict)]))
    inside = [[child.tag for child in case] for case in root[0]]
    assert inside == [[], [of_warning], ["failure"], ["skipped"], ["error"]]
    optional = tuple(replace(each, required=False) for each in kept().findings)
    root = checked(junit([replace(kept(), findings=optional)]))
    assert [child.tag for child in root[0][4]] == ["skipped"]


def test_no_text_of_others_breaks_junit() -> None:
    root = checked(junit([hostile(read(to_record(faulty())))]))
    assert len(root[0]) == len(faulty().results)
    checked(junit([]))


# -- Prometheus ----------------------------------------------------------------------------------

_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
_SAMPLE = re.compile(rf"([a-zA-Z_:][a-zA-Z0-9_:]*)\{{({_LABEL}(?:,{_LABEL})*)\}} (-?[0-9.e+]+)")
_UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Series:
    """All series, as Prometheus reads the format (version 0.0.4); an assertion fails for others."""
    assert text.endswith("\n")
    series: Series = {}
    declared: list[str] = []
    for line in text.split("\n")[:-1]:
        if line.startswith("# HELP "):
            name, _, told = line.removeprefix("# HELP ").partition(" ")
            assert told and name not in declared
            continue
        if line.startswith("# TYPE "):
            name, kind = line.removeprefix("# TYPE ").split(" ")
            assert kind == "gauge" and name not in declared
            declared.append(name)
            continue
        match = _SAMPLE.fullmatch(line)
        assert match, line
        assert match[1] == declared[-1], "a metric stands in one piece, after its type"
        labels = frozenset(
            (each.partition("=")[0], _plain(each.partition("=")[2][1:-1]))
            for each in re.findall(_LABEL, match[2])
        )
        assert (match[1], labels) not in series, "a series stands once"
        series[match[1], labels] = float(match[3])
    return series


def _plain(value: str) -> str:
    return re.sub(r"\\.", lambda found: _UNESCAPED[found[0]], value)


def labelled(series: Series, name: str) -> dict[frozenset[tuple[str, str]], float]:
    return {labels: value for (metric, labels), value in series.items() if metric == name}


def test_metrics_tell_each_status_the_sums_and_when_it_was_seen() -> None:
    report = read(to_record(replace(faulty(), made=NOW, took=12.5)))
    series = parsed(prometheus([report]))
    statuses = {
        (dict(labels)["check"], dict(labels)["subject"]): value
        for labels, value in labelled(series, "pmail_verify_check_status").items()
    }
    assert statuses["MX-07", "example.com"] == 2 and statuses["MX-07", "other.org"] == 0
    assert statuses["DMARC-02", "_dmarc.example.com"] == -1
    server = ("server", "vps")
    sums = labelled(series, "pmail_verify_checks")
    assert sums[frozenset({server, ("status", "fail")})] == 2
    assert sum(sums.values()) == len(report.findings)
    assert series["pmail_verify_exit_status", frozenset({server})] == 1
    assert series["pmail_verify_time_seconds", frozenset({server})] == int(NOW.timestamp())
    assert series["pmail_verify_duration_seconds", frozenset({server})] == 12.5


def test_of_several_results_on_one_thing_the_worst_is_the_series() -> None:
    series = parsed(prometheus([kept()]))
    (value,) = labelled(series, "pmail_verify_check_status").values()
    assert value == 2
    better = tuple(each for each in kept().findings if each.status is not Status.FAIL)
    series = parsed(prometheus([replace(kept(), findings=better)]))
    assert set(labelled(series, "pmail_verify_check_status").values()) == {3}


@given(st.text())
def test_no_text_of_others_breaks_the_metrics(text: str) -> None:
    report = hostile(kept(), text)
    series = parsed(prometheus([report, replace(report, server=text + "x")]))
    named = {dict(labels)["server"] for _, labels in series}
    assert named == {text, text + "x"}


def test_a_server_as_it_should_be_has_no_series_above_0() -> None:
    series = parsed(prometheus([read(to_record(Report("vps", NOW, found(good(SERVER)))))]))
    assert set(labelled(series, "pmail_verify_check_status").values()) == {0}
