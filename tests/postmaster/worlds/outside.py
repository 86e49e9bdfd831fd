"""What a host and open connections show: PTR, greeting, ports, way out, block lists, registries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from postmaster import block_lists
from postmaster.checks.results import Status
from postmaster.checks.seen import Seen
from probes.host.proof import Proof
from probes.world.dns import Outcome
from probes.world.http import SetUpView
from probes.world.recipients import Kind, RecipientsView
from probes.world.tcp import Connection, Reach
from tests.postmaster.full_view import ADDRESSES, certificate, registered, with_port, with_world
from tests.postmaster.worlds.case import Case, Fact
from tests.postmaster.worlds.world import World
from tests.probes.host.test_delivery import delivered

WARN, FAIL, UNKNOWN = Status.WARN, Status.FAIL, Status.UNKNOWN
V4 = ADDRESSES[0]
PORT_25 = f"{V4}:25"


def later(change: Callable[[Seen], Seen]) -> Fact:
    """A fact that DNS does not show."""
    return lambda world: world.later.append(change)


def smtp(**changes: Any) -> Fact:
    return later(lambda s: with_world(s, smtp=replace(s.world.smtp, **changes)))


def encrypted(**changes: Any) -> Fact:
    return later(lambda s: with_port(s, 465, **changes))


def ptr(*names: str, outcome: Outcome = Outcome.ANSWER, to: str = V4) -> Fact:
    def change(seen: Seen) -> Seen:
        first, *others = seen.world.reverse
        forward = tuple((each, (to,)) for each in names)
        mine = replace(first, names=names, forward=forward, outcome=outcome)
        return with_world(seen, reverse=(mine, *others))

    return later(change)


def greets(name: str) -> Fact:
    def change(seen: Seen) -> Seen:
        proofs = tuple((Proof(p.domain, name, b""), s) for p, s in seen.relay.proofs)
        return replace(seen, relay=replace(seen.relay, proofs=proofs))

    return later(change)


def host(**changes: Any) -> Fact:
    def change(seen: Seen) -> Seen:
        assert seen.bare
        fitness = replace(seen.bare.fitness, **changes)
        return replace(seen, bare=replace(seen.bare, fitness=fitness))

    return later(change)


def nobody_answers(world: World) -> None:
    def change(seen: Seen) -> Seen:
        assert seen.bare
        tried = tuple(replace(e, reach="timeout") for e in seen.bare.fitness.outbound)
        fitness = replace(seen.bare.fitness, outbound=tried)
        return replace(seen, bare=replace(seen.bare, fitness=fitness))

    world.later.append(change)


def recipients(change: Callable[[RecipientsView], RecipientsView]) -> Fact:
    return later(lambda s: with_world(s, recipients=change(s.world.recipients)))


def says(kind: Kind, code: int) -> Fact:
    """Port 25 says this to recipients of one kind."""

    def change(view: RecipientsView) -> RecipientsView:
        changed = (replace(e, code=code) if e.kind is kind else e for e in view.recipients)
        return replace(view, recipients=tuple(changed))

    return recipients(change)


def refused(text: str) -> Fact:
    """A receiver refused a message."""
    one = delivered(status="bounced", dsn=text.split()[1], text=text)
    return later(lambda s: replace(s, relay=replace(s.relay, deliveries=(one,))))


def on_list(name: str, code: str) -> Fact:
    def change(seen: Seen) -> Seen:
        listings = (
            replace(each, codes=(code,)) if each.lookup.list == name else each
            for each in seen.listings
        )
        return replace(seen, listings=tuple(listings))

    return later(change)


def registration(**changes: Any) -> Fact:
    def change(seen: Seen) -> Seen:
        first, *others = seen.registrations
        return replace(seen, registrations=(replace(first, **changes), *others))

    return later(change)


YOUNG = registered("example.com", days=20).registered
CASES = (
    Case("RDNS-01", "no PTR", ptr(outcome=Outcome.NXDOMAIN), remedy="smtp.example.com"),
    Case("RDNS-01", "nobody answers", ptr(outcome=Outcome.TIMEOUT), UNKNOWN),
    Case("RDNS-02", "PTR that leads elsewhere", ptr("smtp.example.com", to="192.0.2.9")),
    Case("RDNS-03", "the provider's default", ptr("static.8.8.8.8.example.com"), WARN),
    Case("RDNS-04", "another organisation's", ptr("mx.provider.test"), WARN),
    Case("EHLO-01", "no whole name", greets("localhost"), remedy="smtp.example.com"),
    Case(
        "EHLO-02",
        "a greeting name without an address",
        later(lambda s: with_world(s, greeted=(("smtp.example.com", ()),))),
        remedy=V4,
    ),
    Case("EHLO-03", "another greeting", greets("mail.example.com")),
    Case("EHLO-04", "a banner of nobody's", smtp(banner="220 localhost ESMTP"), WARN),
    Case("NET-01", "outbound port 25 is shut", nobody_answers, remedy="smarthost"),
    Case("NET-02", "port 25 is shut", smtp(reach=Reach.TIMEOUT), remedy="25"),
    Case(
        "NET-03",
        "an open port too many",
        later(lambda s: with_world(s, closed=(Connection(V4, 110, Reach.OPEN, 0.1),))),
        remedy="110",
    ),
    Case(
        "NET-03",
        "the set-up server answers",
        later(lambda s: with_world(s, set_up=(SetUpView(80, Reach.OPEN, True),))),
        remedy="systemctl stop pmail",
    ),
    Case("SMTP-02", "passwords in clear text", smtp(auth_in_clear=True)),
    Case("SMTP-01", "an open relay", says(Kind.ELSEWHERE, 250), remedy="postfix"),
    Case("SMTP-01", "put off", says(Kind.ELSEWHERE, 450), UNKNOWN),
    Case("SMTP-03", "no postmaster", says(Kind.DUTY, 550), WARN, remedy="abuse@other.org"),
    Case("SMTP-03", "greylisted", says(Kind.DUTY, 450), UNKNOWN),
    Case(
        "SMTP-04",
        "no sizes",
        recipients(lambda view: replace(view, extensions=("8BITMIME",))),
        WARN,
    ),
    Case(
        "SMTP-05",
        "anybody is taken",
        says(Kind.NOBODY, 250),
        WARN,
        before=(says(Kind.NOBODY, 550),),
        settings={"unknown_recipients": "reject"},
    ),
    Case("SMTP-06", "refused for want of a PTR", refused("550 5.7.25 no PTR"), WARN, remedy="RDNS"),
    Case("SMTP-06", "refused for what it sent", refused("550 5.7.1 spam"), WARN, remedy="queue"),
    Case("TLS-04", "no handshake", encrypted(certificate=None, reason="EOF")),
    Case("TLS-05", "TLS 1.0", encrypted(old=True), WARN, remedy="465"),
    Case("TLS-05", "not to be tried here", encrypted(old=None), UNKNOWN),
    Case("TLS-01", "no STARTTLS", smtp(starttls=False)),
    Case("TLS-02", "a name is missing", encrypted(certificate=certificate(names=("a.test",)))),
    Case("TLS-03", "two days left", encrypted(certificate=certificate(days=2))),
    *(
        Case(each.rule, f"on {name}", on_list(name, (each.fail or ("127.0.0.2",))[0]), status)
        for name, each in block_lists.known().items()
        for status in ((FAIL if each.fail else WARN),)
        if name not in ("surbl", "spamhaus-zrd")
    ),
    Case(
        "BL-01", "asked by a public resolver", on_list("spamhaus-zen", "127.255.255.254"), UNKNOWN
    ),
    Case("BL-03", "seen today", on_list("spamhaus-zrd", "127.0.2.3"), WARN),
    Case("BL-08", "another way out", host(sources=(("8.8.4.4", "eth0"),)), remedy="8.8.4.4"),
    Case("DOM-01", "three weeks old", registration(registered=YOUNG), WARN),
    Case("DOM-02", "held", registration(status=("server hold",)), remedy="example.com"),
    Case("DOM-02", "nobody tells", registration(reason="timed out"), UNKNOWN),
)
