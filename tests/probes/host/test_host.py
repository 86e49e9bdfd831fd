"""What the scripts on a host print becomes what was seen there, and no more than that."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import dkim
import pytest

from dns_providers.rrset import TXT
from keys import dkim as keys
from probes.host import edge, fitness, proof, relay, state
from probes.host.edge import EdgeView, Event
from probes.host.fitness import Exchange, Fitness, Listener, Outbound
from probes.host.proof import Proof, Signature
from probes.host.relay import RelayView, Waiting
from probes.host.state import HostView
from probes.world import dns
from probes.world.dns import Answer, Outcome, Resolvers


def is_shell(script: str) -> bool:
    """Whether a shell takes it for a program."""
    return not subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode


# -- before anything is installed

BARE = """uid 0
init systemd
os debian 12
arch x86_64
ours 77
front 465
front 25
mailer exim4-base
listen 0.0.0.0:22 users:(("sshd",pid=300,fd=3))
listen [::]:25 users:(("exim4",pid=412,fd=4))
listen 127.0.0.1:3306 users:(("mysqld",pid=9,fd=1))
listen [::1]:631 users:(("cupsd",pid=8,fd=1))
listen *:80
disk 20971520
memory 1048576
clock 1795632981
synced yes
open 1024
resolver no
resolver yes
nat no
address 192.0.2.1
address 2001:db8::1
connect qq.com 203.0.113.1 timeout 5003
connect gmail.com 203.0.113.2 open 41
connect broken.test 203.0.113.3
"""


def test_a_host_is_seen_as_it_is() -> None:
    assert fitness.parse(BARE) == Fitness(
        uid=0,
        init="systemd",
        os="debian 12",
        arch="x86_64",
        ours=77,
        listeners=(Listener(22, "sshd", 300), Listener(25, "exim4", 412), Listener(80, "", 0)),
        disk=20971520,
        memory=1048576,
        clock=1795632981,
        synced="yes",
        resolver=True,
        nat="no",
        mailers=("exim4-base",),
        fronts=(465, 25),
        addresses=("192.0.2.1", "2001:db8::1"),
        outbound=(
            Outbound("gmail.com", "203.0.113.2", "open", 41),
            Outbound("qq.com", "203.0.113.1", "timeout", 5003),
        ),
        open_from=1024,
    )


def test_what_a_host_did_not_tell_is_not_known() -> None:
    nothing = Fitness(
        uid=None,
        init="",
        os="",
        arch="",
        ours=0,
        listeners=(),
        disk=None,
        memory=None,
        clock=None,
        synced="",
        resolver=None,
        nat="unknown",
        mailers=(),
        fronts=(),
        addresses=(),
        outbound=(),
        open_from=None,
    )
    assert fitness.parse("") == nothing
    assert fitness.parse("disk none\nclock \nuid x\nlisten nothing\nresolver ?\n") == nothing
    assert fitness.parse("resolver no\n").resolver is False


@pytest.mark.parametrize("local", ["127.0.0.1:25", "127.0.0.53%lo:53", "[::1]:25"])
def test_what_only_the_host_itself_reaches_holds_no_port(local: str) -> None:
    assert fitness.parse(f'listen {local} users:(("x",pid=1,fd=1))\n').listeners == ()


def test_every_mail_exchange_is_looked_up_and_connected_to() -> None:
    exchanges = (
        Exchange("qq.com", "mx3.qq.com", "203.0.113.1"),
        Exchange("x.test", "a b", "2001:db8::9"),
    )
    made = fitness.script(exchanges)
    assert is_shell(made) and "@" not in made.replace("$@", "")
    assert "for name in mx3.qq.com 'a b'; do" in made
    assert "/dev/tcp/203.0.113.1/25" in made and "connect qq.com 203.0.113.1" in made
    assert "/dev/tcp/2001:db8::9/25" in made and "connect x.test 2001:db8::9" in made
    assert fitness.ADDRESSES in made


def test_the_script_for_a_bare_host_prints_what_is_read_from_it() -> None:
    """On this machine: whatever it is, it has a user, an architecture, a clock, memory and disk."""
    shown = subprocess.run(
        ["sh"], input=fitness.script(()), capture_output=True, text=True, check=True
    )
    seen = fitness.parse(shown.stdout)
    assert seen.uid is not None and seen.arch and seen.os and seen.init
    assert seen.clock and seen.memory and seen.disk
    assert seen.outbound == ()


def test_a_connection_from_a_host_is_told_by_its_end() -> None:
    made = fitness.script((Exchange("x.test", "localhost", "127.0.0.99"),))
    shown = subprocess.run(["sh"], input=made, capture_output=True, text=True, check=True)
    (tried,) = fitness.parse(shown.stdout).outbound
    assert (tried.domain, tried.address, tried.reach) == ("x.test", "127.0.0.99", "refused")
    assert 0 <= tried.milliseconds < 5000 and fitness.parse(shown.stdout).resolver is True


# -- PMail


def test_pmails_state_is_what_its_host_shows() -> None:
    shown = "clock=1015\nactive=yes\ncurrent=no\nkey k._domainkey.example.test AAAA=\nkey broken\n"
    assert state.parse(shown, "no admin", 1000.0) == HostView(
        True, True, False, (("k._domainkey.example.test", "AAAA="),), "no admin", 15.0
    )
    assert state.parse("active=no\ncurrent=yes\nclock=x\n", None, 0.0) == HostView(
        True, False, True, (), None, None
    )
    assert state.parse("other a b\n", "", 0.0) == HostView(True, None, None, (), "", None)


def test_the_key_on_a_host_is_compared_without_leaving_it(tmp_path: Path) -> None:
    pem, stamp = keys.make(1024), tmp_path / "stamp"
    (tmp_path / "key").write_bytes(pem)
    (tmp_path / "read").write_text("as it was\n")
    made = state.script(
        str(stamp), [("a.test", str(tmp_path / "key")), ("b.test", str(tmp_path / "none"))]
    )

    def seen() -> HostView:
        shown = subprocess.run(["sh"], input=made, capture_output=True, text=True, check=True)
        assert pem.splitlines()[1].decode() not in shown.stdout
        return state.parse(shown.stdout, None, 0.0)

    assert seen().dkim == (("a.test", keys.public_key(keys.read(pem)).data),)
    assert seen().current is None and seen().clock
    with stamp.open("w") as stream:
        subprocess.run(["sha256sum", tmp_path / "read"], stdout=stream, check=True)
    assert seen().current is True
    (tmp_path / "read").write_text("changed since\n")
    assert seen().current is False


# -- the edge


def event(kind: str, **values: str) -> str:
    return json.dumps({"event": kind, **values})


def test_the_edge_tells_what_is_idle_and_what_it_did() -> None:
    shown = "\n".join(
        (
            "unit a.service yes",
            "unit b.socket no",
            "resolver no",
            event("kept", why="forged", mailbox="a@example.test"),
            event("mailbox_limited", mailbox="b@example.test"),
            event("forward_braked", mailbox="c@example.test"),
            event("login_held", address="203.0.113.9"),
            event("pmail_down", reason="refused"),
            event("started", why="not its subject"),
            '{"event": "torn',
            '{"no": "event"}',
            "[1]",
        )
    )
    assert edge.parse(shown) == EdgeView(
        True,
        ("b.socket",),
        (
            Event("kept", "forged"),
            Event("mailbox_limited", "b@example.test"),
            Event("forward_braked", "c@example.test"),
            Event("login_held", "203.0.113.9"),
            Event("pmail_down", "refused"),
            Event("started", ""),
        ),
        False,
    )
    assert edge.parse("resolver yes\nresolver maybe\n") == EdgeView(True, resolves=True)
    assert edge.parse("") == EdgeView(True, resolves=None)


def test_the_edges_script_asks_for_each_unit_by_its_stamp() -> None:
    made = edge.script(["a.service", "b.socket"], "/run/stamps", "edge.service", "pmail", 5353)
    assert is_shell(made) and "for unit in a.service b.socket; do" in made
    assert "/run/stamps/$unit.sha256" in made and "journalctl -u edge.service " in made
    assert "ip netns exec pmail python3 -I - 5353 " in made


# -- the relay

RELAY = """apart yes
before packets 3
redirect 220 smtp.example.test ESMTP
after packets 4
round 465 0
round 587 1
listen 25 master
listen 465 smtpd
"""
MESSAGE = {
    "queue_name": "deferred",
    "queue_id": "A1B2",
    "arrival_time": 1795632981,
    "sender": "a@example.test",
    "recipients": [
        {"address": "b@recv.test", "delay_reason": "timeout"},
        {"address": "c@recv.test"},
    ],
}


def test_the_relay_is_seen_as_pmails_user_sees_it() -> None:
    assert relay.parse(f"{RELAY}queue\n{json.dumps(MESSAGE)}\n") == RelayView(
        True,
        "220 smtp.example.test ESMTP",
        True,
        (465,),
        ((25, "master"), (465, "smtpd")),
        (
            Waiting("A1B2", "deferred", 1795632981, "a@example.test", "b@recv.test", "timeout"),
            Waiting("A1B2", "deferred", 1795632981, "a@example.test", "c@recv.test", ""),
        ),
        apart=True,
    )


@pytest.mark.parametrize(
    ("counts", "raised"),
    [
        ("before packets 3\nafter packets 3\n", False),
        ("before packets 3\nafter packets 4\n", True),
        ("before \nafter \n", False),
    ],
)
def test_only_a_counter_that_rose_shows_that_the_redirect_is_ours(
    counts: str, raised: bool
) -> None:
    seen = relay.parse(f"{counts}round 465 124\nqueue\n")
    assert seen == RelayView(True, counted=raised)


def test_the_time_of_the_next_try_is_that_of_the_file() -> None:
    assert relay.next_tries("A1 1795632981.25\nB2\nC3 1795632990\n\n") == {
        "A1": 1795632981,
        "C3": 1795632990,
    }


def test_the_relays_script_is_for_pmails_user_in_its_network() -> None:
    made = relay.script("pmail", "/run/netns/pmail")
    assert is_shell(made) and "@" not in made.replace('"$@"', "")
    assert "nsenter --net=/run/netns/pmail " in made and "setpriv --reuid=pmail " in made


# -- a message as it arrived


def message(*headers: str, sender: str = "a@example.test", body: str = "Hi") -> bytes:
    lines = (*headers, f"From: {sender}", "To: b@recv.test", "Subject: x", "", body, "")
    return "\r\n".join(lines).encode()


def signed(plain: bytes, pem: bytes, domain: str = "example.test") -> bytes:
    return bytes(dkim.sign(plain, b"k1", domain.encode(), pem)) + plain


def publishing(monkeypatch: pytest.MonkeyPatch, records: dict[str, Sequence[bytes]]) -> None:
    """Have DNS answer with these TXT values."""

    def ask(owner: str, rtype: str, resolvers: Resolvers) -> Answer:
        values = frozenset(TXT(each) for each in records.get(owner, ()))
        return Answer(owner, rtype, Outcome.ANSWER if values else Outcome.NXDOMAIN, values)

    monkeypatch.setattr(dns, "ask", ask)


def test_a_message_that_arrived_tells_its_greeting_and_its_domain() -> None:
    plain = message(sender="Somebody <A@Example.TEST>")
    sink = b"X-Client-Addr: 192.0.2.1\nX-Helo-Args:  smtp.example.test \nX-Mail-Args: <a@b>\n"
    assert proof.parse(sink + plain.replace(b"\r\n", b"\n")) == Proof(
        "example.test", "smtp.example.test", plain
    )
    assert proof.parse(plain) == Proof("example.test", "", plain)


def test_every_signature_of_a_message_is_verified_with_the_key_in_dns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pem, other = keys.make(1024), keys.make(1024)
    record = keys.public_key(keys.read(pem)).record.encode()
    owner = "k1._domainkey.example.test"
    publishing(monkeypatch, {owner: [record], "k1._domainkey.other.test": [record]})
    good = signed(message(), pem)
    assert proof.verified(good, Resolvers(())) == (Signature("example.test", "k1", True),)
    assert proof.signatures(good) == (("example.test", "k1"),)
    twice = signed(good, other, "other.test")
    upper, lower = proof.verified(twice, Resolvers(()))
    assert (upper.domain, upper.valid) == ("other.test", False) and upper.reason
    assert lower == Signature("example.test", "k1", True)
    changed = proof.verified(good.replace(b"Hi", b"Ho"), Resolvers(()))
    assert not changed[0].valid and changed[0].reason
    publishing(monkeypatch, {})
    (unknown,) = proof.verified(good, Resolvers(()))
    assert not unknown.valid and unknown.reason
    assert proof.verified(message(), Resolvers(())) == ()
