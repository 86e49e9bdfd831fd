"""A server's outbound mail for people: what waits and why, what became of it, what to do."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pyinfra import host, state
from pyinfra.api import FunctionCommand, operation

from deploys.host import edge_layout as edge
from deploys.host import files as host_files
from deploys.host.pmail_layout import AS_PMAIL
from deploys.host.remote import read
from deploys.outbound.look import deliveries
from deploys.outbound.queue_request import COMMANDS, KEPT_COMMANDS, QueueRequest
from deploys.run.listing import as_json
from ground.foreign import json_object
from ground.operations import fail
from ground.shown import one_line
from ground.words import text
from postmaster.outbound import mode_of
from postmaster.settings import MailServer
from probes.host.delivery import Delivery
from probes.host.relay import Waiting, next_tries, waiting

# As PMail's user, where PMail is: what is kept is of the world, and root reads none of it.
_KEPT = (
    f"nsenter --net={edge.NAMESPACE_FILE} {AS_PMAIL} python3 -IB {edge.PROGRAM} kept {edge.CONFIG}"
)
# A message that is not waiting for a receiver is tried when its file says so.
_LOOK = (
    "postqueue -j 2>/dev/null; echo @; "
    "find /var/spool/postfix/deferred -type f -printf '%f %T@\\n' 2>/dev/null"
)
_YEAR_9999 = 253370764800  # Unix seconds; no date is later


@operation()
def queue(server: MailServer, asked: QueueRequest) -> Generator[FunctionCommand, None, None]:
    """Show what waits in a server's queue, or do something with named messages.

    + server: the mail server
    + asked: what to show, or what to do with which messages
    """
    if not mode_of(server).relayed:
        host.noop(text("queue.none"))
        return
    action, ids = asked.action, asked.ids
    if action == "deliveries":
        found = deliveries(host, asked.hours)
        _show(_deliveries_json(found) if asked.as_json else _deliveries_table(found))
        host.noop(text("queue.delivered", count=len(found)))
        return
    if action == "kept":
        kept = _kept()
        _show(as_json(host.name, "kept", kept) if asked.as_json else _kept_table(kept))
        host.noop(text("queue.kept", count=len(kept)))
        return
    if action in KEPT_COMMANDS:
        yield from _do(action, ids, {each["id"] for each in _kept()}, f"{_KEPT} ", KEPT_COMMANDS)
        return
    entries, tries = _look()
    if action == "list":
        _show(_json(entries, tries) if asked.as_json else _table(entries, tries))
        host.noop(text("queue.listed", count=len(entries)))
        return
    yield from _do(action, ids, {each.queue_id for each in entries}, "", COMMANDS)


def _do(
    action: str, ids: tuple[str, ...], there: set[str], program: str, commands: dict[str, str]
) -> Generator[FunctionCommand, None, None]:
    """Do something with named messages, all of which have to be there."""
    if missing := [each for each in ids if each not in there]:
        yield from fail(text("queue.unknown", ids=", ".join(missing)))
        return
    for each in ids:
        host.log_styled(f"  {action} {each}", fg="green")
    script = " && ".join(program + commands[action].format(id=each) for each in ids)
    yield FunctionCommand(host_files.run, (script, text("queue.failed", action=action)), {})


def _show(lines: str) -> None:
    if state.is_executing:
        host.log(lines)


def _look() -> tuple[tuple[Waiting, ...], dict[str, int]]:
    listed, _, files = read(host, _LOOK).stdout.partition("@\n")
    return waiting(listed), next_tries(files)


def _kept() -> list[dict[str, Any]]:
    records = map(json_object, read(host, f"{_KEPT} list").stdout.splitlines())
    return [_as_kept(each) for each in records if each]


def _as_kept(record: dict[str, Any]) -> dict[str, Any]:
    """What PMail's user says of a message, of the kinds that it should have."""
    texts = {name: str(record.get(name) or "") for name in ("id", "sender", "why")}
    to, when = record.get("recipients"), record.get("when")
    return {
        **record,
        **texts,
        "recipients": [str(each) for each in to] if isinstance(to, list) else [],
        "when": when if isinstance(when, (int, float)) and 0 <= when < _YEAR_9999 else 0,
    }


def _kept_table(kept: list[dict[str, Any]]) -> str:
    if not kept:
        return text("queue.none_kept")
    lines = []
    for each in kept:
        to = ", ".join(each["recipients"])
        lines.append(f"{each['id']}  {_time(int(each['when']))}  {each['sender'] or '<>'} -> {to}")
        why = text("queue.forged") if each["why"] == "forged" else each["why"]
        lines.append(f"    {why}")
    return "\n".join(map(one_line, lines))


def _table(entries: tuple[Waiting, ...], tries: dict[str, int]) -> str:
    if not entries:
        return text("queue.empty")
    lines = []
    for each in sorted(entries, key=lambda entry: entry.since):
        when = text("queue.now") if each.queue == "active" else _time(tries.get(each.queue_id))
        lines.append(
            f"{each.queue_id}  {_time(each.since)}  {each.sender or '<>'} -> {each.recipient}"
        )
        lines.append("    " + text("queue.why", queue=each.queue, next=when, reason=each.reason))
    return "\n".join(map(one_line, lines))


def _time(moment: int | None) -> str:
    return f"{datetime.fromtimestamp(moment):%Y-%m-%d %H:%M:%S}" if moment else "-"


def _json(entries: tuple[Waiting, ...], tries: dict[str, int]) -> str:
    rows = [{**asdict(each), "next_try": tries.get(each.queue_id)} for each in entries]
    return as_json(host.name, "queue", rows)


def _deliveries_table(found: tuple[Delivery, ...]) -> str:
    if not found:
        return text("queue.none_delivered")
    lines = []
    for each in found:
        where = each.receiver or "-"
        encrypted = each.tls or text("queue.clear")
        lines.append(
            f"{_time(int(each.time))}  {each.queue_id}  {each.status}  "
            f"{each.sender or '<>'} -> {each.recipient}  ({where}, {encrypted})"
        )
        lines.append(f"    {each.text}")
    return "\n".join(map(one_line, lines))


def _deliveries_json(found: tuple[Delivery, ...]) -> str:
    return as_json(host.name, "deliveries", [asdict(each) for each in found])
