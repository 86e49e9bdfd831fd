"""Checks of DKIM key records (RFC 6376 section 3.6), and of the keys that they are for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import dkim as dkimpy

from ground.words import Words
from keys.dkim import DkimPublicKey, KeyFormatError, public_from_data
from postmaster import dkim, dkim_lint, dmarc, pasted
from postmaster.checks import rules, subjects
from postmaster.checks.entries import host_of
from postmaster.checks.old_answers import cached
from postmaster.checks.results import Judgement, failed, passed, skipped, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Public, Seen
from postmaster.checks.spf import mishap_said
from postmaster.checks.subjects import Subject
from postmaster.dkim import DkimSyntaxError, KeyTags
from postmaster.outbound import mode_of
from probes.world.dkim import KeySite
from probes.world.dns import Answer, texts

ROTATED_AFTER = timedelta(days=183)  # M3AAWG, DKIM key rotation: every six months
_HOPS_MOST = 1
_SHOWN = 16  # digits of a fingerprint


def _unanswered(name: str) -> Judgement:
    return unknown(Words.of("checks.dns.no_answer", name=name))


def _sites(seen: Public) -> Iterator[tuple[Subject, KeySite]]:
    for view in seen.domains:
        for site in view.keys:
            zone = seen.zone(view)
            yield subjects.of_owner(site.owner, "TXT", zone, view.domain), site


def _record(site: KeySite) -> bytes:
    """The one record, which is known to be there."""
    return texts(site.texts)[0]


def _tags(site: KeySite) -> KeyTags:
    return dkim.read(_record(site))


def _signing(site: KeySite, seen: Public) -> DkimPublicKey | None:
    """The key that is signed with, where that is known."""
    return seen.signing.get((site.domain, site.selector))


def _publish(site: KeySite, seen: Public) -> Words:
    """The record to enter: of the key that signs, else as somebody meant it."""
    public = _signing(site, seen)
    record = public.record if public else None
    if record is None and len(texts(site.texts)) == 1:
        record = dkim_lint.repaired(_record(site))
    place = {"owner": site.owner, "host": host_of(site.owner, seen)}
    if record is None:
        return Words.of("dkim.publish_signers", **place)
    return Words.of("dkim.publish", **place, record=record, strings=dkim_lint.quoted(record))


def _old(site: KeySite, seen: Public) -> Judgement | None:
    """What to say where the key is published, and a resolver still has the one of before."""
    return cached(seen, site.owner, "TXT")


Judge = Callable[[KeySite, Public], Judgement]


def _is_one(site: KeySite) -> bool:
    return len(texts(site.texts)) == 1


def _has_tags(site: KeySite) -> bool:
    return _is_one(site) and dkim_lint.mistake(_record(site)) is None


def _has_key(site: KeySite) -> bool:
    try:
        return _has_tags(site) and bool(_public(site))
    except KeyFormatError:
        return False


def _of(judge: Judge, readable: Callable[[KeySite], bool]) -> Judge:
    """A judgement of a record that can be read so far."""

    def judged(site: KeySite, seen: Public) -> Judgement:
        if readable(site):
            return judge(site, seen)
        return _old(site, seen) or skipped(Words.of("dkim.unread"))

    return judged


def _failed(site: KeySite, seen: Public, said: Words, remedy: Words | None = None) -> Judgement:
    return _old(site, seen) or failed(said, remedy or _publish(site, seen))


# -- what is there ---------------------------------------------------------------------------------


def alias(site: KeySite, seen: Public) -> Judgement:
    """DKIM-14: an alias leads to a record, and not by a long way."""
    if not site.texts.outcome.known:
        return _unanswered(site.owner)
    names = [each.target for each in site.texts.aliases]
    if not names:
        return passed(Words.of("dkim.no_alias"))
    way = " -> ".join(f"{each.target} ({each.ttl} s)" for each in site.texts.aliases)
    said = Words.of("dkim.alias", way=way)
    if not site.texts.values:
        remedy = Words.of("dkim.alias_dead", owner=site.owner, target=names[-1])
        return _failed(site, seen, said, remedy)
    if len(names) > _HOPS_MOST:
        return warned(said, Words.of("dkim.alias_long", owner=site.owner, target=names[-1]))
    return passed(said)


def wildcard(site: KeySite, seen: Public) -> Judgement:
    """DKIM-15: the record is of this name, and not what a wildcard says of every name."""
    sibling = site.sibling
    if sibling is not None and not sibling.outcome.known:
        return _unanswered(sibling.owner)
    if sibling is not None and sibling.values and sibling.values == site.texts.values:
        said = Words.of("dkim.wildcard", asked=sibling.owner)
        return _failed(site, seen, said, _publish(site, seen))
    return passed(Words.of("dkim.no_wildcard"))


def exists(site: KeySite, seen: Public) -> Judgement:
    """DKIM-01: there is a key record."""
    if site.texts.values:
        return passed(Words.of("dkim.there"))
    if site.doubled is not None and site.doubled.values:
        remedy = Words.of(
            "dkim.once", owner=site.owner, host=host_of(site.owner, seen), wrong=site.doubled.owner
        )
        return _failed(site, seen, Words.of("dkim.doubled", wrong=site.doubled.owner), remedy)
    return _failed(site, seen, Words.of("dkim.none"))


def single(site: KeySite, seen: Public) -> Judgement:
    """DKIM-02: there is one record; with two, each verifier does as it likes."""
    found = texts(site.texts)
    if len(found) == 1:
        return passed(Words.of("dkim.one"))
    public = _signing(site, seen)
    others = [each for each in found if public is None or not _holds(each, public)]
    said = Words.of("checks.dkim.count", count=len(found))
    if public is None or len(others) == len(found):
        return _failed(site, seen, said)
    shown = " | ".join(pasted.decoded(each)[-40:] for each in others)
    return _failed(site, seen, said, Words.of("dkim.delete", owner=site.owner, ends=shown))


def _holds(record: bytes, public: DkimPublicKey) -> bool:
    try:
        tags = dkim.read(record)
        return public_from_data(tags.data, tags.kind).fingerprint == public.fingerprint
    except (DkimSyntaxError, KeyFormatError):
        return False


# -- what it says ----------------------------------------------------------------------------------


def strings(site: KeySite, seen: Public) -> Judgement:
    """DKIM-13: the quotes between strings did not become a part of the record."""
    data = _record(site)
    cut = next((each for each in site.texts.strings if b"".join(each) == data), (data,))
    lengths = " + ".join(str(len(each)) for each in cut)
    if dkim_lint.is_joint_kept(data):
        return _failed(site, seen, Words.of("dkim.quotes", lengths=lengths))
    return passed(Words.of("dkim.strings", lengths=lengths))


def syntax(site: KeySite, seen: Public) -> Judgement:
    """DKIM-03: verifiers can read the record."""
    wrong = dkim_lint.mistake(_record(site))
    if wrong is None:
        return passed(Words.of("dkim.valid"))
    why = mishap_said(wrong.mishaps)
    return _failed(site, seen, Words.of("dkim.invalid", tag=wrong.at, why=why))


def revoked(site: KeySite, seen: Public) -> Judgement:
    """DKIM-12: the record has a key; without one it says that the key is not used any more."""
    if _tags(site).data:
        return passed(Words.of("dkim.not_revoked"))
    return _failed(site, seen, Words.of("dkim.revoked"))


def usable(site: KeySite, seen: Public) -> Judgement:
    """DKIM-10: the key is for mail, and of a kind that verifiers know."""
    tags = _tags(site)
    if tags.kind not in ("rsa", "ed25519"):
        return _failed(site, seen, Words.of("dkim.kind", kind=tags.kind))
    services = tags.parts("s", "*")
    if not {"*", "email"} & set(services):
        return _failed(site, seen, Words.of("dkim.service", services=":".join(services)))
    return passed(Words.of("dkim.for_mail", kind=tags.kind))


def hashes(site: KeySite, seen: Public) -> Judgement:
    """DKIM-09: signatures with SHA-256 are allowed (RFC 8301 section 3.1)."""
    allowed = _tags(site).parts("h")
    if not allowed or "sha256" in allowed:
        return passed(Words.of("dkim.sha256"))
    return _failed(site, seen, Words.of("dkim.hashes", hashes=":".join(allowed)))


def parses(site: KeySite, seen: Public) -> Judgement:
    """DKIM-04: `p=` is a whole key."""
    tags = _tags(site)
    try:
        public = public_from_data(tags.data, tags.kind)
    except KeyFormatError as error:
        if cut := dkim_lint.cut(tags.data):
            length = len(_record(site))
            said = Words.of("dkim.cut", there=cut.there, whole=cut.whole, length=length)
            return _failed(site, seen, said)
        return _failed(site, seen, Words.of("checks.dkim.syntax", reason=error))
    return passed(Words.of("dkim.whole", bits=public.bits, kind=public.algorithm))


def _public(site: KeySite) -> DkimPublicKey:
    tags = _tags(site)
    return public_from_data(tags.data, tags.kind)


def strength(site: KeySite, seen: Public) -> Judgement:
    """DKIM-05: the key is long enough (RFC 8301 section 3.2), and not too long for verifiers."""
    public = _public(site)
    said = Words.of("dkim.whole", bits=public.bits, kind=public.algorithm)
    if public.algorithm != "rsa":
        return passed(said)
    remedy = Words.of("dkim.make_2048", selector=site.selector, domain=site.domain)
    if public.bits < dkim_lint.WEAKEST:
        return failed(said, remedy)
    if not dkim_lint.ADVISED <= public.bits <= dkim_lint.PROMISED:
        return warned(said, remedy)
    return passed(said)


def testing(site: KeySite, seen: Public) -> Judgement:
    """DKIM-08: the record does not say that signing is only tried (`t=y`)."""
    flags = _tags(site).parts("t")
    if "y" not in flags:
        return passed(Words.of("dkim.not_testing"))
    return warned(Words.of("dkim.testing", flags=":".join(flags)), _publish(site, seen))


def known_kind(site: KeySite, seen: Public) -> Judgement:
    """DKIM-11: a key that all receivers can verify with; many know RSA alone (RFC 8463)."""
    kind = _public(site).algorithm
    beside = [
        other
        for view in seen.domains
        for other in view.keys
        if view.domain == site.domain and other is not site and _is_rsa(other)
    ]
    if kind == "rsa" or beside:
        return passed(Words.of("dkim.known_kind", kind=kind))
    remedy = Words.of("dkim.make_2048", selector=site.selector, domain=site.domain)
    return warned(Words.of("dkim.unknown_kind", kind=kind), remedy)


def _is_rsa(site: KeySite) -> bool:
    return _has_key(site) and _public(site).algorithm == "rsa"


# -- the key, and what is signed with it -----------------------------------------------------------


def _own_sites(seen: Seen) -> Iterator[tuple[Subject, KeySite]]:
    """The records of keys that this server signs with."""
    keys = mode_of(seen.server).signing_keys(seen.server)
    owners = {dkim.owner(each.selector, each.domain) for each in keys}
    yield from (each for each in _sites(seen.public) if each[1].owner in owners)


def matches(site: KeySite, seen: Seen) -> Judgement:
    """DKIM-06: the published key is the one that the server signs with."""
    on_host = seen.key_on_host(site.domain, site.selector)
    stored = seen.stored.get((site.domain, site.selector))
    if on_host is None:
        return unknown(Words.of("checks.dkim.host_unseen"))
    if not _has_key(site):
        return _old(site, seen.public) or skipped(Words.of("dkim.unread"))
    in_dns = _public(site)
    short = on_host.fingerprint[:_SHOWN]
    if in_dns.fingerprint == on_host.fingerprint:
        return passed(Words.of("checks.dkim.same", fingerprint=short, bits=in_dns.bits))
    different = Words.of("checks.dkim.different", dns=in_dns.fingerprint[:_SHOWN], host=short)
    if stored is not None and stored.fingerprint == in_dns.fingerprint:
        return failed(different, Words.of("checks.dkim.deploy"))
    if stored is not None and stored.fingerprint == on_host.fingerprint:
        return _failed(site, seen.public, different)  # the store's is what should be published
    return failed(different, _publish(site, seen.public))


def _signed_domains(seen: Seen) -> Iterator[tuple[Subject, tuple[str, str]]]:
    """Each From domain, and the domain that signs for it."""
    for signing in mode_of(seen.server).signing_keys(seen.server):
        for name in signing.signs:
            yield subjects.of_domain(seen.server.domain(name)), (name, signing.domain)


def aligned(pair: tuple[str, str], seen: Seen) -> Judgement:
    """DKIM-16: the signature is of the From domain's organisation (RFC 9989 section 3.2.10)."""
    author, signer = pair
    said = {"author": author, "signer": signer}
    if dmarc.same_organisation(author, signer):
        return passed(Words.of("dkim.aligned", **said))
    return warned(Words.of("dkim.not_aligned", **said), Words.of("dkim.use_relay", **said))


def _views(seen: Seen) -> Iterator[tuple[Subject, tuple[KeySite, Answer]]]:
    for _, site in _own_sites(seen):
        zone = seen.server.domain(site.domain).zone
        for view in site.views:
            subject = subjects.of_view(site.owner, "TXT", zone, site.domain, view.resolver)
            yield subject, (site, view)


def verifies(view: tuple[KeySite, Answer], seen: Seen) -> Judgement:
    """DKIM-17: what the server signs verifies with the key that each resolver has."""
    site, answer = view
    if not answer.outcome.known:
        return unknown(Words.of("checks.dns.no_answer", name=site.owner), required=False)
    if _verifies(site, answer, seen):
        return passed(Words.of("dkim.verifies"))
    good = sum(_verifies(site, each, seen) for each in site.views if each.outcome.known)
    said = Words.of("dkim.does_not_verify", good=good, of=len(site.views))
    return _failed(site, seen.public, said)


def _verifies(site: KeySite, answer: Answer, seen: Seen) -> bool:
    """Whether a message that the server signed verifies by an answer; without one, its key."""
    found = texts(answer)
    if len(found) != 1:
        return False
    message = _message(site, seen)
    if message is None:
        on_host = seen.key_on_host(site.domain, site.selector)
        return on_host is not None and _holds(found[0], on_host)
    try:
        return bool(dkimpy.verify(message, dnsfunc=lambda name, timeout=5: found[0]))
    except Exception:  # dkimpy asserts that a key in DNS is well formed
        return False


def _message(site: KeySite, seen: Seen) -> bytes | None:
    """A message that came through the relay with a signature by this key."""
    for proof, signatures in seen.relay.proofs:
        if any((s.domain, s.selector) == (site.domain, site.selector) for s in signatures):
            return proof.message or None
    return None


def age(site: KeySite, seen: Seen) -> Judgement:
    """DKIM-19: the key was made in the last six months."""
    made = seen.made.get((site.domain, site.selector))
    if made is None:
        return skipped(Words.of("dkim.age_unknown"))
    days = (seen.now - made).days
    said = Words.of("dkim.age", days=days)
    if seen.now - made <= ROTATED_AFTER:
        return passed(said)
    return warned(said, Words.of("dkim.rotate"))


PUBLIC: tuple[Check[Public, Any], ...] = (
    Check(rules.DKIM_14, _sites, alias),
    Check(rules.DKIM_15, _sites, wildcard),
    Check(rules.DKIM_01, _sites, exists),
    Check(rules.DKIM_02, _sites, single),
    Check(rules.DKIM_13, _sites, _of(strings, _is_one)),
    Check(rules.DKIM_03, _sites, _of(syntax, _is_one)),
    Check(rules.DKIM_12, _sites, _of(revoked, _has_tags)),
    Check(rules.DKIM_10, _sites, _of(usable, _has_tags)),
    Check(rules.DKIM_09, _sites, _of(hashes, _has_tags)),
    Check(rules.DKIM_04, _sites, _of(parses, _has_tags)),
    Check(rules.DKIM_05, _sites, _of(strength, _has_key)),
    Check(rules.DKIM_08, _sites, _of(testing, _has_key)),
    Check(rules.DKIM_11, _sites, _of(known_kind, _has_key)),
)

CHECKS: tuple[Check[Seen, Any], ...] = (
    Check(rules.DKIM_06, _own_sites, matches),
    Check(rules.DKIM_16, _signed_domains, aligned),
    Check(rules.DKIM_17, _views, verifies),
    Check(rules.DKIM_19, _own_sites, age),
)
