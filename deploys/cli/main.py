"""`pmail-deploy`: the same deploys with options, an exit status 0/1/2/3, and a file for reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from deploys.cli.dns_actions import ACTIONS as DNS_ACTIONS
from deploys.cli.dns_actions import PLAN
from deploys.cli.init_inventory import Answers, inventory_text
from deploys.cli.queue_actions import ACTIONS
from deploys.run.paths import keys_dir, state_dir
from deploys.zones.export_text import FORMS
from dns_providers.by_hand.panels import PANELS
from dns_providers.registry import PROVIDERS, asked_for
from ground.words import text
from postmaster.report import statuses

EXPORT, POLICY = "export", "policy"
_REPOSITORY = Path(__file__).resolve().parents[2]
_FAILED, _BAD_INPUT = 1, 2
# What the site loader says first; then nothing has been changed.
_BAD_INPUT_MARK = text("settings.mistakes", count=0).partition("0")[0]


def _help(name: str) -> str:
    return text(f"cli.{name}")


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every verb that runs a deploy."""
    for option in (
        click.option("-i", "--inventory", default="inventory.py", help=_help("inventory")),
        click.option("--limit", multiple=True, help=_help("limit")),
        click.option("--dry", is_flag=True, help=_help("dry")),
        click.option("-y", "--yes", is_flag=True, help=_help("yes")),
    ):
        function = option(function)
    return function


@click.group(help=_help("group"), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pmail-deploy")
def main() -> None:
    """Run a verb."""


def _run(
    deploy: str,
    inventory: str,
    limit: tuple[str, ...],
    dry: bool,
    yes: bool,
    data: tuple[str, ...] = (),
    more: tuple[str, ...] = (),
) -> int:
    """Run a deploy file with pyinfra; returns 0, 1 or 2.

    data: `name=value` for the deploy. more: options of pyinfra.
    """
    if not Path(inventory).is_file():
        click.secho(text("cli.no_inventory", path=inventory), fg="red", err=True)
        return _BAD_INPUT
    command = [sys.executable, "-m", "pyinfra", str(Path(inventory).absolute()), deploy]
    command += [word for each in limit for word in ("--limit", each)]
    command += [word for each in data for word in ("--data", each)]
    command += more
    command += ["--dry"] if dry else ["-y"] if yes else []
    # State and keys stay where the user is; pyinfra has to run where its configuration is.
    folders = {"PMAIL_STATE": str(state_dir()), "PMAIL_KEYS": str(keys_dir())}
    environment = {**os.environ, **folders}
    with subprocess.Popen(
        command, cwd=_REPOSITORY, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        bad_input = False
        for line in process.stderr:
            bad_input = bad_input or _BAD_INPUT_MARK in line
            click.echo(line, nl=False, err=True)
    if process.returncode == 0:
        return 0
    return _BAD_INPUT if bad_input else _FAILED


def _verb(name: str, deploy: str, *, asks: bool = True) -> None:
    """Add a verb that runs a deploy file. asks: it changes something, so the user says yes."""

    @main.command(name, help=_help(name))
    @_options
    def run(inventory: str, limit: tuple[str, ...], dry: bool, yes: bool) -> None:
        sys.exit(_run(deploy, inventory, limit, dry, yes or not asks))


_verb("deploy", "deploy.py")
_verb("preflight", "deploys/preflight.py", asks=False)
_verb("users", "deploys/users.py")
_verb("tls", "deploys/tls.py")


@main.command("verify", help=_help("verify"))
@_options
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help=_help("json"))
def verify(
    inventory: str, limit: tuple[str, ...], dry: bool, yes: bool, json_file: str | None
) -> None:
    """Is it all true."""
    latest = state_dir() / "reports" / "latest.json"
    before = latest.stat().st_mtime_ns if latest.exists() else 0
    status = _run("deploys/verify.py", inventory, limit, dry, True)
    made = latest.exists() and latest.stat().st_mtime_ns != before
    if made and status in (0, _FAILED):
        record = json.loads(latest.read_text("utf-8"))
        status = statuses(record["reports"]) or status
        if json_file:
            Path(json_file).write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n")
    sys.exit(status)


@main.command("dns", help=_help("dns"))
@_options
@click.option("--format", "form", type=click.Choice(FORMS), help=_help("dns_format"))
@click.option("--panel", type=click.Choice(tuple(PANELS)), help=_help("dns_panel"))
@click.option("-o", "--output", type=click.Path(dir_okay=False), help=_help("dns_output"))
@click.option("--read-only", is_flag=True, help=_help("dns_read_only"))
@click.argument("action", type=click.Choice((*DNS_ACTIONS, EXPORT, POLICY)), default="publish")
@click.argument("backup", type=click.Path(exists=True, dir_okay=False), required=False)
def dns(
    inventory: str,
    limit: tuple[str, ...],
    dry: bool,
    yes: bool,
    form: str | None,
    panel: str | None,
    output: str | None,
    read_only: bool,
    action: str,
    backup: str | None,
) -> None:
    """Records alone."""
    if (action == "undo") is not bool(backup):
        raise click.UsageError(text("dns.action.undo"))
    where = str(Path(output).absolute()) if output else None
    given = {"format": form, "panel": panel, "output": where}
    chosen = tuple(f"{name}={value}" for name, value in given.items() if value)
    if action == EXPORT:
        # Keys that are missing are made, which nobody has to be asked for.
        sys.exit(_run("deploys/dns_export.py", inventory, limit, dry, True, chosen))
    if chosen:
        raise click.UsageError(text("dns.action.export_only"))
    if action == POLICY:
        flag = ("read_only=1",) if read_only else ()
        sys.exit(_run("deploys/dns_policy.py", inventory, limit, dry, True, flag))
    data = (f"dns_action={action}", *((f"undo={Path(backup).absolute()}",) if backup else ()))
    dry = dry or action == PLAN
    sys.exit(_run("deploys/dns.py", inventory, limit, dry, yes, data))


@main.command("queue", help=_help("queue"))
@_options
@click.option("--json", "as_json", is_flag=True, help=_help("queue_json"))
@click.option("--hours", type=click.IntRange(1, 8760), default=24, help=_help("queue_hours"))
@click.argument("action", type=click.Choice(ACTIONS), default="list")
@click.argument("ids", nargs=-1)
def queue(
    inventory: str,
    limit: tuple[str, ...],
    dry: bool,
    yes: bool,
    as_json: bool,
    hours: int,
    action: str,
    ids: tuple[str, ...],
) -> None:
    """What waits, and why."""
    more = ("queue_json=1",) if as_json else ()
    data = (
        f"queue_action={action}",
        f"queue_ids={','.join(ids)}",
        f"queue_hours={hours}",
        *more,
    )
    asks = action == "delete"
    sys.exit(_run("deploys/queue.py", inventory, limit, dry, yes or not asks, data))


@main.command("rotate-dkim", help=_help("rotate"))
@_options
@click.option("--domain", "domains", multiple=True, help=_help("rotate_domain"))
@click.option("--status", is_flag=True, help=_help("rotate_status"))
@click.option("--abort", is_flag=True, help=_help("rotate_abort"))
@click.option("--reveal", metavar="SELECTOR", help=_help("rotate_reveal"))
@click.option("--emergency", is_flag=True, help=_help("rotate_emergency"))
@click.option("--check-age", is_flag=True, help=_help("rotate_check_age"))
@click.option("--wait", is_flag=True, help=_help("rotate_wait"))
def rotate(
    inventory: str,
    limit: tuple[str, ...],
    dry: bool,
    yes: bool,
    domains: tuple[str, ...],
    status: bool,
    abort: bool,
    reveal: str | None,
    emergency: bool,
    check_age: bool,
    wait: bool,
) -> None:
    """Other keys."""
    actions = {"status": status, "abort": abort, "reveal": bool(reveal)}
    asked = [name for name, given in actions.items() if given]
    if len(asked) > 1:
        raise click.UsageError(text("rotation.one_action"))
    flags = {"emergency": emergency, "check_age": check_age, "wait": wait}
    data = (
        f"rotate_action={asked[0] if asked else 'run'}",
        *((f"rotate_domains={','.join(domains)}",) if domains else ()),
        *((f"rotate_selector={reveal}",) if reveal else ()),
        *(f"rotate_{name}=1" for name, given in flags.items() if given),
    )
    # A host that is not there keeps its old key and stops nobody else's rotation.
    more = ("--fail-percent", "100")
    yes = yes or status
    sys.exit(_run("deploys/rotate_dkim.py", inventory, limit, dry, yes, data, more))


@main.command("init", help=_help("init"))
@click.option("-o", "--output", default="inventory.py", help=_help("output"))
@click.option("--host", prompt=text("cli.ask.host"))
@click.option("--ssh-user", prompt=text("cli.ask.ssh_user"), default="root")
@click.option("--domain", "domains", multiple=True)
@click.option("--provider", type=click.Choice(sorted(PROVIDERS)), default=None)
@click.option("--set", "options", multiple=True, metavar="NAME=VALUE", help=_help("set"))
def init(
    output: str,
    host: str,
    ssh_user: str,
    domains: tuple[str, ...],
    provider: str | None,
    options: tuple[str, ...],
) -> None:
    """Write a first inventory."""
    path = Path(output)
    if path.exists():
        click.secho(text("cli.exists", path=output), fg="red", err=True)
        sys.exit(_BAD_INPUT)
    names = domains or tuple(click.prompt(text("cli.ask.domains")).split())
    slug = provider or click.prompt(
        text("cli.ask.provider"), type=click.Choice(sorted(PROVIDERS)), default="rfc2136"
    )
    given = dict(each.partition("=")[::2] for each in options)
    for name in asked_for(slug):
        if name not in given:
            given[name] = click.prompt(name)
    path.write_text(inventory_text(Answers(host, ssh_user, names, slug, tuple(given.items()))))
    click.echo(text("cli.written", path=output))
