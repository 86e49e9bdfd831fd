"""The folder of reports: each in a file of its own, the last of each server together."""

from __future__ import annotations

import atexit
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from deploys.run.paths import locked, state_dir
from ground.errors import Told
from ground.private_files import set_aside, write_private
from ground.shown import shown_in
from ground.words import text
from postmaster.report.html import page
from postmaster.report.json import to_record, together, with_past
from postmaster.report.kept import BadRecord, Changes, Kept, read
from postmaster.report.model import Report
from postmaster.settings import file_name

# Tells of a file that is damaged, and where it was put.
Tell = Callable[[Path, Path], None]
_to_show: set[Path] = set()  # folders whose last reports are to be on a page


@dataclass(frozen=True, slots=True)
class Made:
    """A report that is kept. changes: from the last whole one, None where there is none.

    page: where it can be looked at with a browser when the run has ended; None for one of some
    rules only.
    """

    path: Path
    changes: Changes | None
    page: Path | None


def keep(report: Report, most: int, tell: Tell) -> Made:
    """Keep a report, and put it among those of the last run; the oldest go. Raises Busy.

    most: how many of a server stay. One of some rules only is kept beside those of all: it is not
    among the last, and takes none of their places.
    """
    folder = state_dir() / "reports"
    with locked("reports"):
        before = last_whole(folder, report.server)
        record = shown_in(with_past(to_record(report), before))
        now = read(record)
        path = _free(folder, f"{report.made:%Y%m%dT%H%M%SZ}-{file_name(report.server)}")
        write_private(path, as_json(record))
        if not now.partial:
            _put_among_last(folder, record, tell)
        _prune(folder, now, most)
    return Made(path, now.changes, None if now.partial else _shown_at_the_end(folder))


def _shown_at_the_end(folder: Path) -> Path:
    """Have the page of the last reports be made when the run ends, once for all servers."""
    if not _to_show:
        atexit.register(_show_all)
    _to_show.add(folder)
    return folder / "latest.html"


def _show_all() -> None:
    for folder in _to_show:
        try:
            show(folder)
        except (Told, OSError) as error:
            reason = str(error)
            click.secho(text("report.no_page", path=folder, reason=reason), fg="red", err=True)


def show(folder: Path) -> None:
    """Make the page of the last report of each server. Raises Busy, OSError."""
    latest = folder / "latest.json"
    if not latest.exists():
        return
    with locked("reports"):
        records = json.loads(latest.read_text("utf-8"))["reports"]
        write_private(folder / "latest.html", page(filter(None, map(_read, records))).encode())


def last_whole(folder: Path, server: str) -> Kept | None:
    """Return the last report of all rules on a server; files that are no reports do not count."""
    whole = (_read(record) for _, record in _newest(folder, server) if not _is_partial(record))
    return next(filter(None, whole), None)


def _read(record: Any) -> Kept | None:
    try:
        return read(record)
    except BadRecord:
        return None


def as_json(record: object) -> bytes:
    """Return a record, which is as it may be shown, as it is written to a file."""
    return json.dumps(record, ensure_ascii=False, indent=1).encode() + b"\n"


def _put_among_last(folder: Path, record: dict[str, Any], tell: Tell) -> None:
    latest = folder / "latest.json"
    others = [each for each in _last(latest, tell) if each["server"] != record["server"]]
    write_private(latest, as_json(together([*others, record])))


def _last(latest: Path, tell: Tell) -> list[dict[str, Any]]:
    """The reports of the last run; a file that is damaged is kept aside, and told."""
    try:
        reports = json.loads(latest.read_text("utf-8"))["reports"]
        if all(isinstance(each["server"], str) for each in reports):
            return list(reports)
    except FileNotFoundError:
        return []
    except (ValueError, LookupError, TypeError):
        pass
    tell(latest, set_aside(latest, datetime.now(UTC)))
    return []


def _newest(folder: Path, server: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The records of reports on a server, the newest first."""
    # Of two in one second one has a number, so its name could be of another server, too.
    name = re.compile(rf"(\d{{8}}T\d{{6}}Z)-{re.escape(file_name(server))}(?:-(\d+))?")
    found = ((name.fullmatch(each.stem), each) for each in folder.glob("*.json"))
    dated = [(match[1], int(match[2] or 1), each) for match, each in found if match]
    for _, _, path in sorted(dated, reverse=True):
        try:
            record = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(record, dict) and record.get("server") == server:
            yield path, record


def _is_partial(record: dict[str, Any]) -> bool:
    return bool(record.get("only") or record.get("skip"))


def _prune(folder: Path, now: Kept, most: int) -> None:
    """Remove a server's oldest reports of this kind. most: how many stay."""
    found = _newest(folder, now.server)
    alike = [path for path, record in found if _is_partial(record) is now.partial]
    for path in alike[most:]:
        path.unlink()


def _free(folder: Path, stem: str) -> Path:
    """A file that no report is in: of several made in one second, of one name, the last number."""
    numbers = (
        re.fullmatch(r"(?:-(\d+))?", each.stem[len(stem) :])
        for each in folder.glob("*.json")
        if each.stem.startswith(stem)
    )
    taken = [int(match[1] or 1) for match in numbers if match]
    return folder / (f"{stem}-{max(taken) + 1}.json" if taken else f"{stem}.json")
