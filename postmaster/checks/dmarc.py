"""Checks of DMARC (RFC 9989): the record, what receivers make of it, and where reports go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from dns_providers.publishing.public_suffix import organizational
from ground.words import Words, family, text
from postmaster import dmarc, dmarc_lint, pasted
from postmaster.checks import rules, subjects
from postmaster.checks.entries import host_of
from postmaster.checks.old_answers import cached
from postmaster.checks.results import Judgement, failed, passed, skipped, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Public
from postmaster.checks.spf import mishap_said
from postmaster.checks.subjects import Subject
from postmaster.dmarc import POLICIES, DmarcRecord, DmarcSyntaxError
from postmaster.dmarc_lint import Flaw
from postmaster.outbound import mode_of
from probes.world.dmarc import Destination, DmarcSite
from probes.world.dns import Answer, texts

WATCHED = timedelta(days=30)  # after this time reports have shown who sends for a domain
_ADDRESSES_MOST = 2  # that reporters have to send to (RFC 7489 section 6.2)
_HOPS_MOST = 1
_FLAW = family("dmarc.flaw", Flaw)


def _unanswered(name: str) -> Judgement:
    return unknown(Words.of("checks.dns.no_answer", name=name))


def _sites(seen: Public) -> Iterator[tuple[Subject, DmarcSite]]:
    for view in seen.domains:
        if view.dmarc_site is not None:
            owner = dmarc.owner(view.domain)
            yield subjects.of_owner(owner, "TXT", seen.zone(view), view.domain), view.dmarc_site


def _own(site: DmarcSite) -> list[bytes]:
    return dmarc.found_in(site.texts.values)


def _old(site: DmarcSite, seen: Public) -> Judgement | None:
    """What to say where the record is published, and a resolver still has the one of before."""
    return cached(seen, dmarc.owner(site.domain), "TXT")


def _fails(site: DmarcSite, seen: Public, said: Words, remedy: Words) -> Judgement:
    return _old(site, seen) or failed(said, remedy)


def _wanted(site: DmarcSite, seen: Public) -> str:
    policy = seen.server.dmarc_policy if seen.server else "none"
    return dmarc.build(policy, _reports_to(site, seen)).data.decode("ascii")


def _reports_to(site: DmarcSite, seen: Public) -> str:
    server = seen.server
    return server.dmarc_reports_to(site.domain) if server else f"mailto:dmarc@{site.domain}"


def _publish(site: DmarcSite, record: str, seen: Public) -> Words:
    owner = dmarc.owner(site.domain)
    values = {"owner": owner, "host": host_of(owner, seen), "record": record}
    return Words.of("dmarc.publish", **values)


def _read(answer: Answer) -> DmarcRecord | None:
    return dmarc.only_record(answer.values)


def _found(site: DmarcSite) -> dict[str, DmarcRecord]:
    """The valid records of the names that a tree walk asks for, up to where it stops."""
    found: dict[str, DmarcRecord] = {}
    for answer in (site.texts, *site.above):
        record = _read(answer)
        if record is not None:
            found[answer.owner.removeprefix("_dmarc.")] = record
            if dict(record.tags).get("psd", "u").lower() in ("y", "n"):
                break
    return found


def organisation(site: DmarcSite) -> str:
    """Return a domain's organisational domain by its tree walk (RFC 9989 section 4.10.2)."""
    return dmarc_lint.organisation(site.domain, _found(site))


def _policy(site: DmarcSite) -> tuple[str, DmarcRecord] | None:
    """The record that holds for a domain, and whose it is (RFC 9989 section 4.10.1)."""
    found = _found(site)
    if site.domain in found:
        return site.domain, found[site.domain]
    name = organisation(site)
    if name in found:
        return name, found[name]
    above = [each for each, record in found.items() if dmarc_lint.is_public(record)]
    return (above[0], found[above[0]]) if above else None


# -- the record ------------------------------------------------------------------------------------


def alias(site: DmarcSite, seen: Public) -> Judgement:
    """DMARC-10: an alias at `_dmarc` leads to a record, and not by a long way."""
    if not site.texts.outcome.known:
        return _unanswered(site.texts.owner)
    aliases = site.texts.aliases
    if not aliases:
        return passed(Words.of("dkim.no_alias"))
    said = Words.of("dkim.alias", way=" -> ".join(f"{a.target} ({a.ttl} s)" for a in aliases))
    owner, target = dmarc.owner(site.domain), aliases[-1].target
    if not _own(site):
        return _fails(site, seen, said, Words.of("dmarc.alias_dead", owner=owner, target=target))
    if len(aliases) > _HOPS_MOST:
        return warned(said, Words.of("dkim.alias_long", owner=owner, target=target))
    return passed(said)


def one_record(site: DmarcSite, seen: Public) -> Judgement:
    """DMARC-01: there is exactly one record, at the domain or at its organisation's name."""
    found = _own(site)
    others = [each for each in texts(site.texts) if each not in found]
    if len(found) == 1 and others:
        beside = Words.of("dmarc.beside", text=pasted.decoded(others[0]))
        return warned(beside, Words.of("dmarc.delete", owner=dmarc.owner(site.domain)))
    count = Words.of("checks.dmarc.count", count=len(found))
    if len(found) == 1:
        return passed(count)
    if len(found) > 1:
        record = next((r for r in map(_valid, found) if r), None)
        wanted = _better(site, record, seen) if record else _wanted(site, seen)
        return _fails(
            site,
            seen,
            count,
            Words.of("dmarc.keep_one", owner=dmarc.owner(site.domain), record=wanted),
        )
    return _missing(site, seen)


def _valid(data: bytes) -> DmarcRecord | None:
    try:
        return dmarc.read(data)
    except DmarcSyntaxError:
        return None


def _missing(site: DmarcSite, seen: Public) -> Judgement:
    """What to say of a domain without a record: somebody above it may have one."""
    wanted = _publish(site, _wanted(site, seen), seen)
    there = texts(site.texts)
    meant = next((each for each in there if dmarc_lint.is_meant(each)), None)
    if meant is not None:
        shown = pasted.decoded(meant)
        said = Words.of("dmarc.unrecognised", record=shown, why=mishap_said(pasted.mishaps(shown)))
        mended = dmarc_lint.repaired(meant)
        return _fails(site, seen, said, _publish(site, mended, seen) if mended else wanted)
    if any(each.lower().startswith(b"v=spf1") for each in there):
        return _fails(site, seen, Words.of("dmarc.is_spf"), wanted)
    if above := _policy(site):
        name, record = above
        policy = dmarc_lint.effective(record).below
        said = Words.of("checks.dmarc.above", above=dmarc.owner(name), policy=policy)
        return passed(said)
    if mute := next((each for each in site.above if not each.outcome.known), None):
        return _unanswered(mute.owner)
    for place, said in _misplaced(site):
        moved = pasted.decoded(dmarc.found_in(place.values)[0])
        return _fails(site, seen, said, _publish(site, moved, seen))
    return _fails(site, seen, Words.of("checks.dmarc.count", count=0), wanted)


def _misplaced(site: DmarcSite) -> Iterator[tuple[Answer, Words]]:
    """Where else a record is that nobody finds."""
    if site.doubled is not None and dmarc.found_in(site.doubled.values):
        yield site.doubled, Words.of("dmarc.doubled", wrong=site.doubled.owner)
    if site.apex is not None and dmarc.found_in(site.apex.values):
        yield site.apex, Words.of("dmarc.at_apex", wrong=site.apex.owner)


def syntax(site: DmarcSite, seen: Public) -> Judgement:
    """DMARC-02: receivers heed the record, those who read RFC 7489 too."""
    found = _own(site)
    if len(found) != 1:  # somebody's above, or what a resolver still has of before
        return one_record(site, seen)
    wrong = dmarc_lint.mistake(found[0])
    if wrong is not None:
        said = Words.of("dmarc.invalid", tag=wrong.at, why=mishap_said(wrong.mishaps))
        record = wrong.record or _wanted(site, seen)
        return _fails(site, seen, said, _publish(site, record, seen))
    record_there = dmarc.read(found[0])
    flaws = dmarc_lint.flaws(record_there)
    if flaws:
        flaw, tag = flaws[0]
        better = _better(site, record_there, seen)
        said = Words.of("dmarc.flaws", flaw=text(_FLAW[flaw], tag=tag))
        return warned(said, _publish(site, better, seen))
    return passed(Words.of("checks.dmarc.policy", policy=record_there.policy))


def public(site: DmarcSite, seen: Public) -> Judgement:
    """DMARC-09: the domain does not say that it is a public suffix."""
    record = _read(site.texts)
    if record is None or not dmarc_lint.is_public(record):
        return passed(Words.of("dmarc.not_public"))
    said = Words.of("dmarc.public", domain=site.domain)
    return _fails(site, seen, said, _publish(site, _better(site, record, seen), seen))


# -- the record as it should be --------------------------------------------------------------------


def _better(site: DmarcSite, record: DmarcRecord, seen: Public) -> str:
    """A record with all that the rules want of it: whatever is wrong, there is one to publish."""
    changes: dict[str, str | None] = {"psd": None} if dmarc_lint.is_public(record) else {}
    changes |= _protecting(record)
    if not record.rua:
        changes["rua"] = _reports_to(site, seen)
    elif (mended := _addresses(record)) != record.rua:
        changes["rua"] = ",".join(mended)
    signers = _signers(site, seen)
    if signers and not any(_is_aligned(each, site, _is_strict(record)) for each in signers):
        changes["adkim"] = None
    return dmarc_lint.with_tags(record, changes)


def _addresses(record: DmarcRecord) -> tuple[str, ...]:
    return tuple(map(dmarc_lint.as_uri, record.rua[:_ADDRESSES_MOST]))


def _protecting(record: DmarcRecord) -> dict[str, str | None]:
    """What has to change so that names below are held to no less, and the policy is applied."""
    changes: dict[str, str | None] = {}
    if dmarc_lint.is_test(record) and record.policy != "none":
        changes["t"] = None
    strict, tags = POLICIES.index(record.policy), dict(record.tags)
    for tag, instead in (("sp", None), ("np", "reject")):
        if tag in tags and POLICIES.index(tags[tag].lower()) < strict:
            changes[tag] = instead
    return changes


def _is_strict(record: DmarcRecord) -> bool:
    return dict(record.tags).get("adkim", "r").lower() == "s"


# -- what receivers make of it ---------------------------------------------------------------------


def _holding(site: DmarcSite) -> tuple[str, DmarcRecord]:
    """The record that holds, where it is known that one does."""
    found = _policy(site)
    if found is None:
        raise LookupError(site.domain)
    return found


def _holds(site: DmarcSite, seen: Public) -> Judgement | None:
    """What to say where nothing holds: a resolver still has what was there before."""
    return None if _policy(site) else one_record(site, seen)


def policy(site: DmarcSite, seen: Public) -> Judgement:
    """DMARC-03: receivers are asked to act, once reports have shown who sends."""
    if judged := _holds(site, seen):
        return judged
    name, record = _holding(site)
    held = record.policy if name == site.domain else dmarc_lint.effective(record).below
    said = Words.of("dmarc.policy", policy=held)
    since = min((m for (d, _), m in seen.made.items() if d == site.domain), default=None)
    if held == "none" and since is not None and seen.now - since > WATCHED:
        days = (seen.now - since).days
        late = Words.of("dmarc.still_none", days=days)
        if seen.server is not None:
            return warned(late, Words.of("dmarc.set_policy", policy="quarantine"))
        stricter = dmarc_lint.with_tags(record, {"p": "quarantine"})
        owner = dmarc.owner(site.domain)
        return warned(late, Words.of("dmarc.stricter", owner=owner, later=stricter))
    return passed(said)


def effective(site: DmarcSite, seen: Public) -> Judgement:
    """DMARC-04: names below are held to no less than the domain, and the policy is applied."""
    if judged := _holds(site, seen):
        return judged
    name, record = _holding(site)
    found = dmarc_lint.effective(record)
    said = Words.of("dmarc.effective", own=found.own, below=found.below, nowhere=found.nowhere)
    changes = _protecting(record)
    if not changes:
        return passed(said)
    if name == site.domain:
        return warned(said, _publish(site, _better(site, record, seen), seen))
    owner = dmarc.owner(name)
    better = dmarc_lint.with_tags(record, changes)
    values = {"owner": owner, "host": host_of(owner, seen), "record": better}
    return warned(said, Words.of("dmarc.publish", **values))


def alignment(site: DmarcSite, seen: Public) -> Judgement:
    """DMARC-05: SPF and DKIM speak of the From domain, in the mode that the record asks for."""
    if judged := _holds(site, seen):
        return judged
    _, record = _holding(site)
    signers = _signers(site, seen)
    if not signers and seen.server is None:
        return skipped(Words.of("dmarc.no_signer", domain=site.domain))
    strict = _is_strict(record)
    good = [each for each in signers if _is_aligned(each, site, strict)]
    if good:
        return passed(Words.of("dmarc.both_aligned", signer=good[0]))
    signer = ", ".join(signers) or "-"
    relaxed = [each for each in signers if strict and _is_aligned(each, site, strict=False)]
    if relaxed:
        remedy = _publish(site, _better(site, record, seen), seen)
    else:
        remedy = Words.of("dkim.use_relay", author=site.domain, signer=signer)
    said = Words.of("dmarc.spf_only", signer=signer, domain=site.domain)
    views = (each for view in seen.domains for each in view.spf if view.domain == site.domain)
    results = {each.result for each in views}
    if results - {"pass", "temperror"}:
        return failed(Words.of("dmarc.none_aligned", signer=signer, domain=site.domain), remedy)
    if "temperror" in results:
        return _unanswered(site.domain)
    return warned(said, remedy)


def _signers(site: DmarcSite, seen: Public) -> list[str]:
    """The domains that sign the mail of a domain; without an inventory, those that have a key."""
    if seen.server is not None:
        keys = mode_of(seen.server).signing_keys(seen.server)
        return [each.domain for each in keys if site.domain in each.signs]
    views = (view for view in seen.domains if view.domain == site.domain)
    return [each.domain for view in views for each in view.keys if each.texts.values]


def _is_aligned(signer: str, site: DmarcSite, strict: bool) -> bool:
    return signer == site.domain if strict else dmarc.same_organisation(signer, site.domain)


def suffixes(site: DmarcSite, seen: Public) -> Judgement:
    """DMARC-08: by the tree walk and by the list of public suffixes the domain is its owner's."""
    if mute := next((each for each in site.above if not each.outcome.known), None):
        return _unanswered(mute.owner)
    walked, listed = organisation(site), organizational(site.domain)
    said = Words.of("dmarc.organisation", walked=walked, listed=listed)
    if len(walked.split(".")) >= len(listed.split(".")):
        return passed(said)
    record = _read(site.texts)
    whole = _better(site, record, seen) if record else _wanted(site, seen)
    better = f"{whole}; psd=n"
    owner = dmarc.owner(listed)
    values = {"owner": owner, "host": host_of(owner, seen), "later": better}
    return warned(said, Words.of("dmarc.own_level", **values))


# -- reports ---------------------------------------------------------------------------------------


def reports(site: DmarcSite, seen: Public) -> Judgement:
    """DMARC-06: reports are asked for, at an address that takes mail."""
    if judged := _holds(site, seen):
        return judged
    name, record = _holding(site)
    better = _publish(site, _better(site, record, seen), seen)
    if not record.rua:
        return warned(Words.of("dmarc.no_reports"), better)
    if wrong := dmarc_lint.wrong_addresses(record):
        said = Words.of("dmarc.address", address=wrong[0])
        if len(wrong) == len(record.rua) or _addresses(record) != record.rua[:_ADDRESSES_MOST]:
            return _fails(site, seen, said, better)
    if name == site.domain:
        others = [each for each in site.destinations if each.domain != site.domain]
        for each in others:  # that the domain itself takes mail is for the rules on MX
            if each.takes_mail is False:
                said = Words.of("dmarc.no_mailbox", domain=each.domain)
                return failed(said, Words.of("dmarc.give_mx", domain=each.domain))
        if mute := next((e for e in others if e.takes_mail is None), None):
            return _unanswered(mute.domain)
    if len(record.rua) > _ADDRESSES_MOST:
        said = Words.of("dmarc.many_addresses", count=len(record.rua))
        return warned(said, better)
    return passed(Words.of("dmarc.reports", addresses=", ".join(record.rua)))


def consent(site: DmarcSite, seen: Public) -> Judgement:
    """DMARC-07: whoever gets reports elsewhere says that they are wanted (RFC 9990 section 4)."""
    elsewhere = [each for each in site.destinations if _is_elsewhere(each, site)]
    for each in elsewhere:
        there = each.consent
        if there is None or not there.outcome.known:
            return _unanswered(dmarc.consent_owner(site.domain, each.domain))
        if len(dmarc.found_in(there.values)) != 1:
            return _without_consent(site, each, seen)
    if not elsewhere:
        return passed(Words.of("dmarc.own_reports"))
    names = ", ".join(each.domain for each in elsewhere)
    return passed(Words.of("dmarc.wanted", domains=names))


def _is_elsewhere(to: Destination, site: DmarcSite) -> bool:
    return to.consent is not None and not dmarc.same_organisation(to.domain, site.domain)


def _without_consent(site: DmarcSite, to: Destination, seen: Public) -> Judgement:
    owner = dmarc.consent_owner(site.domain, to.domain)
    said = Words.of("dmarc.not_wanted", domain=to.domain)
    values = {"owner": owner, "value": dmarc.CONSENT.decode("ascii")}
    zones = (seen.zone(view) for view in seen.domains) if seen.server else ()
    if any(f".{to.domain}".endswith(f".{zone}") for zone in zones):
        return failed(said, Words.of("dmarc.deploy_consent", **values))
    return failed(said, Words.of("dmarc.ask_consent", domain=to.domain, **values))


CHECKS: tuple[Check[Public, Any], ...] = (
    Check(rules.DMARC_10, _sites, alias),
    Check(rules.DMARC_01, _sites, one_record),
    Check(rules.DMARC_02, _sites, syntax),
    Check(rules.DMARC_09, _sites, public),
    Check(rules.DMARC_03, _sites, policy),
    Check(rules.DMARC_04, _sites, effective),
    Check(rules.DMARC_05, _sites, alignment),
    Check(rules.DMARC_06, _sites, reports),
    Check(rules.DMARC_07, _sites, consent),
    Check(rules.DMARC_08, _sites, suffixes),
)
