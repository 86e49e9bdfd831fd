"""`pmail-deploy`: the same deploys with options, an exit status 0/1/2/3, and a file for reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from deploys.cli import click_texts
from deploys.cli.complaint import complain
from deploys.cli.parameters import asked, common, parameters
from deploys.cli.report_files import ReportFiles, file_options
from deploys.cli.verbs import DNS, EXPORT, POLICY, ROTATE, VERBS, VERIFY
from deploys.run import options, outcome
from deploys.run.options import Request
from deploys.run.outcome import ReportMade, Verdict, exit_status
from deploys.run.verb import PROGRAM, Verb
from deploys.zones.request import ACTIONS
from ground.words import say, text

_FAILED, _BAD_INPUT = exit_status(Verdict.FAILED), exit_status(Verdict.BAD_INPUT)
_STDERR = 2


click_texts.translate()


@click.group(help=text("cli.group"), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pmail-deploy")
def main() -> None:
    """Run a verb."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a run: the exit status, and the reports that were made."""

    status: int
    reports: tuple[ReportMade, ...] = ()


def run_deploy(
    verb: Verb[Any], request: Request, given: dict[str, Any], *, apart: bool = False
) -> Finished:
    """Run a verb's deploy file with pyinfra. given: the options that every verb has.

    apart: standard output stays free for something else. Raises click's UsageError for what makes
    no sense.
    """
    inventory, dry = Path(given["inventory"]), given["dry"]
    if wrong := [say(each) for each in request.problems(dry=dry)]:
        raise click.UsageError("\n".join(wrong))
    if not inventory.is_file():
        complain("cli.no_inventory", path=given["inventory"])
        return Finished(_BAD_INPUT)
    # -P: nothing in the user's folder is taken for a module of ours, or of pyinfra's.
    command = [sys.executable, "-P", "-m", "pyinfra", "--config", str(PROGRAM / "config.py")]
    command += [str(inventory.absolute()), str(verb.path)]
    command += [word for each in given["limit"] for word in ("--limit", each)]
    command += [word for each in options.as_data(request) for word in ("--data", each)]
    command += ["--dry"] if dry else ["-y"] if given["yes"] or not request.asks else []
    with TemporaryDirectory() as folder:
        named = os.environ.get(outcome.VARIABLE) or f"{folder}/outcome"
        path = Path(named).absolute()
        try:
            outcome.empty(path)  # what an earlier run came to is not what this one does
        except OSError as error:
            complain("flow.no_outcome", path=named, reason=error.strerror)
            return Finished(_BAD_INPUT)
        environment = {**os.environ, **_our_own(), outcome.VARIABLE: str(path)}
        returncode = call(command, environment, **({"stdout": _STDERR} if apart else {}))
        ended = outcome.read(path)
    if ended is None:
        complain("cli.cut_off")
        return Finished(_FAILED)
    status = exit_status(ended.verdict)
    return Finished(status or (_FAILED if returncode else 0), ended.reports)


def _our_own() -> dict[str, str]:
    """The variables with which a program imports our modules, whatever folders the user has.

    An editable install comes after all that lies where a program is started: `deploys`, `keys`.
    """
    folder = str(Path(__file__).resolve().parents[__name__.count(".")])
    if folder in sys.path:
        return {}
    return {"PYTHONPATH": os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))}


def call(command: list[str], environment: dict[str, str], stdout: int | None = None) -> int:
    """Run a command to its end; returns its exit status. stdout: where that goes; None: to ours."""
    with subprocess.Popen(command, env=environment, stdout=stdout) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # pyinfra has been told too: its outcome says what is done


def _add(verb: Verb[Any], callback: Callable[..., None], more: list[click.Parameter]) -> None:
    """Add a verb. more: parameters beside those that every verb has."""
    described = text(verb.help) if verb.help else None
    params = [*common(), *more]
    main.add_command(click.Command(verb.name, callback=callback, params=params, help=described))


def _runs(verb: Verb[Any]) -> Callable[..., None]:
    """The callback of a verb that just runs its deploy file."""

    def run(**given: Any) -> None:
        sys.exit(run_deploy(verb, asked(verb.request, given), given).status)

    return run


def _verify(**given: Any) -> None:
    files = ReportFiles(**{each.name: given.pop(each.name) for each in fields(ReportFiles)})
    request = asked(VERIFY.request, given)
    finished = run_deploy(VERIFY, request, given, apart=files.on_standard_output)
    sys.exit(_written(finished, files))


def _written(finished: Finished, files: ReportFiles) -> int:
    """Write the reports of a run where they are wanted; returns its exit status."""
    if not finished.reports:
        return finished.status
    records = [json.loads(Path(each.path).read_text("utf-8")) for each in finished.reports]
    missing = list(files.write(records))
    for path, reason in missing:
        complain("cli.not_written", path=path, reason=reason)
    return finished.status or (_FAILED if missing else 0)


def _dns(action: str, **given: Any) -> None:
    """Records alone: three deploy files."""
    there: dict[str, Verb[Any]] = {"export": EXPORT, "policy": POLICY}
    verb = there.get(action, DNS)
    for other in (EXPORT, POLICY):
        names = options.options(other.request)
        if other is not verb and any(given[name] for name in names):
            flags = ", ".join(each.flags[0] for each in names.values())
            raise click.UsageError(text("cli.dns_only_for", flags=flags, verb=other.name))
    if verb is DNS:
        given["action"] = action
        given["dry"] = given["dry"] or action == "plan"
    elif given["backup"]:
        raise click.UsageError(text("dns.action.undo"))
    sys.exit(run_deploy(verb, asked(verb.request, given), given).status)


def _rotate(status: bool, abort: bool, **given: Any) -> None:
    """Other keys. What else than to rotate them is an option of its own here."""
    actions = {"status": status, "abort": abort, "reveal": bool(given["selector"])}
    chosen = [name for name, is_given in actions.items() if is_given]
    if len(chosen) > 1:
        raise click.UsageError(text("rotation.one_action"))
    given["action"] = chosen[0] if chosen else None
    sys.exit(run_deploy(ROTATE, asked(ROTATE.request, given), given).status)


# What `pmail-deploy` gives more than the options of the request, or otherwise.
_ACTION = click.Argument(
    ["action"], type=click.Choice((*ACTIONS, "export", "policy")), default="publish"
)
_add(VERIFY, _verify, [*parameters(VERIFY.request), *file_options()])
_add(
    DNS,
    _dns,
    [
        _ACTION,
        *parameters(DNS.request, without=("action",)),
        *parameters(EXPORT.request),
        *parameters(POLICY.request),
    ],
)
_add(
    ROTATE,
    _rotate,
    [
        *parameters(ROTATE.request, without=("action",)),
        click.Option(["--status"], is_flag=True, help=text("cli.rotate_status")),
        click.Option(["--abort"], is_flag=True, help=text("cli.rotate_abort")),
    ],
)
for _each in VERBS:
    if _each.help and _each.name not in main.commands:
        _add(_each, _runs(_each), parameters(_each.request))


class _Init(click.Command):
    """`init`, loaded when it is the one that is meant: with what it takes to talk to a host."""

    def make_context(self, *given: Any, **named: Any) -> click.Context:
        """Return the context of the command itself."""
        from deploys.cli.init import init

        return init.make_context(*given, **named)


class _Check(click.Command):
    """`check`, loaded when it is the one that is meant: with what it takes to ask DNS."""

    def make_context(self, *given: Any, **named: Any) -> click.Context:
        """Return the context of the command itself."""
        from deploys.cli.check import check

        return check.make_context(*given, **named)


main.add_command(_Init("init", help=text("cli.init")))
main.add_command(_Check("check", help=text("cli.check")))
