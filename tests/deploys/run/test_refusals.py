"""Every reason to refuse a run is asked and told at once, and what cannot be asked is a reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from paramiko import SSHException
from pyinfra.api import Config, Host, Inventory, State
from pyinfra.context import ctx_host

from deploys.run.options import Request
from deploys.run.refusals import Around, Refused, RefusedRun, ask_all, on_each
from ground.errors import DeployError
from ground.words import Words
from postmaster.parse import HostData, parse_site
from postmaster.settings import MailServer
from tests.postmaster.test_settings import KNOWN, SELECTOR, zone


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMAIL_LANG", "en")


def around(*chosen: str, reached: tuple[str, ...] = ("a", "b")) -> Around[Any]:
    """Two servers, with a domain each in a zone of its own."""
    servers = [
        HostData("a", {"domains": ["a.test"], "ipv4": "8.8.8.8"}),
        HostData("b", {"domains": ["b.test"], "ipv4": "8.8.4.4"}),
    ]
    site = parse_site(servers, (zone("a.test"), zone("b.test")), KNOWN, SELECTOR)
    made = Inventory((["a", "b"], {}))
    State(made, Config())
    hosts = {name: made.get_host(name) for name in reached}
    silent = {name: "no route" for name in {"a", "b"} - set(reached)}
    names = {f"@zone/{each.name}": each.name for each in site.zones}
    return Around(
        "deploy", Request(), site, False, hosts, silent, frozenset(chosen or ("a", "b")), names
    )


def reason(word: str, host: str = "") -> Refused:
    return Refused(Words.of("host.not_looked", reason=word), host)


def test_all_reasons_of_all_refusals_are_told_at_once_once_each_and_by_host() -> None:
    refusals = (
        lambda _: (reason("late", "b"), reason("early", "a")),
        lambda _: (),
        lambda _: (reason("whole"), reason("early", "a")),
    )
    with pytest.raises(RefusedRun) as error:
        ask_all(refusals, around())
    first, second, third = error.value.reasons
    assert "whole" in first and not first.startswith(("a:", "b:"))
    assert second.startswith("a: ") and "early" in second and third.startswith("b: ")
    assert str(error.value).splitlines()[-1] == "Nothing was changed."
    ask_all(refusals[1:2], around())


@pytest.mark.parametrize(
    "error", [DeployError("host.not_looked", reason="cut"), OSError("cut"), SSHException("cut")]
)
def test_what_cannot_be_asked_is_one_reason_and_the_others_are_asked_all_the_same(
    error: Exception,
) -> None:
    def breaks(_: Around[Any]) -> Iterable[Refused]:
        yield reason("seen before")
        raise error

    with pytest.raises(RefusedRun) as refused:
        ask_all((breaks, lambda _: [reason("another")]), around())
    assert len(refused.value.reasons) == 2
    assert all(word in str(refused.value) for word in ("cut", "another"))


def test_each_host_is_asked_as_the_current_one_and_its_failure_is_its_own() -> None:
    def ask(host: Host, server: MailServer) -> Iterable[Words]:
        assert ctx_host.get() is host and host.name == server.host
        if host.name == "a":
            raise EOFError
        return [Words.of("host.not_looked", reason="mine")]

    first, second = on_each(around().servers(), ask)
    assert (first.host, second.host) == ("a", "b")
    assert "EOFError" in str(first) and "mine" in str(second)
    assert on_each((), ask) == ()


def test_a_run_is_for_the_servers_and_zones_that_are_chosen_and_reached() -> None:
    limited = around("a", "@zone/b.test")
    assert [each.host for _, each in limited.servers()] == ["a"]
    assert [each.host for _, each in limited.everywhere()] == ["a", "b"]
    assert [each.name for each in limited.zones()] == ["b.test"]
    assert around(reached=("b",)).servers()[0][1].host == "b"
