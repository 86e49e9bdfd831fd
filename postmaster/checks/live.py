"""Checks of the live proof: mail comes, whole, signed, by a name that receivers can believe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ground.words import Words, family
from postmaster import fidelity, header_lint
from postmaster.checks import rules, subjects
from postmaster.checks.results import Judgement, failed, passed, skipped, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Seen
from postmaster.checks.subjects import Subject
from postmaster.fidelity import Difference, Limit
from postmaster.outbound import mode_of
from probes.host.live import Carried, LiveView, Way

_WAYS = family("live.way", Way)
_FOLDERS = ("INBOX", "")
_RESULT = re.compile(r"\b(spf|dkim|dmarc)=(\w+)", re.IGNORECASE)
_AUTHENTICATION = re.compile(rb"^Authentication-Results:((?:[^\r\n]|\r?\n[ \t])*)", re.M | re.I)


def _ways(seen: Seen) -> Iterator[tuple[Subject, Carried | LiveView]]:
    """Each way that was tried; or the proof itself, where there was none."""
    if seen.live is None:
        return
    if seen.live.reason:
        yield subjects.of_way("-", Words.of("live.way.none")), seen.live
    for each in seen.live.carried:
        yield subjects.of_way(each.way, Words.of(_WAYS[each.way])), each


def _leaving(seen: Seen) -> Iterator[tuple[Subject, Carried]]:
    for subject, each in _ways(seen):
        if isinstance(each, Carried) and each.way.leaves:
            yield subject, each


def _carried(seen: Seen) -> Iterator[tuple[Subject, Carried]]:
    for subject, each in _ways(seen):
        if isinstance(each, Carried) and each.way is not Way.FAR:
            yield subject, each


def arrives(carried: Carried | LiveView, seen: Seen) -> Judgement:
    """LIVE-01: a message of this way arrives."""
    if isinstance(carried, LiveView):
        return unknown(Words.of("live.none", reason=carried.reason))
    if carried.took.reason:
        return _not_taken(carried, seen)
    if carried.way is Way.FAR:
        return passed(Words.of("live.taken", to=carried.to))
    if carried.came:
        return _there(carried, seen)
    if seen.live and seen.live.unread and carried.way.home:
        return unknown(Words.of("live.unread", reason=seen.live.unread))
    return failed(Words.of("live.lost"), _look(seen))


def _not_taken(carried: Carried, seen: Seen) -> Judgement:
    """From outside some networks let nobody reach port 25, and who greylists wants a second try."""
    took, outside = carried.took, carried.way is Way.FROM_OUTSIDE
    if outside and took.closed:
        return unknown(Words.of("live.closed", reason=took.reason), required=False)
    if outside and took.later:
        again = Words.of("live.later", reason=took.reason)
        return unknown(again, required=not seen.server.edge.greylist)
    return failed(Words.of("live.refused", reason=took.reason), _look(seen))


def _look(seen: Seen) -> Words:
    if mode_of(seen.server).relayed:
        return Words.of("live.look")
    return Words.of("live.look_direct")


def _there(carried: Carried, seen: Seen) -> Judgement:
    if carried.folder in _FOLDERS:
        return passed(Words.of("live.arrived"))
    between = carried.way in (Way.PROGRAM_HOME, Way.WEB_HOME)
    if between and not mode_of(seen.server).relayed:
        hidden = {"folder": carried.folder, "limit": Limit.HIDDEN.value}
        return passed(Words.of("live.hidden", **hidden))
    return warned(Words.of("live.elsewhere", folder=carried.folder), _look(seen))


def whole(carried: Carried, seen: Seen) -> Judgement:
    """LIVE-02: it came as it was sent, but for what PMail is known to lose."""
    found = differences(carried)
    if faults := fidelity.faults(found):
        return failed(Words.of("live.different", what=", ".join(faults)), _look(seen))
    if limits := fidelity.limits(found):
        names = ", ".join(each.value for each in limits)
        return passed(Words.of("live.whole_but", limits=names))
    return passed(Words.of("live.whole"))


def differences(carried: Carried) -> tuple[Difference, ...]:
    """Return what came otherwise: octet by octet where nobody builds the message anew."""
    if carried.way is Way.PROGRAM_OUT:
        return fidelity.on_the_wire(carried.sent, carried.came)
    return fidelity.in_parts(carried.sent, carried.came)


def signed(carried: Carried, seen: Seen) -> Judgement:
    """LIVE-03: it is signed for its author's domain, and verifies by DNS."""
    domain = seen.server.primary
    ours = [each for each in carried.signatures if each.domain == domain]
    remedy = Words.of("checks.relay.sign")
    if not ours:
        return failed(Words.of("checks.relay.unsigned"), remedy)
    if bad := next((each for each in ours if each.valid is False), None):
        values = {"selector": bad.selector, "reason": bad.reason}
        return failed(Words.of("checks.relay.bad", **values), remedy)
    if any(each.valid is None for each in ours):
        return unknown(Words.of("checks.dns.no_answer", name=domain))
    return passed(Words.of("live.signed", selector=ours[0].selector))


def well_formed(carried: Carried, seen: Seen) -> Judgement:
    """LIVE-04: its head is as RFC 5322 wants it."""
    wrong = header_lint.lint(carried.came, seen.now)
    if wrong:
        return failed(Words.of("live.malformed", wrong=", ".join(wrong)), _look(seen))
    return passed(Words.of("live.well_formed"))


def greeted(carried: Carried, seen: Seen) -> Judgement:
    """LIVE-05: it comes with a greeting name that is the PTR name."""
    known = [each for each in seen.world.reverse if each.outcome.known]
    if not known:
        return unknown(Words.of("checks.dns.no_answer", name=seen.server.ipv4))
    others = [each for each in known if carried.ehlo not in each.names]
    if others:
        names = ", ".join(f"{each.address} {' '.join(each.names) or '-'}" for each in others)
        said = Words.of("checks.relay.ehlo_ptr", name=carried.ehlo or "-", ptr=names)
        return warned(said, Words.of("live.greeted_remedy"))
    return passed(Words.of("checks.relay.ehlo", name=carried.ehlo))


def _far(seen: Seen) -> Iterator[tuple[Subject, Carried]]:
    for subject, each in _ways(seen):
        if isinstance(each, Carried) and each.way is Way.FAR:
            yield subject, each


def believed(carried: Carried, seen: Seen) -> Judgement:
    """LIVE-06: the mailbox elsewhere has it, and its server says that SPF, DKIM and DMARC pass."""
    if not carried.came:
        if carried.unread:
            return unknown(Words.of("live.unread", reason=carried.unread))
        if seen.live and seen.live.far_read:
            return failed(
                Words.of("live.far_lost", to=carried.to), Words.of("live.far_lost_remedy")
            )
        return skipped(Words.of("live.far_unread", to=carried.to))
    found = authentication(carried.came)
    if found is None:
        return unknown(Words.of("live.far_unsaid"))
    shown = ", ".join(f"{name}={found[name]}" for name in ("spf", "dkim", "dmarc") if name in found)
    wrong = [name for name in ("spf", "dkim", "dmarc") if found.get(name, "pass") != "pass"]
    if wrong:
        said = Words.of("live.far_results", results=shown)
        return failed(said, Words.of("live.far_results_remedy", names=", ".join(wrong).upper()))
    if carried.folder.upper() != "INBOX":
        said = Words.of("live.far_folder", folder=carried.folder, results=shown)
        return warned(said, Words.of("live.far_folder_remedy", folder=carried.folder))
    return passed(Words.of("live.far_results", results=shown))


def authentication(message: bytes) -> dict[str, str] | None:
    """Return the results in the topmost Authentication-Results field (RFC 8601), None: no field.

    What stands below it may be the sender's own.
    """
    head = message.partition(b"\r\n\r\n")[0]
    found = _AUTHENTICATION.search(head)
    if found is None:
        return None
    results = _RESULT.findall(found[1].decode("ascii", "replace"))
    return {name.lower(): value.lower() for name, value in reversed(results)} or None


CHECKS: tuple[Check[Seen, Any], ...] = (
    Check(rules.LIVE_01, _ways, arrives),
    Check(rules.LIVE_02, _carried, whole),
    Check(rules.LIVE_03, _leaving, signed),
    Check(rules.LIVE_04, _leaving, well_formed),
    Check(rules.LIVE_05, _leaving, greeted),
    Check(rules.LIVE_06, _far, believed),
)
