"""From the options of a request to parameters of `pmail-deploy`, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from deploys.run.options import (
    Choice,
    File,
    Flag,
    Kind,
    Names,
    Number,
    Option,
    Request,
    Text,
    options,
)
from ground.words import text


def common() -> list[click.Parameter]:
    """Return the options of every verb that runs a deploy."""
    return [
        click.Option(["-i", "--inventory"], default="inventory.py", help=text("cli.inventory")),
        click.Option(["--limit"], multiple=True, help=text("cli.limit")),
        click.Option(["--dry"], is_flag=True, help=text("cli.dry")),
        click.Option(["-y", "--yes"], is_flag=True, help=text("cli.yes")),
    ]


def parameters(request: type[Request], without: tuple[str, ...] = ()) -> list[click.Parameter]:
    """Return the parameters for a request's options. without: fields that have none."""
    return [
        _parameter(name, each) for name, each in options(request).items() if name not in without
    ]


def asked(request: type[Request], given: Mapping[str, Any]) -> Request:
    """Return the request that was given; what was not given is at its default."""
    there = {name: given[name] for name in options(request) if given.get(name)}
    return request(**there)


def _parameter(name: str, each: Option) -> click.Parameter:
    if each.flags:
        described = text(each.help) if each.help else None
        return click.Option([*each.flags, name], help=described, **_settings(name, each.kind))
    return click.Argument([name], required=False, **_argument(each.kind))


def _settings(name: str, kind: Kind) -> dict[str, Any]:
    match kind:
        case Flag():
            return {"is_flag": True}
        case Names():
            return {"multiple": True}
        case Text() if type(kind) is Text:
            return {"metavar": name.upper()}
    return {"type": _type(kind)}


def _argument(kind: Kind) -> dict[str, Any]:
    return {"nargs": -1} if isinstance(kind, Names) else {"type": _type(kind)}


def _type(kind: Kind) -> click.ParamType[Any] | None:
    match kind:
        case Choice(choices=choices):
            return click.Choice(choices)
        case Number(least=least, most=most):
            return click.IntRange(least, most)
        case File(exists=exists):
            return click.Path(exists=exists, dir_okay=False)
    return None
