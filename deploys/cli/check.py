"""`pmail-deploy check DOMAIN ...`: any domain, without a host, an inventory or pyinfra."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

import click

from deploys.cli.complaint import complain
from deploys.cli.parameters import parameters
from deploys.cli.report_files import ReportFiles, file_options
from deploys.run.outcome import Verdict
from deploys.run.outcome import exit_status as status_of
from deploys.verification import check as checking
from deploys.verification.check import CheckRequest
from deploys.verification.request import Selecting
from ground.words import say, text
from postmaster.checks.results import Result, Status
from postmaster.report.json import to_record
from postmaster.report.model import Report
from postmaster.report.text import receivers, summary, table
from postmaster.settings_table import (
    RESOLVERS,
    BadValue,
    Reader,
    any_address,
    mail_domain,
    selector,
)
from probes.world.dns import Resolvers
from probes.world.enquiry import Enquiry
from probes.world.loop import wait_for


def _request(
    domains: Iterable[str],
    selectors: Iterable[str],
    addresses: Iterable[str],
    resolvers: Iterable[str],
    selecting: Selecting,
) -> tuple[CheckRequest, tuple[str, ...]]:
    """What is asked for, and the resolvers. Raises UsageError with all that is wrong."""
    wrong = [say(each) for each in selecting.problems(dry=False)]

    def read(given: Iterable[str], reader: Reader) -> tuple[str, ...]:
        found = []
        for each in given:
            try:
                found.append(str(reader(each)))
            except BadValue as error:
                wrong.append(str(error))
        return tuple(dict.fromkeys(found))

    request = CheckRequest(
        read(domains, mail_domain),
        read(selectors, selector),
        read(addresses, any_address),
        selecting.selection,
        selecting.strict,
    )
    asked = read(resolvers, any_address) or RESOLVERS
    if wrong:
        raise click.UsageError("\n".join(wrong))
    return request, asked


def _run(**given: Any) -> None:
    files = ReportFiles(**{each.name: given.pop(each.name) for each in fields(ReportFiles)})
    names = ("domains", "selectors", "addresses", "resolvers")
    lists = {name: given.pop(name) for name in names}
    request, resolvers = _request(**lists, selecting=Selecting(**given))
    records: list[Any] = []
    wanted = any(getattr(files, each.name) for each in fields(files))

    def tell(report: Report) -> None:
        if wanted:
            records.append(to_record(report))
        if not files.on_standard_output:
            _show(report, brief=len(request.domains) > 1)

    work = checking.each_told(request, Enquiry(Resolvers(resolvers)), tell)
    status = checking.exit_status(wait_for(work))
    missing = list(files.write(records)) if wanted else []
    for path, reason in missing:
        complain("cli.not_written", path=path, reason=reason)
    sys.exit(status or (status_of(Verdict.FAILED) if missing else 0))


def _show(report: Report, *, brief: bool) -> None:
    """Print a report. brief: of several, each without what passed."""
    if brief:
        silent = (Status.PASS, Status.SKIP)
        shown = [each for each in report.results if each.status not in silent]
        lines = (*table(_with(report, shown))[:-1], summary(report))
    else:
        lines = (*table(report), *receivers(report))
    click.echo("\n".join((text("report.title", server=report.server), *lines, "")))


def _with(report: Report, results: Iterable[Result]) -> Report:
    return replace(report, results=tuple(results))


def _many(flag: str, name: str, help: str) -> click.Option:
    return click.Option([flag, name], multiple=True, metavar=flag.strip("-").upper(), help=help)


check = click.Command(
    "check",
    callback=_run,
    params=[
        click.Argument(["domains"], nargs=-1, required=True, metavar="DOMAIN..."),
        _many("--selector", "selectors", text("cli.check.selector")),
        _many("--ip", "addresses", text("cli.check.ip")),
        _many("--resolver", "resolvers", text("cli.check.resolver")),
        *parameters(Selecting),
        *file_options(),
    ],
    help=text("cli.check"),
)
