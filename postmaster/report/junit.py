"""Reports as JUnit XML: a suite for each server, a test case for each result."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ground.words import language
from postmaster.checks.results import Status
from postmaster.report.kept import Finding, Kept

# What XML 1.0 has no way to write (section 2.2, Char).
_NO_CHAR = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(reports: Iterable[Kept]) -> str:
    """Return the reports as a JUnit file, in the user's language.

    A failed check is a `failure`; a required one that is unknown an `error`; what was not tried is
    `skipped`. A warning passes, with what it says as output, unless the report is strict.
    """
    root = Element("testsuites")
    every = [_suite(root, report) for report in reports]
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in every)))
    indent(root)
    return tostring(root, "unicode", xml_declaration=True) + "\n"


def _suite(root: Element, report: Kept) -> Element:
    suite = SubElement(root, "testsuite", name=_clean(report.server))
    for each in report.findings:
        _case(suite, each, report)
    tags = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    suite.set("tests", str(len(report.findings)))
    for name, tag in tags.items():
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("timestamp", report.made.strftime("%Y-%m-%dT%H:%M:%S"))
    suite.set("time", f"{report.seconds:.3f}")
    return suite


def _case(suite: Element, finding: Finding, report: Kept) -> None:
    area = finding.id.partition("-")[0]
    name = f"{finding.name}: {finding.title.in_(language())}"
    case = SubElement(
        suite, "testcase", classname=_clean(f"{report.server}.{area}"), name=_clean(name)
    )
    case.set("time", "0")
    why = _clean(finding.why.in_(language()))
    match _tag(finding, strict=report.strict):
        case None if finding.status is Status.WARN:
            SubElement(case, "system-out").text = _whole(finding)
        case None:
            pass
        case "skipped":
            SubElement(case, "skipped", message=why)
        case tag:
            found = SubElement(case, tag, type=finding.status.value, message=why)
            found.text = _whole(finding)


def _tag(finding: Finding, *, strict: bool) -> str | None:
    match finding.status:
        case Status.FAIL:
            return "failure"
        case Status.WARN:
            return "failure" if strict else None
        case Status.UNKNOWN:
            return "error" if finding.required else "skipped"
        case Status.SKIP:
            return "skipped"
    return None


def _whole(finding: Finding) -> str:
    """What was seen and what to do."""
    said = [finding.why.in_(language()), *finding.observed]
    if finding.remedy:
        said.append(f"-> {finding.remedy.in_(language())}")
    return _clean("\n".join(said))


def _clean(text: str) -> str:
    return _NO_CHAR.sub("\ufffd", text)
