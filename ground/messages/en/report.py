"""Reports."""

TEXTS = {
    "report.name": "Verify",
    "report.title": "Report on {server}:",
    "report.later": "made when the run is carried out",
    "report.failed": "{server}: checks failed, see above",
    "report.summary": "{server}: {pass} passed, {warn} warnings, {fail} failed, {skip} skipped, {unknown} unknown",
    "report.partial": "{summary} (only: {only}; left out: {skip})",
    "report.changes": "since {since}: new: {new}; gone: {gone}",
    "report.unchanged": "since {since}: nothing new, nothing gone; still open: {still}",
    "report.more": "{names} and {more} more",
    "report.no_rule": "no rule is named {names}; there are: {known} (or only the letters, for all with them: SPF)",
    "report.nothing_left": "--only and --skip leave no rule",
    "report.receivers": "what receivers would say, by these checks (what is in a message, and how its sender is known to them, is not seen):",
    "report.receiver.accepts": "accepts",
    "report.receiver.refuses": "refuses",
    "report.receiver.refuses-bulk": "refuses who sends much, distrusts others",
    "report.receiver.unreached": "mail does not get there",
    "report.receiver.unknown": "not known",
    "report.page": "The report as a page for a browser: {path}",
    "report.place": "in the zone {zone} at {provider}: host {name}, type {rtype}",
    "report.no_page": "the page of the reports in {path} could not be made: {reason}",
}
