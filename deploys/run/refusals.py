"""Why a run is refused: all of it is asked when its hosts are reached and nothing is changed yet.

pyinfra prepares no operation with `-y`, so what an operation would refuse there comes too late. A
refusal only looks, and gives its reasons; those of all refusals and hosts are told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from pyinfra.api import Host, OperationError
from pyinfra.context import ctx_config, ctx_host

from deploys.run.cut import BROKEN, why_broken
from ground.words import Words, say, text
from postmaster.settings import MailServer, Site, ZoneSettings

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a run is refused. host: inventory name that it is about, "" for the whole run."""

    words: Words
    host: str = ""

    def __str__(self) -> str:
        if not self.host:
            return say(self.words)
        return text("flow.refused_on", host=self.host, reason=say(self.words))


@dataclass(frozen=True, slots=True)
class Around(Generic[R]):
    """What a run is about to meet; nothing is changed yet.

    reached: mail servers that are connected, by inventory name; where something is going to be
    changed, those outside `--limit` too. silent: mail servers that are not, and why. chosen: names
    that the run is for, zones among them by `zone_names`.
    """

    verb: str
    asked: R
    site: Site
    dry: bool
    reached: Mapping[str, Host]
    silent: Mapping[str, str]
    chosen: frozenset[str]
    zone_names: Mapping[str, str]

    def servers(self) -> tuple[tuple[Host, MailServer], ...]:
        """Return the servers that the run is for and that are reached."""
        return tuple(each for each in self.everywhere() if each[1].host in self.chosen)

    def everywhere(self) -> tuple[tuple[Host, MailServer], ...]:
        """Return all servers that are reached, those outside `--limit` too."""
        return tuple(
            (self.reached[each.host], each)
            for each in self.site.servers
            if each.host in self.reached
        )

    def zones(self) -> tuple[ZoneSettings, ...]:
        """Return the zones that the run is for."""
        names = {self.zone_names[each] for each in self.chosen if each in self.zone_names}
        return tuple(each for each in self.site.zones if each.name in names)


Refusal = Callable[[Around[Any]], Iterable[Refused]]
Ask = Callable[[Host, MailServer], Iterable[Words]]


class RefusedRun(OperationError):
    """A run is refused; nothing was changed. reasons: all of them."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("\n".join((*reasons, text("flow.refused"))))
        self.reasons = reasons


def ask_all(refusals: Sequence[Refusal], around: Around[Any]) -> None:
    """Ask every refusal. Raises RefusedRun with the reasons of all."""
    found = tuple(each for refusal in refusals for each in _asked(refusal, around))
    if found:
        order = sorted(dict.fromkeys(found), key=lambda each: each.host)
        raise RefusedRun(tuple(str(each) for each in order))


def on_each(servers: Iterable[tuple[Host, MailServer]], ask: Ask) -> tuple[Refused, ...]:
    """Ask something of several hosts at the same time.

    A host that cannot answer is a reason. ask: is called with the host current, as pyinfra has it.
    """
    there = tuple(servers)
    with ThreadPoolExecutor(max(len(there), 1)) as pool:
        return tuple(reason for each in pool.map(partial(_on, ask), there) for reason in each)


def _on(ask: Ask, there: tuple[Host, MailServer]) -> tuple[Refused, ...]:
    host, server = there
    with ctx_config.use(host.state.config.copy()), ctx_host.use(host):
        try:
            return tuple(Refused(each, host.name) for each in ask(host, server))
        except BROKEN as error:
            return (Refused(why_broken(host.name, error), host.name),)


def _asked(refusal: Refusal, around: Around[Any]) -> tuple[Refused, ...]:
    try:
        return tuple(refusal(around))
    except BROKEN as error:
        return (Refused(why_broken("-", error)),)
