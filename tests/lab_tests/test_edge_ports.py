"""The edge with what is off by default: more ports, IPv6, greylisting, a provider that relays."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import takewhile
from socket import create_connection

import pytest

from deploys.host.edge_layout import GREYLIST_UNIT
from probes.world.tls import accepting_any
from tests.lab.nameservers import SECONDARY
from tests.lab.network import GATEWAY, SECURE, Network
from tests.lab.process import run, wait_for
from tests.lab.provider import ACCOUNTS, ADDRESS, NAME, Provider
from tests.lab.receiver import Receiver
from tests.lab_tests.mail_shapes import cases
from tests.lab_tests.site import TWO_DOMAINS, Server, Site, converges
from tests.lab_tests.test_delivery import PUBLIC_V6
from tests.lab_tests.test_edge_mail import first_field, received, without_added, without_bcc
from tests.lab_tests.test_edge_safety import (
    BOB,
    CAROL,
    arrives,
    asked,
    events,
    from_world,
    genuine,
    imap,
    kept,
    leaves,
    outcome,
    program,
    quiet,
    rows,
    signers,
    subjects,
    submission,
    web_mail,
    written,
)

pytestmark = pytest.mark.lab
_LONG = 240.0  # seconds that a busy machine may take for what takes a minute
_NEAR_V6 = "2001:db8:113::1"  # the lab's Internet
_FAR_V6 = tuple(f"2001:db8:113:1::{number}" for number in range(1, 15))  # one guesser's /64
_OPENED = (587, 995, 110)
_SOONER = f"/run/systemd/system/{GREYLIST_UNIT}.d"


# -- more ports, IPv6, and senders that come twice ---------------------------------------------


@pytest.mark.more
def test_opened_ports_and_ipv6_have_the_same_rules_and_unknown_senders_come_twice(
    new_site: Site,
) -> None:
    site = new_site
    server = site.add_running(
        "relay",
        *TWO_DOMAINS,
        users=["bob", "carol"],
        greylist=True,
        open_ports=list(_OPENED),
        ipv6=PUBLIC_V6,
    )
    site.dns.set_ptr(PUBLIC_V6, "smtp.example.test")
    converges(site, server)
    known_sooner(server)
    genuine(site)
    six = by_ipv6(site, server)
    unknown = first_tries(server, six)
    programs_send_over_587(site, server)
    mail_is_read_over_995_and_110(site, server, six)
    ipv6_has_all_doors(site, six)
    guesses_count_by_network_over_587_and_995(site, six)
    later_tries(site, server, unknown)
    closed_again(site, server, six)


def known_sooner(server: Server) -> None:
    """Let a second be enough for postgrey, instead of a minute."""
    unit = f"/etc/systemd/system/{GREYLIST_UNIT}"
    server.host.run(
        f"command=$(sed -n 's/^ExecStart=\\(.*\\)--delay=60/\\1--delay=1/p' {unit}) && "
        f'mkdir -p {_SOONER} && printf "[Service]\\nExecStart=\\nExecStart=%s\\n" "$command" '
        f"> {_SOONER}/lab.conf && systemctl daemon-reload && systemctl restart {GREYLIST_UNIT}",
        check=True,
    )


def by_ipv6(site: Site, server: Server) -> Server:
    """The same server, reached by IPv6; a domain whose mail may come from there."""
    for address in _FAR_V6:
        add = ("-6", "addr", "replace", f"{address}/64", "dev", "br0", "nodad")
        run("ip", "-n", Network().name, *add)
    server.host.run(f"ip -6 route add {_FAR_V6[0]}/64 via {_NEAR_V6}", check=True)
    site.dns.add("recv.test", f'recv.test. 60 TXT "v=spf1 ip6:{_NEAR_V6} -all"')
    assert wait_for(lambda: bool(site.dns.records("recv.test", "TXT", SECONDARY)), _LONG)
    return replace(server, host=replace(server.host, ip=PUBLIC_V6))


def first_tries(server: Server, six: Server) -> dict[str, Callable[[], int]]:
    """Nobody is known yet; while nobody can say who is known, nobody is taken either."""

    def tries(way: Server, subject: str, author: str, source: str) -> Callable[[], int]:
        message = written(author, BOB, subject)
        return lambda: from_world(way, message, BOB, sender=author, source=source)[0]

    unknown = {
        subject: tries(way, subject, author, source)
        for subject, way, author, source in (
            ("by IPv4", server, "friend@secure.test", SECURE),
            ("by IPv6", six, "friend@recv.test", _NEAR_V6),
            ("by IPv6 from elsewhere", six, "stranger@recv.test", _FAR_V6[0]),
            ("forged by IPv6", six, "ceo@example.test", _NEAR_V6),
        )
    }
    assert [send() for send in unknown.values()] == [450] * len(unknown)
    server.host.run(f"systemctl stop {GREYLIST_UNIT}", check=True)
    assert [send() for send in unknown.values()] == [451] * len(unknown)
    server.host.run(f"systemctl start {GREYLIST_UNIT}", check=True)
    return unknown


def later_tries(site: Site, server: Server, unknown: dict[str, Callable[[], int]]) -> None:
    """Who comes again is taken and judged, by IPv6 as by IPv4."""
    left = dict(unknown)

    def taken() -> bool:
        for subject, send in list(left.items()):
            if send() == 250:
                del left[subject]
        return not left

    assert wait_for(taken, _LONG, 1), left
    assert quiet(server)
    judged = {each.subject: each.spf for each in rows(server) if each.subject in unknown}
    assert judged == {"by IPv4": 1, "by IPv6": 1, "by IPv6 from elsewhere": 0}
    assert [(each["sender"], each["why"]) for each in kept(site)] == [
        ("ceo@example.test", "forged")
    ]


def programs_send_over_587(site: Site, server: Server) -> None:
    """The rules of 465, after STARTTLS alone."""
    message = written(BOB, "a@recv.test", "by 587")
    assert program(site, server, "bob", message, "a@recv.test", port=587) == (250, "")
    verdict = leaves("by 587")
    assert (verdict.sender, verdict.dkim, verdict.spf) == (BOB, "pass", "pass")
    assert signers(verdict) == ["example.test"]
    assert wait_for(lambda: ("bob", "by 587", 1) in sent_or_received(server), _LONG)

    message = written(CAROL, "a@recv.test", "not by 587")
    assert program(site, server, "bob", message, "a@recv.test", port=587)[0] == 550
    assert program(site, server, "bob", message, "a@recv.test", sender=CAROL, port=587)[0] == 553
    wrong = program(site, server, "bob", message, "a@recv.test", password="wrong", port=587)
    assert wrong[0] == 535
    with submission(server, 587) as client:
        nobody = outcome(lambda: client.sendmail(BOB, ["a@recv.test"], message))
        assert nobody[0] >= 500
    for command in ("AUTH PLAIN AGJvYgB4", f"MAIL FROM:<{BOB}>"):
        assert unencrypted(server, command) == 530, command


def sent_or_received(server: Server) -> set[tuple[str, str, int]]:
    """Whose messages there are, of what subject and kind."""
    return {(each.account, each.subject, each.kind) for each in rows(server)}


def unencrypted(server: Server, command: str) -> int:
    """How 587 answers to a command before STARTTLS, of a client that has said who it is."""
    with Network().entered():
        link = create_connection((server.ip, 587), 90)
    with link, link.makefile("rb") as lines:
        link.sendall(f"HELO client.test\r\n{command}\r\n".encode())
        _greeting, _helo, answer = (lines.readline() for _ in range(3))
        return int(answer[:3])


def mail_is_read_over_995_and_110(site: Site, server: Server, six: Server) -> None:
    """POP3 lists what is in the inbox."""
    message = written(CAROL, BOB, "to be listed")
    assert program(site, server, "carol", message, BOB) == (250, "")
    assert arrives(server, "bob", "to be listed")
    password = site.password(server, "bob")
    for way, source in ((server, GATEWAY), (six, _NEAR_V6)):
        for port in (995, 110):
            listed = pop(way, port, "bob", password, source)
            assert listed is not None and len(listed) == len(subjects(server, "bob")), (way, port)
            assert pop(way, port, "bob", "wrong", source) is None


def pop(server: Server, port: int, account: str, password: str, source: str) -> list[bytes] | None:
    """What POP3 lists for an account; None for who does not get in."""
    try:
        with Network().entered():
            link = create_connection((server.ip, port), 90, (source, 0))
        if port == 995:
            link = accepting_any().wrap_socket(link)
        with link, link.makefile("rb") as lines:
            lines.readline()
            for command in (f"USER {account}", f"PASS {password}", "LIST"):
                link.sendall(f"{command}\r\n".encode())
                if not lines.readline().startswith(b"+OK"):
                    return None
            return list(takewhile(lambda line: line not in (b".\r\n", b""), lines))
    except (OSError, ssl.SSLError):
        return None


def ipv6_has_all_doors(site: Site, six: Server) -> None:
    """Programs and browsers get in by IPv6."""
    message = written(BOB, "a@recv.test", "program by IPv6")
    for port in (465, 587):
        taken = program(site, six, "bob", message, "a@recv.test", source=_NEAR_V6, port=port)
        assert taken == (250, ""), port
    assert imap(site, six, "bob", _NEAR_V6) == "OK"
    web_mail(site, six, "bob", "a@recv.test", "browser by IPv6")
    assert leaves("browser by IPv6").dkim == "pass"


def guesses_count_by_network_over_587_and_995(site: Site, six: Server) -> None:
    """Each guess is from another address of one /64: all of that is held off, and nobody else."""
    message = written(CAROL, BOB, "guess")

    def guess(number: int) -> None:
        source, wrong = _FAR_V6[number], f"wrong-{number}"
        if number % 2:
            pop(six, 995, "carol", wrong, source)
        else:
            program(site, six, "carol", message, BOB, source=source, password=wrong, port=587)

    *guessers, unused = range(len(_FAR_V6))
    with ThreadPoolExecutor(len(guessers)) as pool:
        list(pool.map(guess, guessers))
    assert wait_for(lambda: bool(events(six, "login_held")), _LONG)
    (told,) = events(six, "login_held")
    assert (told["address"], told["count"]) == ("2001:db8:113:1::/64", 12)
    source, password = _FAR_V6[unused], site.password(six, "carol")
    held = program(site, six, "carol", message, BOB, source=source, port=587)
    assert held[0] == 0 or 400 <= held[0] < 500, held
    assert pop(six, 995, "carol", password, source) is None
    assert pop(six, 995, "carol", password, _NEAR_V6) is not None


def closed_again(site: Site, server: Server, six: Server) -> None:
    """Settings that are taken back leave nothing, and change nothing else."""
    server.host.run(f"rm -r {_SOONER} && systemctl daemon-reload", check=True)
    before = site.tree(server)
    server.data.update(greylist=False, open_ports=[])
    converges(site, server)
    after = site.tree(server)
    changed = {path for path in before.keys() | after if before.get(path) != after.get(path)}
    units = {path for path in changed if path.startswith("etc/systemd/system/")}
    # What is not offered any more is said by SRV records, too: the host's memory has their sums.
    assert changed - units == {"etc/postfix/master.cf", "etc/pmail-deploy/manifest.json"}
    assert units & after.keys() == {"etc/systemd/system/pmail-deploy-edge.service"}
    assert len(units) == 1 + 4 + 3  # the edge's own; pops, pop3 twice, greylist; what wanted them
    assert not [port for port in _OPENED for way in (server, six) if way.answers(port)]
    left = server.host.run("systemctl list-units --all 'pmail-deploy*' --plain --no-legend")
    assert not [word for word in ("pop", "greylist", "not-found") if word in left], left
    message = written("new@recv.test", BOB, "at once")
    assert from_world(six, message, BOB, sender="new@recv.test", source=_NEAR_V6) == (250, "")
    assert arrives(server, "bob", "at once")


# -- by a provider -----------------------------------------------------------------------------


@pytest.mark.long
def test_by_a_provider_only_what_is_for_others_leaves_and_what_comes_in_is_judged(
    new_site: Site, provider: Provider
) -> None:
    site = new_site
    account = {"host": NAME, "user": f"mailer@{NAME}", "password_env": "SMARTHOST_PASSWORD"}
    site.operator.secrets["SMARTHOST_PASSWORD"] = ACCOUNTS["mailer"]
    server = site.add_server(
        "example.test",
        suite="trixie",
        users=["bob", "carol"],
        outbound="smarthost",
        spf_include=["provider.test"],
        smarthost={**account, "ca_file": str(provider.authority)},
        greylist=True,
    )
    converges(site, server)
    genuine(site)
    known_sooner(server)
    own_users_mail_stays_here(site, server, provider)
    what_is_for_others_leaves_as_it_was_written(site, server)
    what_comes_in_is_judged(site, server)


def own_users_mail_stays_here(site: Site, server: Server, provider: Provider) -> None:
    """It comes into the inbox, and the provider never sees it."""
    message = written(BOB, CAROL, "program to carol")
    assert program(site, server, "bob", message, CAROL) == (250, "")
    web_mail(site, server, "bob", CAROL, "browser to carol")
    for subject in ("program to carol", "browser to carol"):
        assert arrives(server, "carol", subject)
    assert quiet(server)
    assert {each.spf for each in rows(server) if each.account == "carol"} == {1}
    assert CAROL not in provider.host.run("journalctl -u 'postfix*' --no-pager -q -o cat")
    assert Receiver().count() == 0


def what_is_for_others_leaves_as_it_was_written(site: Site, server: Server) -> None:
    """Below the provider's trace is our signature, and below that the message."""
    shapes = {shape.recipient: shape for shape in cases() if shape.recipient.endswith("@recv.test")}
    with submission(server) as client:
        client.login("bob", site.password(server, "bob"))
        for to, shape in shapes.items():
            client.sendmail(BOB, [to], shape.content)
    web_mail(site, server, "bob", "browser@recv.test", "browser out")
    verdicts = received(*shapes, "browser@recv.test")
    for to, verdict in verdicts.items():
        assert (verdict.sender, verdict.peer, verdict.ehlo) == (BOB, ADDRESS, NAME), to
        assert (verdict.spf, verdict.dkim, verdict.dmarc) == ("pass", "pass", "pass"), to
        assert signers(verdict) == ["example.test"], to
    for to, shape in shapes.items():
        field, below = first_field(verdicts[to].raw)
        while not field.startswith(b"DKIM-Signature:"):
            assert field.startswith(b"Received:") and NAME.encode() in field, to
            field, below = first_field(below)
        assert without_added(below, shape) == without_bcc(shape.content), to
    copies = len(shapes) + 2 + 1  # and both to carol, and the one from the browser
    assert wait_for(lambda: [each.kind for each in rows(server)].count(1) == copies, _LONG)


def what_comes_in_is_judged(site: Site, server: Server) -> None:
    """The same way in as without a provider."""
    assert asked(server, BOB)[0][0] == 450
    ways = {"friend": ("friend@secure.test", SECURE), "forged": ("ceo@example.test", GATEWAY)}
    for subject, (author, source) in ways.items():
        message = written(author, BOB, subject)

        def taken(message: str = message, author: str = author, source: str = source) -> bool:
            return from_world(server, message, BOB, sender=author, source=source)[0] == 250

        assert not taken()
        assert wait_for(taken, _LONG, 1), subject
    assert arrives(server, "bob", "friend")
    assert quiet(server)
    assert [each.spf for each in rows(server) if (each.account, each.kind) == ("bob", 0)] == [1]
    assert [(each["sender"], each["why"]) for each in kept(site)] == [
        ("ceo@example.test", "forged")
    ]
