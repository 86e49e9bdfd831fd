"""WEB-01 and WEB-02: what web mail looks like from outside, and who else reaches PMail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ground.words import say
from postmaster.checks.results import Status
from postmaster.checks.seen import Seen
from probes.host.front import FrontView
from probes.world.tcp import Reach
from tests.postmaster.full_view import (
    certificate,
    found,
    good,
    one,
    server,
    web,
    with_port,
    with_world,
)

NGINX, BEHIND, PMAIL = (good(server(web=mode)) for mode in ("nginx", "behind", "pmail"))


def _seen(seen: Seen, **changes: Any) -> Seen:
    return with_world(seen, web=replace(web(seen.server), **changes))


def test_web_mail_that_does_not_answer_by_its_name_is_told_with_the_reason() -> None:
    for seen in (NGINX, BEHIND, PMAIL):
        result = one(_seen(seen, mail=False, reason="HTTP 502"), "WEB-01")
        assert result.status is Status.FAIL and "HTTP 502" in say(result.seen)
    closed = _seen(NGINX, secure=Reach.REFUSED, mail=False)
    assert one(closed, "WEB-01").status is Status.FAIL
    paused = replace(closed, server=replace(closed.server, paused=True))
    assert one(paused, "WEB-01").status is Status.UNKNOWN


def test_http_has_to_lead_there_where_something_has_its_port() -> None:
    for seen in (NGINX, BEHIND):
        assert one(_seen(seen, leads=""), "WEB-01").status is Status.FAIL
        assert one(_seen(seen, leads="https://www.example.com/"), "WEB-01").status is Status.FAIL
    assert one(PMAIL, "WEB-01").status is Status.PASS


def test_a_server_without_our_line_is_told_the_command_that_gives_it() -> None:
    lacking = FrontView(True, "www-data", (), "nginx", False, "echo line >> /etc/nginx/x")
    result = one(replace(_seen(BEHIND, mail=False), front=lacking), "WEB-01")
    assert result.remedy and "On the server: echo line >> /etc/nginx/x" in say(result.remedy)
    has_it = replace(lacking, included=True)
    result = one(replace(_seen(BEHIND, mail=False), front=has_it), "WEB-01")
    assert result.remedy and "echo" not in say(result.remedy)


@pytest.mark.parametrize(
    ("view", "status"),
    [
        (FrontView(True, "pmail-web"), Status.PASS),
        (FrontView(True, ""), Status.FAIL),
        (FrontView(True, "pmail-web", ("port",)), Status.FAIL),
        (FrontView(False), Status.UNKNOWN),
    ],
)
def test_nobody_else_may_reach_pmail(view: FrontView, status: Status) -> None:
    assert one(replace(NGINX, front=view), "WEB-02").status is status
    assert found(replace(PMAIL, front=view), "WEB-02") == ()


def test_a_web_server_of_the_users_needs_the_web_hosts_name_alone() -> None:
    its_own = certificate(names=("mail.example.com",))
    for seen, status in ((BEHIND, Status.PASS), (NGINX, Status.FAIL)):
        shown = with_port(seen, 443, certificate=its_own)
        (result,) = [e for e in found(shown, "TLS-02") if str(e.subject).endswith(":443")]
        assert result.status is status
