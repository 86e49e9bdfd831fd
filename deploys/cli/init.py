"""`pmail-deploy init`: a first inventory from a few answers, and the host's SSH key pinned."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from paramiko import SSHException

from deploys.cli import host_key
from deploys.cli.complaint import complain
from deploys.cli.init_inventory import Answers, inventory_text
from deploys.run.outcome import Verdict, exit_status
from deploys.run.verb import PROGRAM
from dns_providers.registry import PROVIDERS, asked_for, misplaced_secrets
from ground.words import say, text


def _example(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    """Print the example of an inventory, and end."""
    if wanted:
        click.echo((PROGRAM / "inventories" / "example.py").read_text("utf-8"), nl=False)
        context.exit()


def _pinned(host: str, user: str, wanted: str | None) -> bool:
    """Show the host's SSH key and pin it, once somebody says that it is right; False for a no.

    wanted: its fingerprint, which needs no question.
    """
    try:
        if wanted is None and host_key.is_pinned(host):
            click.echo(text("cli.host_key_known", host=host, path=host_key.known_hosts()))
            return True
        key = host_key.shown_by(host)
    except (OSError, SSHException) as error:
        reason = error if str(error) else type(error).__name__
        click.echo(text("cli.host_key_unseen", host=host, user=user, reason=reason))
        return wanted is None
    shown = host_key.fingerprint(key)
    if wanted is not None and wanted not in (shown, shown.split()[-1]):
        complain("cli.host_key_other", host=host, shown=shown, wanted=wanted)
        return False
    click.echo(text("cli.host_key_shown", host=host, shown=shown))
    if wanted is None and not click.confirm(text("cli.ask.host_key")):
        complain("cli.host_key_refused", host=host)
        return False
    if not host_key.is_pinned(host):
        host_key.pin(host, key)
    return True


@click.command("init", help=text("cli.init"))
@click.option(
    "--example",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_example,
    help=text("cli.example"),
)
@click.option("-o", "--output", default="inventory.py", help=text("cli.output"))
@click.option("--host", prompt=text("cli.ask.host"))
@click.option("--ssh-user", prompt=text("cli.ask.ssh_user"), default="root")
@click.option("--domain", "domains", multiple=True)
@click.option("--provider", type=click.Choice(sorted(PROVIDERS)), default=None)
@click.option("--set", "options", multiple=True, metavar="NAME=VALUE", help=text("cli.set"))
@click.option(
    "--host-key", "fingerprint", default=None, metavar="SHA256:...", help=text("cli.host_key")
)
def init(
    output: str,
    host: str,
    ssh_user: str,
    domains: tuple[str, ...],
    provider: str | None,
    options: tuple[str, ...],
    fingerprint: str | None,
) -> None:
    """Write a first inventory, and pin the host's key."""
    path = Path(output)
    if path.exists():
        complain("cli.exists", path=output)
        sys.exit(exit_status(Verdict.BAD_INPUT))
    names = domains or tuple(click.prompt(text("cli.ask.domains")).split())
    slug = provider or click.prompt(
        text("cli.ask.provider"), type=click.Choice(sorted(PROVIDERS)), default="rfc2136"
    )
    given = dict(each.partition("=")[::2] for each in options)
    for name in asked_for(slug):
        if name not in given:
            given[name] = click.prompt(name)
    if wrong := [say(each) for each in misplaced_secrets(slug, given, os.environ)]:
        raise click.UsageError("\n".join(wrong))
    if not _pinned(host, ssh_user, fingerprint):
        sys.exit(exit_status(Verdict.FAILED))
    path.write_text(inventory_text(Answers(host, ssh_user, names, slug, tuple(given.items()))))
    click.echo(text("cli.written", path=output))
