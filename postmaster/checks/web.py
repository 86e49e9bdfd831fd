"""Checks of web mail: it answers by its name, and PMail is reached by no other way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ground.words import Words
from postmaster.checks import rules, subjects
from postmaster.checks.results import Judgement, failed, passed, unknown
from postmaster.checks.runner import Check
from postmaster.checks.seen import Seen
from postmaster.checks.subjects import Subject
from postmaster.web import web_of
from probes.host.front import FrontView
from probes.world.web import WebView


def _web(seen: Seen) -> Iterator[tuple[Subject, WebView | None]]:
    yield subjects.of_host(seen.server), seen.world.web


def answers(view: WebView | None, seen: Seen) -> Judgement:
    """WEB-01: web mail answers by its name over https, and http leads there."""
    if view is None:
        return unknown(Words.of("checks.host.unseen"))
    mode, name = web_of(seen.server), seen.server.web_host
    if not view.mail and seen.server.paused:
        return unknown(Words.of("checks.net.paused"), required=False)
    if not view.mail:
        reason = view.reason or str(view.secure)
        return failed(Words.of("checks.web.no_mail", name=name, reason=reason), _remedy(seen))
    if mode.fronted and not view.leads.startswith(f"https://{name}"):
        leads = view.leads or str(view.plain)
        return failed(Words.of("checks.web.not_led", name=name, leads=leads), _remedy(seen))
    return passed(Words.of("checks.web.mail", name=name))


def _remedy(seen: Seen) -> Words:
    if seen.front.server and not seen.front.included:
        values = {"server": seen.front.server, "command": seen.front.command}
        return Words.of("checks.web.include", **values)
    if web_of(seen.server).ports == "theirs":
        return Words.of("checks.web.their_log", server=seen.front.server or "-")
    return Words.of("checks.web.deploy")


def _front(seen: Seen) -> Iterator[tuple[Subject, FrontView]]:
    yield subjects.of_host(seen.server), seen.front


def apart(view: FrontView, _: Seen) -> Judgement:
    """WEB-02: who is not the web server before PMail does not reach it."""
    if not view.reached:
        return unknown(Words.of("checks.host.unseen"))
    if view.past:
        past = Words.of("checks.web.past", ways=", ".join(view.past))
        return failed(past, Words.of("checks.web.deploy"))
    if not view.owner:
        return failed(Words.of("checks.web.no_socket"), Words.of("checks.web.deploy"))
    return passed(Words.of("checks.web.apart", user=view.owner))


CHECKS: tuple[Check[Seen, Any], ...] = (
    Check(rules.WEB_01, _web, answers),
    Check(rules.WEB_02, _front, apart),
)
