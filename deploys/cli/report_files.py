"""Files that reports are written to: options of every verb that checks, and the writing."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ground.words import text

STANDARD_OUTPUT = "-"


def file_options() -> list[click.Parameter]:
    """Return the options that say where reports go."""
    path = click.Path(dir_okay=False)
    return [
        click.Option(["--json", "as_json"], type=path, metavar="FILE|-", help=text("cli.json")),
        click.Option(["--html"], type=path, metavar="FILE", help=text("cli.html")),
        click.Option(["--junit"], type=path, metavar="FILE", help=text("cli.junit")),
        click.Option(["--prometheus"], type=path, metavar="FILE", help=text("cli.prometheus")),
    ]


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Where the reports of a run go, None where nobody wants them so.

    as_json: a path, or `-` for standard output.
    """

    as_json: str | None = None
    html: str | None = None
    junit: str | None = None
    prometheus: str | None = None

    @property
    def on_standard_output(self) -> bool:
        """Whether nothing else may go there."""
        return self.as_json == STANDARD_OUTPUT

    def write(self, records: list[Any]) -> Iterator[tuple[str, str]]:
        """Write reports; give each path that could not be written, and why.

        records: of the reports, as `postmaster.report.json` makes them. Raises BadRecord for what
        is none.
        """
        for path, content in self._contents(records):
            if path == STANDARD_OUTPUT:
                click.echo(content, nl=False)
                continue
            try:
                write_at_once(Path(path), content)
            except OSError as error:
                yield path, error.strerror or str(error)

    def _contents(self, records: list[Any]) -> Iterator[tuple[str, str]]:
        if self == ReportFiles():
            return
        # Loaded where reports are: who asks for help waits for none of it.
        from postmaster.report.html import page
        from postmaster.report.json import together
        from postmaster.report.junit import junit
        from postmaster.report.kept import read
        from postmaster.report.prometheus import prometheus

        kept = tuple(map(read, records))
        if self.as_json:
            yield self.as_json, json.dumps(together(records), indent=1) + "\n"
        if self.html:
            yield self.html, page(kept)
        if self.junit:
            yield self.junit, junit(kept)
        if self.prometheus:
            yield self.prometheus, prometheus(kept)


def write_at_once(path: Path, content: str) -> None:
    """Write a file so that who reads it finds the old one or the new one, never a part.

    Its rights stay, those of a new one are as the umask has them. Raises OSError.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():  # a pipe, a terminal
        target.write_text(content, "utf-8")
        return
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(content)
        if target.exists():
            fresh.chmod(target.stat().st_mode & 0o777)
        fresh.replace(target)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
