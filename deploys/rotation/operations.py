"""pyinfra operations of rotations: begin what is due, do one step of all that have come to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, OperationError, State, operation

from deploys.host.remote import read
from deploys.rotation import wording
from deploys.rotation.going import Going, as_begun, changed, lost, rotating
from deploys.rotation.in_dns import in_dns_of
from deploys.rotation.outcome import WAITS_FOR_QUEUE, Outcome, tried
from deploys.rotation.refusals import turned
from deploys.rotation.request import Request
from deploys.rotation.run import CLOCK_WITHIN, Run
from deploys.run import flow
from deploys.run.cut import BROKEN, CONNECTION, why_broken
from deploys.run.outcome import recorder
from deploys.run.paths import key_store, state_dir
from deploys.zones.remembering import remember_now
from dns_providers.base import Tell
from ground.errors import DeployError, Told
from ground.foreign import whole_number
from ground.operations import fail
from ground.words import Words, text
from keys import rotation as machine
from keys.dkim import month
from keys.journal import Journal
from keys.rotation import KeyRef, Rotation, Rules, Step, Strategy
from postmaster.checks import gate
from postmaster.checks.results import Result
from postmaster.outbound import SigningKey, mode_of
from postmaster.settings import MailServer, Site

Commands = Generator[FunctionCommand, None, None]
Effect = Callable[[State, Host, Rotation, Tell], Outcome]  # of the rotation's step
Checks = Callable[[Host], tuple[Result, ...]]
RulesOf = Callable[[Site, MailServer, SigningKey, KeyRef], Rules]

_TELL_EVERY = 30.0  # seconds
_LOOK_AGAIN = 60.0  # seconds


def journal() -> Journal:
    """Return this site's journal."""
    return Journal(state_dir())


def going_on(site: Site) -> tuple[Going, ...]:
    """Return whose keys may be rotated or are, as the journal has it now. Raises JournalError."""
    return rotating(site, journal().going_on())


@operation()
def meet(step: str) -> Commands:
    """Where all hosts meet: what stands below relies on what stands above, on whatever host.

    + step: what comes next
    """
    host.noop(step)
    yield from ()


@operation()
def begin(
    server: MailServer, site: Site, request: Request, run: Run, checks: Checks, rules: RulesOf
) -> Commands:
    """Begin the rotations of a server that are due, or turn one back; others just go on.

    + server: the mail server
    + site: the site it belongs to
    + request: what was asked for
    + run: what this run comes to
    + checks: gives the results of all checks of the server
    + rules: gives the times for a key
    """
    _compare_clocks(host, run)
    try:
        going = going_on(site)
    except Told as error:
        yield from fail(str(error))
        return
    results = list[Result]()
    for each in going:
        if each.server != server.host or not request.names(each.domain):
            continue
        if each.domain in run.stopped:  # while the run was prepared: nobody was asked
            _stop(each.domain, run, *run.stopped[each.domain])
            continue
        try:
            if each.rotation is not None:
                there = _in_time(each.rotation, run)
                yield from _goes_on(there, each, site, going, request, run, rules)
                continue
            (signing,) = (
                key for key in mode_of(server).signing_keys(server) if key.domain == each.domain
            )
            if request.action == "abort":
                _stop(each.domain, run, text("rotation.none", domain=each.domain))
                continue
            reason = _others_first(each, site, going) or _not_now(server, signing, request)
            if reason:
                host.log_styled(f"  {reason}", fg="cyan")
                continue
            if not request.emergency:
                results = results or list(checks(host))
                if red := _red(results, each.domain, server):
                    _stop(each.domain, run, *red)
                    continue
            coming = _planned(site, server, signing, request, rules)
        except Told as error:
            _stop(each.domain, run, str(error))
            continue
        _announce(coming, run)
        yield FunctionCommand(_begin, (coming,), {})
    host.noop(text("rotation.nothing_begins"))


@operation()
def do(
    steps: tuple[Step, ...],
    domains: tuple[str, ...],
    request: Request,
    run: Run,
    effect: Effect,
    again: bool = False,
) -> Commands:
    """Do the next steps of the rotations that have come to them.

    + steps: steps that follow each other on this host
    + domains: domains whose steps are done on this host
    + request: what was asked for
    + run: what this run comes to
    + effect: does one of the steps
    + again: for those that have turned back
    """
    for domain in domains:
        for step in steps:
            if state.is_executing:
                due = _is_due(step, domain, request, run)
            else:
                due = not again and step in _coming(domain, request, run)
            if due:
                yield FunctionCommand(_perform, (step, domain, run, effect, request.wait), {})
    host.noop(text("rotation.not_its_turn"))


@operation()
def remember(server: MailServer, site: Site) -> Commands:
    """Have the host remember what the run has come to.

    + server: the mail server
    + site: the site it belongs to
    """
    if state.is_executing:
        going = _now(site)
        # As the host is: another way to sign is not there before a deploy.
        before = [each for each in going if each.server == server.host and changed(each, site)]
        for each in before[:1]:
            site = as_begun(site, going, each.rotation) if each.rotation else site
        if problem := remember_now(host, site.server(server.host), site):
            flow.leave_unsolved(host.name, (str(problem),))
    host.noop(text("rotation.shown"))
    yield from ()


@operation()
def show(site: Site, server: str, first: bool) -> Commands:
    """Show where the rotations are and what they wait for; changes nothing.

    + site: the site
    + server: the mail server whose rotations are shown
    + first: this host tells of those whose server the inventory has no more
    """
    if state.is_executing:
        names = {each.host for each in site.servers}
        for each in _now(site):
            if each.rotation and (each.server == server or (first and each.server not in names)):
                _show(each.rotation, lost(each, site))
    host.noop(text("rotation.shown"))
    yield from ()


@operation()
def status(server: MailServer, site: Site, request: Request) -> Commands:
    """Show the age of each key, what is going on, and the last rotations; changes nothing.

    + server: the mail server
    + site: the site it belongs to
    + request: what was asked for
    """
    if state.is_executing:
        for signing in mode_of(server).signing_keys(server):
            if request.names(signing.domain):
                host.log("\n".join(_status(server, signing)))
        for each in _now(site):
            if each.rotation and each.server == server.host and request.names(each.domain):
                _show(each.rotation, lost(each, site))
    host.noop(text("rotation.shown"))
    yield from ()


def _now(site: Site) -> tuple[Going, ...]:
    try:
        return going_on(site)
    except Told as error:
        flow.leave_unsolved(host.name, (str(error),))
        return ()


def _show(there: Rotation, why_lost: Words | None) -> None:
    """Tell where a rotation is. While mail is paused, or it cannot go on, nothing is well."""
    lines = [*wording.where(there), *([str(why_lost)] if why_lost else ())]
    stuck = there.problem is not None and there.problem.id != WAITS_FOR_QUEUE
    for line in lines:
        host.log_styled(f"  {line}", fg="yellow" if there.problem or why_lost else "cyan")
    if there.paused or stuck or why_lost:
        flow.leave_unsolved(host.name, tuple(lines))
    else:
        recorder().wait(host.name, tuple(lines))


# -- beginning ---------------------------------------------------------------------------------


def _announce(coming: Rotation, run: Run) -> None:
    """Tell what will be done: while the run is prepared, and again only where that has changed."""
    lines, known = wording.announcement(coming), run.planned.get(coming.domain)
    if known is None or wording.announcement(known) != lines:
        for line in lines:
            host.log_styled(f"  {line}", fg="green")
    run.planned[coming.domain] = coming


def _begin(state: State, host: Host, rotation: Rotation) -> bool:
    journal().save(rotation)
    return True


def _supersede(state: State, host: Host, rotation: Rotation, by: Rotation) -> bool:
    journal().supersede(rotation, by)
    return True


def _goes_on(
    there: Rotation,
    each: Going,
    site: Site,
    going: tuple[Going, ...],
    request: Request,
    run: Run,
    rules: RulesOf,
) -> Commands:
    """A rotation goes on as it began, whatever the inventory says by now. Raises Told."""
    begun = as_begun(site, going, there)
    if why := lost(each, site):
        host.log_styled(f"  {why}", fg="yellow")
        if state.is_executing and there.paused and _shows_old(begun, each, there):
            # Nothing has changed yet that needs the zone: mail goes on with the key it has.
            returned = there if there.going_back else machine.back(there, time.time())
            yield FunctionCommand(_begin, (replace(returned, step=Step.SWITCH),), {})
        return
    server = begun.server(each.server)
    (signing,) = (key for key in mode_of(server).signing_keys(server) if key.domain == there.domain)
    fresh = partial(_planned, begun, server, signing, request, rules)
    yield from _turned(there, request, run, fresh)


def _shows_old(site: Site, each: Going, there: Rotation) -> bool:
    return in_dns_of(site, each.zone, there, _tell).shows_old(there)


def _tell(words: Words) -> None:
    host.log_styled(f"  {words}", fg="cyan")


def _others_first(each: Going, site: Site, going: tuple[Going, ...]) -> str | None:
    """Why nothing begins on a server: the key of another way to sign is still being replaced."""
    before = [
        other.domain for other in going if other.server == each.server and changed(other, site)
    ]
    return text("rotation.finish_first", domains=", ".join(before)) if before else None


def _in_time(there: Rotation, run: Run) -> Rotation:
    """A rotation; a step that began in the future, by a clock that was wrong, begins now."""
    now = run.clock.now()
    if there.entered <= now + CLOCK_WITHIN:
        return there
    if not state.is_executing or not run.trusts_clock:
        return there
    when = wording.moment(there.entered)
    host.log_styled(f"  {text('rotation.future', domain=there.domain, time=when)}", fg="yellow")
    mended = replace(there, entered=now)
    journal().save(mended)
    return mended


def _turned(there: Rotation, request: Request, run: Run, fresh: Callable[[], Rotation]) -> Commands:
    """A rotation that is going on goes on, unless it shall turn back or hurry.

    A fresh one takes its place where the key that has leaked is its new one, in use already; on
    the way back to that key mail has to go on first.
    """
    now, leaked = time.time(), request.emergency and not there.emergency
    if leaked and there.switched:
        instead = machine.instead(there, fresh())
        _announce(instead, run)
        yield FunctionCommand(_supersede, (there, instead), {})
        return
    if leaked and there.returns:
        line = text("rotation.leaked_returns", domain=there.domain, key=there.new.name)
        host.log_styled(f"  {line}", fg="yellow")
        if state.is_executing:
            flow.leave_unsolved(host.name, (line,))
        return
    try:
        coming = turned(there, request, now)
    except machine.TooLate as error:  # since it was asked whether the run is refused
        if state.is_executing:
            flow.leave_unsolved(host.name, (str(error),))
        return
    if coming is None:
        return
    run.planned[there.domain] = coming
    host.log_styled(f"  {text('rotation.turned', domain=there.domain)}", fg="yellow")
    yield FunctionCommand(_begin, (coming,), {})


def _not_now(server: MailServer, signing: SigningKey, request: Request) -> str | None:
    """Why a key is left alone for now, None when it is not.

    Raises Told where it cannot be replaced at all.
    """
    about = key_store().about(signing.domain, key_store().name(signing.domain, signing.selector))
    if about is None:
        raise DeployError("rotation.no_key_yet", domain=signing.domain)
    if server.rotation.pinned and mode_of(server).fixed_selector is None:
        selector = signing.selector
        raise DeployError("rotation.pinned", domain=signing.domain, selector=selector)
    if not request.check_age:
        return None
    created, now, most = about.created.timestamp(), time.time(), server.rotation.max_age
    if machine.old_enough(created, now, most):
        return None
    return text(
        "rotation.young", domain=signing.domain, days=int(now - created) // 86400, most=most
    )


def _red(results: list[Result], domain: str, server: MailServer) -> list[str]:
    """The checks that must be green before a domain's key is touched, and are not."""
    found = gate.in_the_way(results, server.domain(domain))
    lines = [f"{each.rule.id} {each.subject}: {each.seen}" for each in found]
    return [text("rotation.not_green", domain=domain), *lines] if lines else []


def _planned(
    site: Site, server: MailServer, signing: SigningKey, request: Request, rules: RulesOf
) -> Rotation:
    store, now = key_store(), time.time()
    strategy = Strategy(mode_of(server).rotation)
    name = store.name(signing.domain, signing.selector)
    public = store.public_of(signing.domain, name)
    old = KeyRef(name, signing.selector, public.fingerprint if public else "")
    when = month(datetime.fromtimestamp(now, UTC).date())
    if strategy is Strategy.DUAL:
        fresh = store.free_name(signing.domain, f"pm{when}")
        new = KeyRef(fresh, fresh)
    else:
        fresh = store.free_name(signing.domain, f"{signing.selector}@{when}")
        new = KeyRef(fresh, signing.selector)
    return machine.begin(
        signing.domain,
        strategy,
        old,
        new,
        rules(site, server, signing, old),
        now,
        emergency=request.emergency,
        server=server.host,
        zone=server.domain(signing.domain).zone,
    )


def _compare_clocks(host: Host, run: Run) -> None:
    """Look whether this machine's clock and the host's differ too much to trust a deadline."""
    if not state.is_executing:
        return
    seen = whole_number(read(host, "date +%s").stdout.strip())
    agree = seen is not None and abs(seen - run.clock.now()) <= CLOCK_WITHIN
    run.compared(agree=agree)
    if not agree:
        line = text("rotation.clock", host=host.name)
        host.log_styled(f"  {line}", fg="red")
        flow.leave_unsolved(host.name, (line,))


def _is_due(step: Step, domain: str, request: Request, run: Run) -> bool:
    there = _load(domain)
    if there is None or there.step is not step or domain in run.stopped:
        return False
    return not is_for_later(there, request, run)


def _coming(domain: str, request: Request, run: Run) -> tuple[Step, ...]:
    """The steps that this run will do of a domain's rotation, if nothing comes between."""
    there = run.planned.get(domain) or _load(domain)
    return machine.coming(there, time.time(), stays=request.wait) if there else ()


# -- a step ------------------------------------------------------------------------------------


def _perform(
    state: State, host: Host, step: Step, domain: str, run: Run, effect: Effect, stays: bool
) -> bool:
    """Do a step and remember how it went. Never fails the host: others' rotations go on."""

    def tell(words: Words) -> None:
        host.log_styled(f"  {words}", fg="cyan")

    there = _load(domain)
    if there is None or there.step is not step:
        return True
    try:
        with nullcontext() if there.paused else flow.let_others_in():
            outcome = waited(there, run, tell)
        while not _settled(
            there, host, run, stays, outcome, lambda: effect(state, host, there, tell)
        ):
            with flow.let_others_in():
                run.clock.sleep(_LOOK_AGAIN)
    except BROKEN as error:
        _stop(domain, run, wording.problem(there, _why(host, error)))
    return True


def _settled(
    there: Rotation,
    host: Host,
    run: Run,
    stays: bool,
    outcome: Outcome,
    effect: Callable[[], Outcome],
) -> bool:
    """Do a step and remember how it went, unless it has to be looked at again in a while."""
    with journal().locked(there.domain):
        if journal().load(there.domain) != there:
            return True  # another run went on meanwhile
        outcome = outcome or tried(effect)
        if outcome and outcome.id == WAITS_FOR_QUEUE and stays:
            host.log_styled(f"  {outcome}", fg="cyan")
            return False
        _remember(host, there, outcome, run)
        return True


def _why(host: Host, error: Exception) -> Words:
    """What an error in a step means."""
    if isinstance(error, OSError) and not isinstance(error, CONNECTION):
        reason = str(error) or type(error).__name__
        return Words.of("rotation.here", folder=str(state_dir()), reason=reason)
    return why_broken(host.name, error)


def is_for_later(there: Rotation, request: Request, run: Run) -> bool:
    """Whether a step waits for longer than this run stays; while mail is paused every run stays."""
    if request.wait or there.paused or not run.trusts_clock:
        return False
    return machine.left(there, run.clock.now()) > 0


def waited(there: Rotation, run: Run, tell: Tell) -> Outcome:
    """Wait until a step's deadline."""
    clock, trusted = run.clock, run.trusts_clock
    left = machine.left(there, clock.now(), trusted=trusted)
    if there.deadline is None or (trusted and not left):
        return None
    # While mail is paused nobody is to set a clock first.
    if not there.paused and not trusted:
        return Words.of("rotation.clock_stops", domain=there.domain)
    # A clock that is set while we wait makes the wait no shorter.
    end, told = clock.passed() + left, 0.0
    while (left := end - clock.passed()) > 0:
        if clock.passed() - told >= _TELL_EVERY:
            told = clock.passed()
            tell(wording.waiting(there, clock.now() + left))
        clock.sleep(min(left, 1.0))
    return None


def _remember(host: Host, there: Rotation, outcome: Outcome, run: Run) -> None:
    if outcome:
        _failed(host, there, outcome, run)
        return
    now = time.time()
    following = machine.after(_with_fingerprint(there), now)
    journal().save(following)
    _note(following, there.step, now)
    host.log_styled(f"  {wording.done(there)}", fg="green")


def _failed(host: Host, there: Rotation, outcome: Words, run: Run) -> None:
    line, waits = wording.problem(there, outcome), outcome.id == WAITS_FOR_QUEUE
    host.log_styled(f"  {line}", fg="cyan" if waits else "red")
    if not waits:
        flow.leave_unsolved(host.name, (line,))
    stuck = machine.failed(there, outcome)
    if machine.turns_by_itself(there):
        stuck = replace(machine.back(stuck, time.time()), problem=outcome)
        host.log_styled(f"  {text('rotation.turned_itself', domain=there.domain)}", fg="yellow")
    else:
        run.stopped[there.domain] = (line,)
    journal().save(stuck)


def _with_fingerprint(there: Rotation) -> Rotation:
    if there.step is not Step.MAKE:
        return there
    public = key_store().public_of(there.domain, there.new.name)
    made = replace(there.new, fingerprint=public.fingerprint if public else "")
    return replace(there, new=made)


def _note(rotation: Rotation, step: Step, now: float) -> None:
    """Remember in the store what happened to the new key."""
    what = {Step.PROVE: "published", Step.SWITCH: "first_used"}.get(step)
    if what:
        when = datetime.fromtimestamp(now, UTC)
        key_store().note(rotation.domain, rotation.new.name, **{what: when})


def _stop(domain: str, run: Run, *lines: str) -> None:
    run.stopped[domain] = lines
    for line in lines:
        host.log_styled(f"  {line}", fg="red")
    if state.is_executing:
        flow.leave_unsolved(host.name, lines)


def _load(domain: str) -> Rotation | None:
    try:
        return journal().load(domain)
    except Told as error:
        if not state.is_executing:
            raise OperationError(str(error)) from None
        flow.leave_unsolved(host.name, (str(error),))
        return None


def _status(server: MailServer, signing: SigningKey) -> list[str]:
    store = key_store()
    about = store.about(signing.domain, store.name(signing.domain, signing.selector))
    lines = [wording.key_line(signing, about, server.rotation.max_age)]
    past = [each for each in journal().history() if each["domain"] == signing.domain]
    return [*lines, *(f"  {wording.past(each)}" for each in past)]
