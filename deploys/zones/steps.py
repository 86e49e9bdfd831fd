"""The DNS steps of a zone: publish a stage, wait until it is visible, with MX behind its gate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path

from paramiko import SSHException
from pyinfra import host, state
from pyinfra.api.operation import OperationMeta

from deploys.host.queued import QueueUnknown, signed_with
from deploys.host.reachable import not_answering
from deploys.run import flow
from deploys.run.outcome import recorder
from deploys.zones.access import (
    all_resolvers,
    ledger_of,
    look_of,
    network_of,
    open_zone,
    patience,
    replaced,
    servers_in,
    writing_ledger,
)
from deploys.zones.asking import asking
from deploys.zones.key_records import is_proven
from deploys.zones.policy_publishing import mx_waits
from deploys.zones.wanted import leaving_in, no_longer_asked_for, wanted
from dns_providers.base import Change
from dns_providers.publishing import operations, propagation
from dns_providers.publishing.claims import Claim
from dns_providers.publishing.ledger import read_backup
from dns_providers.publishing.propagation import Delegation
from dns_providers.rrset import RRKey, RRset, name_text
from ground.words import Words, text
from postmaster import dkim, spf, spf_merge
from postmaster.desired import BEFORE_MX, MOVE_STAGE, MX_STAGE, Desired
from postmaster.outbound import mode_of
from postmaster.settings import Site, Stage, ZoneSettings

_KEYS = "dkim"  # kind of claim group whose records retire by themselves


def publish_before_mx(site: Site, zone: ZoneSettings) -> OperationMeta:
    """Publish all of a zone's records but MX."""
    return operations.publish(
        name=text("dns.name.publish"),
        provider=lambda: open_zone(zone),
        claims=lambda: _claims(site, zone, BEFORE_MX),
        all_claims=lambda: _wanted(site, zone).claims,
        retiring=_KEYS,
        made_by_this_run=lambda: _missing_keys(_wanted(site, zone)),
        ledger=writing_ledger(zone),
        replaced=replaced(zone),
        unsolved=lambda lines: flow.leave_unsolved(host.name, (*lines, *_left_out(site, zone))),
        delegation=lambda: _delegation(site, zone),
        leaving=leaving_in(site) | no_longer_asked_for(site, zone.name),
        look=look_of(site, zone),
        given=lambda: _wanted(site, zone).given,
        stops=lambda lines: _stops(zone, BEFORE_MX, lines),
    )


def publish_moves(site: Site, zone: ZoneSettings) -> OperationMeta:
    """Point names to the addresses that their servers have now, once each server answers there.

    At once and late: while a name points to two servers, mail is split over their mailboxes.
    """
    return _publish_late(text("dns.name.publish_moves"), site, zone, MOVE_STAGE)


def publish_mx(site: Site, zone: ZoneSettings) -> OperationMeta:
    """Publish a zone's MX records, once each server answers on port 25."""
    waits = partial(mx_waits, site, zone)
    return _publish_late(text("dns.name.publish_mx"), site, zone, MX_STAGE, waits)


def _publish_late(
    name: str,
    site: Site,
    zone: ZoneSettings,
    stage: str,
    waits: Callable[[], Iterable[str]] = tuple,
) -> OperationMeta:
    """Publish the records of a stage that waits until servers are ready for it.

    waits: other reasons not to write now.
    """
    return operations.publish(
        name=name,
        provider=lambda: open_zone(zone),
        claims=lambda: _wanted(site, zone).stage(stage),
        gate=lambda: (*_not_ready(site, zone, stage), *waits()),
        ledger=writing_ledger(zone),
        replaced=replaced(zone),
        unsolved=lambda lines: flow.leave_unsolved(host.name, lines),
        delegation=lambda: _delegation(site, zone),
        look=look_of(site, zone),
        stops=lambda lines: _stops(zone, stage, lines),
        sparing=True,
    )


_stopped: dict[str, set[str]] = {}  # stages that a run stops at, by zone


def _stops(zone: ZoneSettings, stage: str, lines: tuple[str, ...]) -> bool:
    """Whether a zone's run stops at a stage or before it; a run that only shows ends with why.

    lines: what stops it at this stage, none where nothing does.
    """
    stages = _stopped.setdefault(zone.name, set())
    if lines:
        stages.add(stage)
    else:
        stages.discard(stage)
    if lines and recorder().seen.dry:
        flow.leave_unsolved(host.name, lines)
    return bool(stages)


def wait_until_visible(
    site: Site, zone: ZoneSettings, published: OperationMeta, *stages: str
) -> OperationMeta:
    """Wait until every authoritative server shows the records of some stages.

    What has moved has no stage of its own any more: its record is as all others are.
    """
    return operations.wait_until_visible(
        name=text("dns.name.wait"),
        claims=lambda: _claims(site, zone, *stages),
        ledger=writing_ledger(zone),
        network=network_of(site, zone),
        timeout=patience(site, zone),
        zone=zone.name,
        published=published,
    )


def retire_keys(site: Site, zone: ZoneSettings) -> OperationMeta:
    """Take out key records that no message needs any more: another selector signs since long."""
    servers = servers_in(site, zone)
    # A zone that no server has a domain in any more keeps its records as long as any.
    days = max((each.dkim_keep_days for each in servers or site.servers), default=0)
    return operations.retire(
        name=text("dns.name.retire"),
        provider=lambda: open_zone(zone),
        all_claims=lambda: _wanted(site, zone).claims,
        ledger=writing_ledger(zone),
        group=_KEYS,
        keep=days * 86400,
        # The signer uses a key from the moment that it is proven.
        ready=lambda: all(
            is_proven(site, signing)
            for server in servers
            for signing in mode_of(server).signing_keys(server)
        ),
        needed=lambda owner: _still_waiting(site, owner),
        delegation=lambda: _delegation(site, zone),
        network=network_of(site, zone),
        timeout=patience(site, zone),
        spared=frozenset(
            key for each in site.leaving if each.stage is Stage.THERE for key in each.records
        ),
    )


def _still_waiting(site: Site, owner: RRKey) -> Iterable[Words]:
    """Servers whose queue holds a message that a key has signed, or cannot be looked at.

    Of a domain that no server has any more it may be any that sent for it.
    """
    selector, _, domain = name_text(owner.owner).partition("._domainkey.")
    having = [each for each in site.servers if domain in {d.name for d in each.domains}]
    for server in having or site.servers:
        there = state.inventory.get_host(server.host)
        named = {"key": str(owner), "host": server.host}
        try:
            if not (there and there.connected):
                yield Words.of("dns.note.queue_not_seen", **named)
                continue
            left = signed_with(there, frozenset({(domain, selector)})).ids
        except (QueueUnknown, OSError, SSHException):
            yield Words.of("dns.note.queue_not_seen", **named)
            continue
        if left:
            count, ids = str(len(left)), ", ".join(left[:20])
            yield Words.of("dns.note.queue_holds", count=count, ids=ids, **named)


def adopt(site: Site, zone: ZoneSettings) -> OperationMeta:
    """Take what is there as wished into a zone's ledger."""
    return operations.adopt(
        name=text("dns.name.adopt"),
        provider=lambda: open_zone(zone),
        claims=lambda: _wanted(site, zone).claims,
        ledger=writing_ledger(zone),
    )


def remove(zone: ZoneSettings) -> OperationMeta:
    """Take out of a zone all that we wrote, and only that."""
    return operations.remove(
        name=text("dns.name.remove"),
        provider=lambda: open_zone(zone),
        ledger=writing_ledger(zone),
        unmerge=lambda entry: spf.unmerge(entry.terms, entry.whole),
        unsolved=lambda lines: flow.leave_unsolved(host.name, lines),
    )


def undo(site: Site, zone: ZoneSettings, backup: str) -> OperationMeta | None:
    """Put back a backup's records, if it is one of this zone. Raises LedgerError."""
    if read_backup(Path(backup))[0] != zone.name:
        return None
    return operations.undo(
        name=text("dns.name.undo"),
        provider=lambda: open_zone(zone),
        backup=backup,
        ledger=writing_ledger(zone),
        keeps=lambda before: _former_key(site, zone, before),
        costs=lambda change: _lost_senders(site, zone, change),
    )


def _lost_senders(site: Site, zone: ZoneSettings, change: Change) -> Words | None:
    """Whose mail would not pass SPF any more."""
    claims = (each for each in _wanted(site, zone).claims if each.key == change.key)
    spoken = next((each for each in claims if each.singleton), None)
    if spoken is None:
        return None
    back, now = (each.values if each else () for each in (change.after, change.before))
    ask = asking((each.name for each in site.zones), all_resolvers(site))
    lost = spf_merge.lost_by(back, now, spf_merge.wanted_by(spoken), ask)
    return lost.having(key=change.key) if lost else None


def _former_key(site: Site, zone: ZoneSettings, before: RRset) -> bool:
    """Whether a record is of another key than signs: it was replaced, or even revoked."""
    if not dkim.is_owner(name_text(before.key.owner)):
        return False
    claims = _wanted(site, zone).claims
    return not any(each.key == before.key and each.values == before.values for each in claims)


@cache
def _delegation(site: Site, zone: ZoneSettings) -> Delegation:
    """A zone's servers, looked up once in a run."""
    return propagation.delegation(zone.name, network_of(site, zone))


def _wanted(site: Site, zone: ZoneSettings) -> Desired:
    return wanted(site, zone.name)


def _claims(site: Site, zone: ZoneSettings, *stages: str) -> tuple[Claim, ...]:
    """The claims of stages, without key records that a server we cannot ask may know better."""
    left_out = _unread_keys(site, zone)
    claims = _wanted(site, zone).claims
    return tuple(each for each in claims if each.stage in stages and each not in left_out)


def _unread_keys(site: Site, zone: ZoneSettings) -> dict[Claim, str]:
    """Claims of key records -> the server that is not reached and signs with these keys."""
    away = flow.away(each.host for each in site.servers)
    groups = {
        f"{_KEYS}:{domain.name}": server.host
        for server in site.servers
        if server.host in away
        for domain in server.domains
    }
    claims = _wanted(site, zone).claims
    return {each: groups[each.group] for each in claims if each.group in groups}


def _left_out(site: Site, zone: ZoneSettings) -> tuple[str, ...]:
    """Which key records would be written if their servers could be asked."""
    entries = ledger_of(zone.name).load().entries
    return tuple(
        text("dns.key_left_out", key=str(claim.key), host=server)
        for claim, server in _unread_keys(site, zone).items()
        if claim.key not in entries or entries[claim.key].values != claim.values
    )


def _missing_keys(found: Desired) -> tuple[str, ...]:
    return tuple(
        text("dns.made_by_this_run", owner=missing.owner, ttl=missing.ttl)
        for missing in found.missing_keys
    )


def _not_ready(site: Site, zone: ZoneSettings, stage: str) -> Iterable[str]:
    """Reasons why mail must not be sent to the zone's servers yet."""
    if not _wanted(site, zone).stage(stage):
        return ()
    reasons = [not_answering(server) for server in servers_in(site, zone)]
    return [reason for reason in reasons if reason]
