"""Reports."""

TEXTS = {
    "report.name": "Verify",
    "report.title": "Report on {server}:",
    "report.later": "made when the run is carried out",
    "report.failed": "{server}: checks failed, see above",
    "report.summary": "{server}: {pass} passed, {warn} warnings, {fail} failed, {skip} skipped, {unknown} unknown",
}
