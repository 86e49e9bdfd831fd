"""Is what a run is asked for right? Options, limits, settings: all mistakes are told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from traceback import extract_tb
from typing import Any, Generic, TypeVar

import click
from pyinfra import inventory
from pyinfra.api import Host, Inventory, OperationError, State
from pyinfra.context import ctx_state

from deploys.run import options, site
from deploys.run.needs import zones_of
from deploys.run.options import Request
from deploys.run.paths import elsewhere, exposed
from deploys.run.paused import why_paused
from deploys.run.verb import Verb
from ground.shown import without_tokens
from ground.words import Words, say, text
from keys.journal import JournalError
from postmaster.parse import SettingsError
from postmaster.settings import Site

# Errors whose text names something of the program, and repeats no value.
_NAMING = (ImportError, NameError, AttributeError, KeyError, OSError)
R = TypeVar("R", bound=Request)


class BadInput(OperationError):
    """What was asked for cannot be done; nothing was changed. reasons: each mistake."""

    def __init__(self, message: str, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.reasons = reasons or (message,)


@dataclass(frozen=True, slots=True)
class Invocation:
    """What pyinfra was called with.

    guest: by another project, which has data and `--data` of its own; deploy files of ours work in
    its run. theirs: names of its data that look like settings of ours.
    """

    deploys: tuple[str, ...]
    dry: bool
    yes: bool
    split: tuple[str, ...]
    limit: tuple[str, ...]
    exclude: tuple[str, ...]
    data: dict[str, str]
    guest: bool = False
    theirs: frozenset[str] = frozenset()

    @classmethod
    def of(cls, given: dict[str, Any]) -> Invocation:
        """Return it from pyinfra's own parameters."""
        # They let one host run ahead of the others.
        split = tuple(
            f"--{name.replace('_', '-')}" for name in ("serial", "no_wait") if given[name]
        )
        return cls(
            deploys=tuple(given["operations"]),
            dry=given["dry"],
            yes=given["yes"],
            split=split,
            limit=tuple(given["limit"]),
            exclude=tuple(given["exclude"]),
            data=dict(each.partition("=")[::2] for each in given["data"]),
        )

    @property
    def runs_files(self) -> bool:
        """Whether it is for deploy files, not for a command, an operation or facts."""
        return all(each.endswith(".py") for each in self.deploys)


@dataclass(frozen=True, slots=True)
class Prepared(Generic[R]):
    """A verb that makes sense here: what is asked for, of which site.

    along: zones that are not in `--limit`, and that servers in it need.
    """

    asked: R
    site: Site
    dry: bool
    along: tuple[Host, ...] = ()


def prepare(verb: Verb[R], invocation: Invocation, verbs: tuple[Verb[Any], ...]) -> Prepared[R]:
    """Return what a verb is asked for, and the site, once all of it is found to be right.

    verbs: all that there are. Raises BadInput with every mistake.
    """
    asked, wrong = options.parse(verb.request, _data_of(verb, invocation))
    known = _words_of(_maybe_run(verbs, invocation))
    others = set() if invocation.guest else set(invocation.data) - set(known)
    unknown = sorted(word for word in others if not site.is_setting(word))
    reasons = [*wrong, *asked.problems(dry=invocation.dry)]
    if unknown:
        names = {"words": ", ".join(unknown), "file": ", ".join(invocation.deploys)}
        reasons.append(Words.of("option.unknown", **names, known=", ".join(known) or "-"))
    reasons += _wrong_options(verb, asked, invocation)
    try:
        beside = frozenset((*_words_of(verbs), *unknown, *invocation.theirs))
        found = site.current_site(verb.opening, beside, guest=invocation.guest)
    except SettingsError as error:
        raise _bad_input(reasons, error.reasons) from None
    brought = along(verb, asked, found, invocation)
    reasons += asked.problems_in(found, _in_limit(found, brought))
    reasons += (*elsewhere(found), *exposed())
    groups = asked.groups or verb.groups
    narrowed = invocation.limit or invocation.exclude
    if brought and invocation.guest:  # its hosts are connected by now
        left = ", ".join(sorted(each.name for each in brought))
        reasons.append(Words.of("flow.left_out", names=left))
    elif not reasons and narrowed and not _has_work(groups, brought):
        names = {"verb": verb.name, "groups": ", ".join(groups)}
        reasons.append(Words.of("flow.nothing_to_do", **names))
    if reasons:
        raise _bad_input(reasons, ())
    return Prepared(asked, found, invocation.dry, brought)


def why_outdated(verb: Verb[Any], prepared: Site) -> str | None:
    """Return why what was prepared must not be carried out any more, None where nothing is.

    Other runs may have done something until this one has the site's lock.
    """
    try:
        reason = None if verb.while_paused else why_paused()
    except JournalError as error:
        reason = error.words
    if reason:
        return str(reason)
    domains = ", ".join(site.with_another_key(prepared))
    return text("flow.keys_changed", domains=domains) if domains else None


def _bad_input(reasons: Iterable[Words], settings: tuple[str, ...]) -> BadInput:
    """All mistakes: in what was asked for, and in the inventory."""
    said = tuple(say(each) for each in reasons)
    lines = list(said)
    if settings:
        lines.append(text("settings.mistakes", count=len(settings)))
        lines += [f"  - {each}" for each in settings]
    return BadInput("\n".join(lines), (*said, *settings))


def in_one_line(read: Callable[..., Inventory]) -> Callable[..., Inventory]:
    """Return pyinfra's reader of inventories, which tells a broken file in one line.

    pyinfra takes an inventory, and group data, for programs and shows tracebacks of them. The
    reader raises BadInput.
    """

    def reading(inventory: str, *arguments: Any, **named: Any) -> Inventory:
        try:
            return read(inventory, *arguments, **named)
        except click.ClickException as error:
            wrapped = getattr(error, "exception", None)  # what a file raised
            if wrapped is None:
                raise
            raise _broken(getattr(error, "filename", inventory), wrapped) from None
        except (SyntaxError, ValueError) as error:  # found before it is run
            raise _broken(inventory, error, shown=True) from None

    return reading


def _broken(path: str, error: BaseException, *, shown: bool = False) -> BadInput:
    """Why a file cannot be read. Its lines are not shown: there may be passwords in them.

    shown: what the error says is of the file as a whole.
    """
    if isinstance(error, SyntaxError):
        where, line, reason = error.filename or path, error.lineno, error.msg
    else:
        frames = extract_tb(error.__traceback__)
        lines = [each.lineno for each in frames if each.filename == path]
        where, line, reason = path, lines[-1] if lines else None, type(error).__name__
        if shown or isinstance(error, _NAMING):
            reason += f": {without_tokens(str(error))}"
    values = {"path": where, "line": line or "-", "reason": reason}
    return BadInput(text("flow.broken_inventory", **values))


def is_asked_for(verb: Verb[Any], invocation: Invocation) -> bool:
    """Return whether pyinfra was called with a verb's deploy file."""
    file = verb.path.resolve()
    return any(Path(each).resolve() == file for each in invocation.deploys)


def hosts_of(state: State) -> list[Host]:
    """Return the hosts that the run is for."""
    return [each for each in state.inventory if state.is_host_in_limit(each)]


def along(verb: Verb[Any], asked: Request, found: Site, invocation: Invocation) -> tuple[Host, ...]:
    """Return the zones that servers named by `--limit` bring along, where a verb is for zones."""
    state = ctx_state.get()
    if not invocation.limit or "zones" not in (asked.groups or verb.groups):
        return ()
    zones = zones_of(found, site.zone_hosts(found, state))
    names = {zone for each in hosts_of(state) for zone in zones.get(each.name, ())}
    return tuple(
        each
        for each in state.inventory
        if each.name in names
        and not state.is_host_in_limit(each)
        and not any(_means(pattern, each) for pattern in invocation.exclude)
    )


def _means(pattern: str, host: Host) -> bool:
    """Whether `--limit` or `--exclude` means a host by a pattern."""
    return pattern in host.groups or fnmatch(host.name, pattern)


def _data_of(verb: Verb[Any], invocation: Invocation) -> dict[str, object]:
    """The words for a verb as they were typed, else as the inventory has them.

    Another project's inventory has none.
    """
    words = options.words(verb.request)
    there = {
        word: value
        for host in (() if invocation.guest else inventory)
        for word, value in host.data.dict().items()
        if word in words
    }
    return {**there, **{word: value for word, value in invocation.data.items() if word in words}}


def _words_of(verbs: Iterable[Verb[Any]]) -> tuple[str, ...]:
    return tuple(word for each in verbs for word in options.words(each.request))


def _maybe_run(verbs: Sequence[Verb[Any]], invocation: Invocation) -> Sequence[Verb[Any]]:
    """The verbs that the run is for; a file of the user's own may include any of them."""
    ours = {each.path.resolve() for each in verbs}
    if {Path(each).resolve() for each in invocation.deploys} <= ours:
        return [each for each in verbs if is_asked_for(each, invocation)]
    return verbs


def _wrong_options(verb: Verb[Any], asked: Request, invocation: Invocation) -> Iterable[Words]:
    """What is wrong with pyinfra's own options; another project has its own reasons for most."""
    if asked.changes:
        for each in invocation.split[:1]:
            yield Words.of("flow.split_run", option=each)
    if invocation.guest:
        return
    if invocation.dry and not asked.shown_dry:
        yield Words.of("flow.no_dry", verb=verb.name)
    elif invocation.dry and invocation.yes:  # pyinfra looks for no changes then
        yield Words.of("flow.dry_yes")
    yield from _wrong_limits(invocation)


def _wrong_limits(invocation: Invocation) -> Iterable[Words]:
    """What `--limit` and `--exclude` name and the inventory does not have."""
    names = sorted(each.name for each in inventory)
    given = [("--limit", each) for each in invocation.limit]
    for option, pattern in [*given, *(("--exclude", each) for each in invocation.exclude)]:
        if not any(_means(pattern, each) for each in inventory):
            values = {"option": option, "pattern": pattern, "known": ", ".join(names)}
            yield Words.of("flow.no_such_host", **values)


def _in_limit(found: Site, more: tuple[Host, ...]) -> Site:
    """The part of the site that the run is for."""
    hosts = (*hosts_of(ctx_state.get()), *more)
    servers = tuple(site.server_of(found, each) for each in hosts if "mail_servers" in each.groups)
    zones = tuple(site.zone_of(found, each) for each in hosts if "zones" in each.groups)
    return Site(servers, zones)


def _has_work(groups: Sequence[str], more: tuple[Host, ...]) -> bool:
    hosts = (*hosts_of(ctx_state.get()), *more)
    return any(set(groups) & set(host.groups) for host in hosts)
