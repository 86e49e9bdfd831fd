"""A zone whose records somebody enters by hand: read from its live name servers, never written.

What a change needs is shown in the form of the user's web panel; then we wait until every server
that answers shows it, and say what was typed wrongly. An address that does not answer is left to
the propagation wait, which names it.

Servers that differ: for A and AAAA that all of them have, it is load balancing or geographic
answers, so the RRset is opaque and stays alone. Everything else is a change on its way, or a
delegation to two providers: an error says so, as no plan made from half of the servers is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import ClassVar

import dns.name
import dns.resolver

from dns_providers.base import (
    Capabilities,
    Change,
    ProviderError,
    Snapshot,
    Tell,
    Unreachable,
    refuse_stale,
)
from dns_providers.by_hand.mistakes import Seen, carried_out, doubled_name, mistakes
from dns_providers.by_hand.panels import PANELS, Panel, host_part, panel_tasks
from dns_providers.publishing import propagation
from dns_providers.publishing.authoritative import Reply, Silent, ask_all
from dns_providers.publishing.propagation import Delegation, Network
from dns_providers.rrset import (
    RRKey,
    RRset,
    ancestors,
    marked_synthesised,
    name_text,
    owner_name,
    related_names,
    same_values,
    wildcard_beside,
)
from dns_providers.spec import Environ, Option, Options, ProviderSpec, addresses
from ground.words import Words

TIMEOUT = 900.0
_POLL = 5.0
_REPORT_EVERY = 15.0
_ROUNDS, _ROUND_PAUSE = 3, 2.0  # servers that differ get a moment to follow
_FIRST = "TXT"  # asked of every name; the rest of those that exist
_TYPES = ("A", "AAAA", "CNAME", "DNAME", "HTTPS", "SVCB", "MX", "SRV", "CAA", "NS")
_CUTS = ("NS", "DNAME", "CNAME")
_MAY_DIFFER = frozenset({"A", "AAAA", "HTTPS", "SVCB"})

Answers = Mapping[RRKey, Reply]


class NotEntered(ProviderError):
    """Not all records were entered in time; the next run goes on from what is there."""


class Disagreement(ProviderError):
    """The zone's name servers do not show the same."""


@dataclass(slots=True)
class ManualProvider:
    """A zone that its user changes. timeout, poll: seconds to wait, and between two looks."""

    slug: ClassVar[str] = "manual"
    zone: dns.name.Name
    network: Network
    panel: Panel
    timeout: float = TIMEOUT
    poll: float = _POLL
    todo: tuple[Change, ...] = ()
    _delegation: Delegation | None = field(default=None, repr=False)

    @property
    def capabilities(self) -> Capabilities:
        """The limits of the user's panel."""
        return Capabilities(
            atomic="record",
            cas="reread",
            min_ttl=self.panel.min_ttl,
            max_txt=self.panel.max_txt,
            mx_range=(0, self.panel.max_mx or 65535),
            txt_forbidden=frozenset() if self.panel.txt_quotes else frozenset(b'"'),
            by_hand=True,
            panel=self.panel.name,
        )

    def read(self, names: frozenset[dns.name.Name]) -> Snapshot:
        """Read from all authoritative servers. Raises ProviderError."""
        for attempt in range(_ROUNDS):
            shown = self._everyone(lambda address: self._whole(address, names))
            found, differing = _merged(shown)
            if not differing:
                break
            if attempt + 1 == _ROUNDS:
                raise self._disagreement(differing[0], shown)
            self.network.sleep(_ROUND_PAUSE)
        around = [rrset for rrset in found if _is_around(rrset, names, self.zone)]
        covering = tuple(r for r in marked_synthesised(around, around) if not r.synthesised)
        own = (rrset for rrset in found if rrset.key.owner in names)
        marked = marked_synthesised(own, covering)
        return Snapshot(self.zone, names, {rrset.key: rrset for rrset in marked}, covering)

    def apply(self, changes: Sequence[Change]) -> None:
        """Take changes for somebody to carry out; nothing is written. Raises ProviderError."""
        snapshot = self.read(frozenset(change.key.owner for change in changes))
        refuse_stale(changes, snapshot.rrsets)
        self.todo = tuple(changes)

    def wait_accepted(self, tell: Tell) -> None:
        """Wait until the servers show what the user enters. Raises NotEntered when time is over."""
        if self.todo:
            self._tell_task(tell)
            _Wait(self, tell).run()
            tell(Words.of("dns.manual.done"))
        self.todo = ()

    def settle(self) -> None:
        """Nothing to do: what is shown is served."""

    def look(self) -> tuple[tuple[Change, tuple[Words, ...]], ...]:
        """Return what is left to do, and what is wrong with it so far. Raises ProviderError."""
        keys = [key for change in self.todo for key in self._keys(change)]
        shown = self._everyone(lambda address: self._ask(address, keys))
        states = ((change, self._state(change, shown)) for change in self.todo)
        return tuple((change, state) for change, state in states if state is not None)

    # -- what is to be done ------------------------------------------------------------------

    def _tell_task(self, tell: Tell) -> None:
        words = Words.of(
            "dns.manual.enter",
            zone=name_text(self.zone),
            count=len(panel_tasks(self.todo, self.zone, self.panel)),
            panel=self.panel.name,
            minutes=f"{self.timeout / 60:.0f}",
        )
        tell(words)

    def _keys(self, change: Change) -> tuple[RRKey, ...]:
        """Where to look for a change: its place, an alias there, both for wildcards above."""
        owner, rtype = change.key.owner, change.key.rtype
        wild = {wildcard_beside(each) for each in ancestors(owner, self.zone)}
        places = [RRKey(each, kind) for each in (owner, *wild) for kind in (rtype, "CNAME")]
        doubled = self._doubled(change)
        return (*places, doubled) if doubled else tuple(places)

    def _doubled(self, change: Change) -> RRKey | None:
        """Where a record to be added ends up when the domain is typed into the host field."""
        name = doubled_name(change.key.owner, self.zone) if change.after else None
        return RRKey(name, change.key.rtype) if name else None

    def _state(self, change: Change, shown: Mapping[str, Answers]) -> tuple[Words, ...] | None:
        """None for a change that every server shows, else what is wrong with it."""
        views = [self._seen(change, answers) for answers in shown.values()]
        wrong = [view for view in views if not carried_out(change, view.live)]
        if not wrong:
            return None
        if len(wrong) < len(views):
            right, total = len(views) - len(wrong), len(views)
            values = {"key": change.key, "right": right, "total": total}
            return (Words.of("dns.mistake.some_servers", **values),)
        host = host_part(change.key.owner, self.zone, self.panel)
        return mistakes(change, wrong[0], self.zone, host)

    def _seen(self, change: Change, answers: Answers) -> Seen:
        doubled = self._doubled(change)
        keys = (change.key, RRKey(change.key.owner, "CNAME"), *((doubled,) if doubled else ()))
        there = {key: rrset for key in self._keys(change) if (rrset := answers[key].rrset)}
        wild = [rrset for key, rrset in there.items() if key.owner.is_wild()]
        own = (there[key] for key in keys if key in there)
        marked = {rrset.key: rrset for rrset in marked_synthesised(own, wild)}
        live, alias = marked.get(keys[0]), marked.get(keys[1])
        return Seen(live, alias, marked.get(doubled) if doubled else None)

    # -- asking ------------------------------------------------------------------------------

    def _ask(self, address: str, keys: Iterable[RRKey]) -> Answers:
        port, timeout = self.network.port, self.network.timeout
        return ask_all(address, keys, self.zone, port=port, timeout=timeout)

    def _whole(self, address: str, names: frozenset[dns.name.Name]) -> Answers:
        """All at `names`, and what matters around them."""
        around = related_names(names, self.zone) - names
        first = self._ask(address, [RRKey(name, _FIRST) for name in sorted(names | around)])
        there = [key.owner for key, reply in first.items() if reply.exists]
        rest = [
            RRKey(name, rtype)
            for name in there
            for rtype in (_TYPES if name in names or name.is_wild() else _CUTS)
        ]
        if self.zone in names:
            rest.append(RRKey(self.zone, "SOA"))
        wanted = {k: r for k, r in first.items() if k.owner in names or k.owner.is_wild()}
        return {**wanted, **self._ask(address, rest)}

    def _everyone(self, ask: Callable[[str], Answers]) -> dict[str, Answers]:
        """What each address that answers shows. Raises Unreachable when none does."""
        if self._delegation is None:
            self._delegation = propagation.delegation(name_text(self.zone), self.network)
        servers = self._delegation.servers
        places = [(server.name, each) for server in servers for each in server.addresses]

        def attempt(address: str) -> Answers | Silent:
            try:
                return ask(address)
            except Silent as reason:
                return reason

        with ThreadPoolExecutor(len(places)) as pool:
            replies = list(pool.map(attempt, [address for _, address in places]))
        shown = {
            f"{name} ({address})": reply
            for (name, address), reply in zip(places, replies, strict=True)
            if not isinstance(reply, Silent)
        }
        if not shown:
            reasons = ", ".join(
                f"{name} {address}: {reply}"
                for (name, address), reply in zip(places, replies, strict=True)
            )
            raise Unreachable("dns.error.no_answers", zone=name_text(self.zone), servers=reasons)
        return shown

    def _disagreement(self, key: RRKey, shown: Mapping[str, Answers]) -> Disagreement:
        answers = "; ".join(
            f"{where}: {_brief(reply.rrset if (reply := all_of.get(key)) else None)}"
            for where, all_of in shown.items()
        )
        zone = name_text(self.zone)
        return Disagreement("dns.error.disagree", zone=zone, key=key, answers=answers)


class _Wait:
    """The wait for the user: looks, and tells what is new."""

    def __init__(self, provider: ManualProvider, tell: Tell) -> None:
        self._provider, self._tell = provider, tell
        self._clock = provider.network.clock
        self._deadline = self._clock() + provider.timeout
        self._reported = self._clock()
        self._open = frozenset(change.key for change in provider.todo)
        self._told: set[Words] = set()

    def run(self) -> None:
        """Return once all is there. Raises ProviderError at the deadline."""
        while True:
            problem: ProviderError | None = None
            try:
                left = self._provider.look()
            except ProviderError as error:
                problem = error
            else:
                if not left:
                    return
                self._tell_news(left)
            if self._clock() >= self._deadline:
                raise problem or self._over(left)
            self._tell_time()
            remaining = self._deadline - self._clock()
            self._provider.network.sleep(min(self._provider.poll, remaining))

    def _tell_news(self, left: Iterable[tuple[Change, tuple[Words, ...]]]) -> None:
        states = dict((change.key, wrong) for change, wrong in left)
        for key in sorted(self._open - states.keys()):
            self._tell(Words.of("dns.manual.seen", key=key))
        self._open = frozenset(states)
        current = {mistake for wrong in states.values() for mistake in wrong}
        for mistake in (m for wrong in states.values() for m in wrong if m not in self._told):
            self._tell(mistake)
        self._told = current  # what comes back is told again

    def _tell_time(self) -> None:
        if self._clock() - self._reported < _REPORT_EVERY:
            return
        self._reported = self._clock()
        left = int(self._deadline - self._clock())
        words = Words.of(
            "dns.manual.waiting",
            count=len(self._open),
            total=len(self._provider.todo),
            keys=", ".join(map(str, sorted(self._open))),
            left=f"{left // 60}:{left % 60:02d}",
        )
        self._tell(words)

    def _over(self, left: Iterable[tuple[Change, tuple[Words, ...]]]) -> NotEntered:
        """The error of a wait whose time is over; what is wrong is told once more before it."""
        every = tuple(left)
        for _, wrong in every:
            for mistake in wrong:
                self._tell(mistake)
        zone = name_text(self._provider.zone)
        keys = ", ".join(str(change.key) for change, _ in every)
        return NotEntered("dns.error.not_entered", zone=zone, keys=keys)


def _merged(shown: Mapping[str, Answers]) -> tuple[tuple[RRset, ...], tuple[RRKey, ...]]:
    """What the servers show together, and keys at which they must not differ but do."""
    views = tuple(shown.values())
    keys = sorted({key for view in views for key, reply in view.items() if reply.rrset})
    found, differing = [], []
    for key in keys:
        rrsets = [reply.rrset if (reply := view.get(key)) else None for view in views]
        there = [rrset for rrset in rrsets if rrset is not None]
        longest = max(there, key=lambda rrset: rrset.ttl)
        if key.rtype == "SOA" or all(same_values(rrset, longest) for rrset in rrsets):
            found.append(longest)
        elif key.rtype in _MAY_DIFFER and len(there) == len(rrsets):
            every = frozenset(value for rrset in there for value in rrset.values)
            differs = Words.of("dns.special.differs")
            found.append(replace(longest, values=every, opaque=True, special=differs))
        else:
            differing.append(key)
    return tuple(found), tuple(differing)


def _is_around(rrset: RRset, names: frozenset[dns.name.Name], zone: dns.name.Name) -> bool:
    """Whether an RRset bears on what is below it; those at `names` may do so as well."""
    owner, rtype = rrset.key.owner, rrset.key.rtype
    return owner != zone and (owner not in names or rtype in _CUTS)


def _brief(rrset: RRset | None) -> str:
    return "-" if rrset is None else ", ".join(sorted(str(value)[:60] for value in rrset.values))


# -- the provider -----------------------------------------------------------------------------


def _open(zone: str, options: Options, environ: Environ) -> ManualProvider:
    resolvers = addresses(options.get("manual_resolvers", "")) or _system_resolvers(zone)
    panel = PANELS[options.get("manual_panel", "generic")]
    return ManualProvider(owner_name(zone), Network(resolvers), panel)


def _system_resolvers(zone: str) -> tuple[str, ...]:
    try:
        return tuple(map(str, dns.resolver.Resolver().nameservers))
    except dns.resolver.NoResolverConfiguration:
        raise ProviderError("dns.error.no_resolvers", zone=zone) from None


SPEC = ProviderSpec(
    (
        Option("manual_panel", default="generic", choices=tuple(PANELS)),
        Option("manual_resolvers", "addresses"),
    ),
    _open,
    policy="policy.manual",
)
