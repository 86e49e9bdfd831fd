"""What every adapter that speaks HTTP must do when its API fails: one suite for all of them.

A test class takes it in, gives a fixture `service` (the API, real or fake, and how to open the
adapter for it) and says what the API's own refusals look like. A fault proxy stands in between.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from dns_providers.base import (
    AuthError,
    Change,
    Provider,
    ProviderError,
    RateLimited,
    Snapshot,
    Unreachable,
)
from dns_providers.publishing.claims import ClaimMode
from dns_providers.publishing.ledger import Ledger
from dns_providers.publishing.publish import carry_out, prepare
from dns_providers.rrset import MX, TXT, Address, RRset, owner_name, rrset
from ground.words import LANGUAGES, catalogue
from tests.dns_providers.publishing.test_plan import OURS, claim
from tests.fault_proxy import (
    Answer,
    Cut,
    Fault,
    FaultProxy,
    Lost,
    Request,
    Slow,
    Truncated,
    running,
)
from tests.provider_contract import ZONE, put, read

PATIENCE = 20.0  # seconds an adapter waits for an answer, where one comes
IMPATIENCE = 1.5  # and where none comes
HTML = Answer(200, b"<html>Please log in</html>", {"Content-Type": "text/html"})
# Tells a user what to do: an order, or a question to look into.
_REMEDY = re.compile(
    r"\b(run again|check|set|give|look|wait|is it|are they|the next run|needs? )\b", re.IGNORECASE
)
_OUR_TEXT = TXT(b"ours")
CLAIMS = (claim(), claim(ZONE, "TXT", _OUR_TEXT, mode=ClaimMode.MEMBER, group="text"))
FOREIGN = (
    rrset("theirs.example.test", "TXT", 600, TXT(b"theirs")),
    rrset(ZONE, "TXT", 600, TXT(b"site-verification=1")),
    rrset(ZONE, "MX", 600, MX(5, owner_name("mx.elsewhere.test"))),
)
_SHARED = FOREIGN[1]


@dataclass(frozen=True)
class Service:
    """An API for an empty zone example.test, and the adapter for it.

    url: where it listens, without a path. open: gives the adapter for the API at a URL of this
    form, that waits so many seconds for an answer and does not try again by itself. stored: one
    text for each record that the server holds. secrets: what no message may show.
    """

    url: str
    open: Callable[[str, float], Provider]
    stored: Callable[[], Sequence[str]]
    secrets: tuple[str, ...] = field(repr=False)


FAULTS = (
    "bad_credentials",
    "no_rights",
    "too_many",
    "failed",
    "unavailable",
    "cut",
    "lost",
    "slow",
    "junk",
    "truncated",
)
STEPS = ("read", "write")


class FaultContract:
    """The suite. A class says what its API answers, and which requests are writes."""

    bad_credentials: ClassVar[Answer]
    no_rights: ClassVar[Answer]
    too_many: ClassVar[Answer]
    failed: ClassVar[Answer] = Answer(500, b"oops")
    unavailable: ClassVar[Answer] = Answer(503)
    junk: ClassVar[Answer] = HTML
    kinds: ClassVar[Mapping[str, type[ProviderError]]] = {}  # where an API differs from _KINDS
    # Calls of a publishing, and of a run that finds no change; of CLAIMS, 2 records.
    calls: ClassVar[tuple[int, int]]
    # (fault, step) that cannot be at this API -> why.
    never: ClassVar[Mapping[tuple[str, str], str]] = {}

    def is_write(self, request: Request) -> bool:
        """Whether a request changes the zone."""
        raise NotImplementedError

    @pytest.fixture
    def proxy(self, service: Service) -> Iterator[FaultProxy]:
        with running(service.url) as proxy:
            yield proxy

    @pytest.fixture
    def ledger(self, tmp_path: Path) -> Ledger:
        return Ledger(tmp_path / "state", ZONE)

    def test_all_calls_of_a_run_go_over_one_connection(
        self, service: Service, proxy: FaultProxy, ledger: Ledger
    ) -> None:
        carry_out(service.open(proxy.url, PATIENCE), CLAIMS, ledger)
        assert len(proxy.seen) > 2 and proxy.connections == 1

    def test_a_publishing_and_no_change_take_as_many_calls_as_they_must(
        self, service: Service, proxy: FaultProxy, ledger: Ledger, at_once: None
    ) -> None:
        taken = []
        for _ in range(2):
            before = len(proxy.seen)
            carry_out(service.open(proxy.url, PATIENCE), CLAIMS, ledger)
            taken.append(len(proxy.seen) - before)
        assert tuple(taken) == self.calls

    @pytest.mark.parametrize("step", STEPS)
    @pytest.mark.parametrize("fault", FAULTS)
    def test_after_any_fault_nothing_foreign_is_lost_and_the_next_run_converges(
        self, service: Service, proxy: FaultProxy, ledger: Ledger, fault: str, step: str
    ) -> None:
        self._skip_what_cannot_be(fault, step)
        before = _with_foreign(service)
        with proxy.doing(self._fault(fault), lambda request: self._is(step, request)):
            error = self._failing(service, proxy, ledger, fault)
        assert proxy.met
        self._check_told(error, service)
        _check_converges(service, ledger, before)

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_fault_in_the_middle_of_several_writes_is_made_up_for(
        self, service: Service, proxy: FaultProxy, ledger: Ledger, fault: str
    ) -> None:
        self._skip_what_cannot_be(fault, "write")
        if service.open(service.url, PATIENCE).capabilities.atomic == "zone":
            pytest.skip("all changes are one write")
        before = _with_foreign(service)
        with proxy.doing(self._fault(fault), self.is_write, let_through=1):
            error = self._failing(service, proxy, ledger, fault)
        assert proxy.met
        self._check_told(error, service)
        _check_converges(service, ledger, before)

    def test_a_dry_run_needs_no_right_to_write(
        self, service: Service, proxy: FaultProxy, ledger: Ledger
    ) -> None:
        with proxy.doing(self.no_rights, self.is_write):
            planned = prepare(service.open(proxy.url, PATIENCE), CLAIMS, ledger).plan
        assert not proxy.met and len(planned.changes) == len(CLAIMS)

    @pytest.mark.parametrize("fault", ["lost", "slow"])
    def test_a_write_whose_answer_was_lost_counts_as_ours(
        self, service: Service, proxy: FaultProxy, ledger: Ledger, fault: str
    ) -> None:
        with proxy.doing(self._fault(fault), self.is_write, times=1):
            self._failing(service, proxy, ledger, fault)
        written = list(service.stored())
        carry_out(service.open(service.url, PATIENCE), CLAIMS, ledger)
        assert {e.origin for e in ledger.load().entries.values()} == {"written"}
        assert set(written) <= set(service.stored())

    def test_what_somebody_writes_after_the_plan_was_made_stays(
        self, service: Service, ledger: Ledger, a_second_later: None
    ) -> None:
        direct = service.open(service.url, PATIENCE)
        theirs = rrset("smtp.example.test", "A", 600, Address("192.0.2.77"))
        meddled = _Meddled(service.open(service.url, PATIENCE), lambda: put(direct, theirs))
        made = carry_out(meddled, CLAIMS, ledger)
        assert [each.key for each in made.conflicts] == [theirs.key]
        assert read(direct, "smtp.example.test")[theirs.key] == theirs

    def test_a_value_that_somebody_adds_after_the_plan_was_made_stays(
        self, service: Service, ledger: Ledger, a_second_later: None
    ) -> None:
        direct = service.open(service.url, PATIENCE)
        put(direct, _SHARED)
        more = rrset(ZONE, "TXT", 600, *_SHARED.values, TXT(b"added meanwhile"))
        change = Change(_SHARED, more, "test")
        meddled = _Meddled(service.open(service.url, PATIENCE), lambda: direct.apply([change]))
        assert carry_out(meddled, CLAIMS, ledger).conflicts == ()
        assert read(direct, ZONE)[more.key].values == more.values | {_OUR_TEXT}

    def test_a_precondition_of_the_server_is_checked_in_the_write_itself(
        self, service: Service, proxy: FaultProxy, ledger: Ledger
    ) -> None:
        direct = service.open(service.url, PATIENCE)
        if direct.capabilities.cas != "native":
            pytest.skip("the API has no preconditions")
        theirs, done = rrset("smtp.example.test", "A", 600, Address("192.0.2.77")), list[str]()

        def meddling(request: Request) -> None:
            if self.is_write(request) and not done:
                done.append(str(request))
                put(direct, theirs)

        proxy.before = meddling
        made = carry_out(service.open(proxy.url, PATIENCE), CLAIMS, ledger)
        assert done and [each.key for each in made.conflicts] == [theirs.key]
        assert read(direct, "smtp.example.test")[theirs.key] == theirs

    # -- parts ---------------------------------------------------------------------------------

    def _skip_what_cannot_be(self, fault: str, step: str) -> None:
        if why := self.never.get((fault, step)):
            pytest.skip(why)

    def _is(self, step: str, request: Request) -> bool:
        return self.is_write(request) == (step == "write")

    def _fault(self, name: str) -> Fault:
        cases: dict[str, Fault] = {
            "bad_credentials": self.bad_credentials,
            "no_rights": self.no_rights,
            "too_many": self.too_many,
            "failed": self.failed,
            "unavailable": self.unavailable,
            "junk": self.junk,
            "cut": Cut(),
            "lost": Lost(),
            "slow": Slow(),
            "truncated": Truncated(),
        }
        return cases[name]

    def _failing(
        self, service: Service, proxy: FaultProxy, ledger: Ledger, fault: str
    ) -> ProviderError:
        """The error of a run that the fault meets; it must be of the right kind."""
        provider = service.open(proxy.url, IMPATIENCE if fault == "slow" else PATIENCE)
        with pytest.raises(ProviderError) as told:
            carry_out(provider, CLAIMS, ledger)
        # An API of single records says how far it came, and why no further.
        cause = getattr(told.value, "cause", told.value)
        assert isinstance(cause, self.kinds.get(fault, _KINDS.get(fault, Unreachable))), cause
        return told.value

    def _check_told(self, error: ProviderError, service: Service) -> None:
        words = error.words
        texts = [catalogue(each)[words.id].format(**words.named) for each in LANGUAGES]
        assert _REMEDY.search(catalogue("en")[words.id]), texts
        # A traceback shows what an error was raised from, too.
        trace = "".join(traceback.format_exception(error))
        shown = f"{texts} {words} {error!r} {trace}"
        assert not [secret for secret in service.secrets if secret in shown]


_KINDS: Mapping[str, type[ProviderError]] = {
    "bad_credentials": AuthError,
    "no_rights": AuthError,
    "too_many": RateLimited,
}


@dataclass
class _Meddled:
    """A provider whose zone somebody else changes once, between the plan and the write."""

    provider: Provider
    meddle: Callable[[], None]
    slug: ClassVar[str] = "meddled"

    def __getattr__(self, name: str) -> object:
        return getattr(self.provider, name)

    def read(self, names: frozenset[object]) -> Snapshot:
        return self.provider.read(names)  # type: ignore[arg-type]

    def apply(self, changes: Sequence[Change]) -> None:
        meddle, self.meddle = self.meddle, lambda: None
        meddle()
        self.provider.apply(changes)


def _with_foreign(service: Service) -> list[str]:
    """Put somebody else's records there; gives what the server holds then."""
    put(service.open(service.url, PATIENCE), *FOREIGN)
    return sorted(service.stored())


def _check_converges(service: Service, ledger: Ledger, before: list[str]) -> None:
    """A second run makes it right, a third does nothing, and all that was there is there."""
    direct = service.open(service.url, PATIENCE)
    assert carry_out(direct, CLAIMS, ledger).conflicts == ()
    again = carry_out(direct, CLAIMS, ledger)
    assert (again.changes, again.conflicts) == ((), ())
    after = sorted(service.stored())
    assert len(after) == len(set(after)) == len(before) + len(CLAIMS)
    assert set(before) <= set(after)
    seen = read(direct, ZONE, "theirs.example.test", "smtp.example.test")
    for each in FOREIGN:
        assert seen[each.key].values == each.values | _added(each)
        assert seen[each.key].ttl == each.ttl
    assert seen[CLAIMS[0].key].values == frozenset({OURS})
    assert {each.origin for each in ledger.load().entries.values()} == {"written"}


def _added(foreign: RRset) -> frozenset[TXT]:
    return frozenset({_OUR_TEXT}) if foreign is _SHARED else frozenset()
