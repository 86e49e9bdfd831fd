"""Every file that stands on a host is as it was looked at last: a change of one is seen as one.

The files of three servers are kept in `host_files/`. After a change that is meant:
`PMAIL_LOOKED_AT=1 python -m pytest tests/deploys/host/test_host_files.py`, and read the difference.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploys.edge import configure as edge
from deploys.host import edge_layout, outbound_layout, pmail_layout, web_layout
from deploys.outbound import configure as outbound
from deploys.outbound.configure import Sending, Signed
from deploys.pmail_server import configure as pmail
from deploys.web_front import configure as front
from postmaster.settings import MailServer
from postmaster.web_documents import WebDocument
from tests.postmaster.test_settings import site, zone

KEPT = Path(__file__).parent / "host_files"
ZONES = (zone("example.com"), zone("other.org"))
DOMAINS = ["example.com", "other.org"]
PROVIDER = {"host": "smtp.provider.test", "user": "site", "password_env": "SMARTHOST_PASSWORD"}
SIGNED = (Signed("example.com", "pm202611a"),)


def relay() -> MailServer:
    """A server with two domains and what else a relay can be told."""
    made = site(
        *ZONES,
        domains=DOMAINS,
        ipv6="2001:db8::8",
        allow_private_address=True,
        open_ports=[587, 995, 110],
        greylist=True,
        aliases={"sales@example.com": ["bob", "carol"]},
        rates={"qq": {"delay": 20}, "gmail": {"connections": 3}},
    )
    return replace(made.servers[0], dmarc_rua="mailto:Reports@Example.com!10m")


def smarthost() -> MailServer:
    """A server that sends through two providers."""
    return site(
        *ZONES,
        domains=DOMAINS,
        outbound="smarthost",
        smarthost=PROVIDER,
        smarthosts={"other.org": {**PROVIDER, "tls": "starttls", "port": 587, "ca_file": __file__}},
        dane=False,
        mta_sts=False,
        unknown_recipients="reject",
    ).servers[0]


def direct() -> MailServer:
    """A server without a relay, whose mail is paused."""
    return replace(site(outbound="direct").servers[0], paused=True)


def pmail_files(server: MailServer) -> Iterator[tuple[str, str]]:
    config = pmail.config_json(server)
    yield pmail_layout.CONFIG_SEEN, config
    yield "its folder", pmail.config_version(config)
    yield "its sum", pmail.config_sum(config)
    yield pmail_layout.UNIT, pmail.unit(server)
    yield pmail_layout.DATABASE_READY, pmail.database_ready()
    yield pmail_layout.FIREWALL_UNIT, pmail.firewall_unit()
    yield pmail_layout.FIREWALL_HOLDER, pmail.firewall_holder()
    yield pmail_layout.FIREWALL_RULES, pmail.firewall_rules(server)


def edge_files(server: MailServer) -> Iterator[tuple[str, str]]:
    yield edge_layout.CONFIG, edge.program_config(server)
    for socket in edge.sockets(server):
        yield socket.path, edge.socket_unit(socket)
    for name, unit in edge.service_units(server).items():
        yield f"{pmail_layout.UNITS}/{name}", unit
    yield edge_layout.MAKE_NAMESPACE, edge.make_namespace()
    yield edge_layout.RULES, edge.namespace_rules()
    yield edge_layout.RESOLV_CONF, edge.resolv_conf()
    yield edge_layout.TO_RESOLVER, edge.to_resolver()
    yield edge_layout.HOST_RESOLVER, edge.host_resolver()
    yield edge_layout.VERIFY_CONF, edge.verify_conf(server)
    yield edge_layout.DMARC_CONF, edge.dmarc_conf(server)
    yield edge_layout.IGNORE_HOSTS, edge.ignore_hosts()


DOCUMENTS = (
    WebDocument(("mail.example.com", "autoconfig.example.com"), "/a.xml", "a", "text/xml", True),
    WebDocument(("autoconfig.example.com",), "/b", "b", "text/plain; charset=utf-8", False, "b.b"),
    WebDocument(("mta-sts.other.org",), "/.well-known/mta-sts.txt", "c", "text/plain"),
)


def web_files(server: MailServer) -> Iterator[tuple[str, str]]:
    if server.web == "behind":
        yield from front.sites(server, DOCUMENTS).items()
    else:
        yield web_layout.NGINX_CONF, front.nginx_conf(server, DOCUMENTS)
    yield from front.units(server).items()
    yield web_layout.RELOAD, front.reload_web()


def outbound_files(server: MailServer, sending: Sending) -> Iterator[tuple[str, str]]:
    at = outbound_layout
    yield at.MAIN_CF, outbound.main_cf(server, sending)
    yield at.MASTER_CF, outbound.master_cf(server, sending)
    yield at.SENDERS, outbound.senders(server, SIGNED)
    yield at.LOGINS, outbound.logins(server)
    yield at.SENT, outbound.sent()
    yield at.WORLD_CHECKS, outbound.world_checks(server)
    yield at.SUBMIT_CHECKS, outbound.submit_checks()
    yield at.TRANSPORT, outbound.transport(server)
    yield at.SENDER_TRANSPORT, outbound.sender_transport(server)
    yield at.HEADER_CHECKS, outbound.header_checks(server, SIGNED)
    yield at.BOUNCE_CHECKS, outbound.bounce_checks()
    yield at.BOUNCE, outbound.bounce(server)
    yield at.RESOLV_CONF, outbound.resolv_conf()
    yield at.POSTFIX_DROP_IN, outbound.postfix_drop_in(server)
    yield at.POSTFIX_GENERATOR, outbound.postfix_generator()
    yield at.OPENDKIM_CONF, outbound.opendkim_conf()
    yield at.SIGNER_POLICY, outbound.signer_policy()
    yield outbound.drop_in(at.OPENDKIM_UNIT), outbound.opendkim_drop_in()
    yield at.KEY_TABLE, outbound.key_table(SIGNED)
    yield at.SIGNING_TABLE, outbound.signing_table(server, SIGNED)
    yield at.RESOLVER_CONF, outbound.resolver_conf(server)
    yield f"{pmail_layout.UNITS}/{at.RESOLVER_UNIT}", outbound.resolver_unit()
    yield at.MTA_STS_CONF, outbound.mta_sts_conf()
    yield outbound.drop_in(at.MTA_STS_UNIT), outbound.mta_sts_drop_in()
    for number, each in enumerate(server.relay.smarthosts):
        yield at.password_file(number), outbound.password_line(each, "a:password")


def relayed(server: MailServer, sending: Sending) -> dict[str, str]:
    return {
        "pmail": _joined(pmail_files(server)),
        "edge": _joined(edge_files(server)),
        "outbound": _joined(outbound_files(server, sending)),
        "web": _joined(web_files(server)),
    }


def _joined(files: Iterator[tuple[str, str]]) -> str:
    return "\n".join(f"==> {path} <==\n{text}" for path, text in files)


SERVERS = {
    "relay": lambda: relayed(relay(), Sending("8.8.8.8", "2001:db8::8", ("198.51.100.7",))),
    "smarthost": lambda: {
        "edge": edge.program_config(smarthost()),
        "outbound": _joined(outbound_files(smarthost(), Sending(None, None))),
    },
    "direct": lambda: {
        "pmail": _joined(pmail_files(direct())),
        "web": _joined(web_files(replace(direct(), web="behind"))),
    },
}


@pytest.mark.parametrize("name", SERVERS)
def test_the_files_of_a_host_are_as_they_were_looked_at(name: str) -> None:
    for area, text in SERVERS[name]().items():
        kept = KEPT / f"{name}-{area}.txt"
        if os.environ.get("PMAIL_LOOKED_AT"):
            kept.parent.mkdir(exist_ok=True)
            kept.write_text(text, "utf-8")
        assert text == kept.read_text("utf-8")


def test_other_rules_have_another_name_and_the_same_ones_the_same() -> None:
    open_to_mail, paused = site().servers[0], replace(site().servers[0], paused=True)
    assert pmail.firewall_version(open_to_mail) != pmail.firewall_version(paused)
    assert pmail.firewall_version(open_to_mail) == pmail.firewall_version(site().servers[0])
    assert pmail.firewall_version(paused) in pmail.firewall_rules(paused)


def test_ports_that_nobody_wants_are_closed_and_a_pause_closes_those_that_mail_comes_by() -> None:
    usual = pmail.closed_ports(site().servers[0])
    assert usual == (110, 587, 880, 995)
    assert pmail.closed_ports(site(open_ports=[587, 995]).servers[0]) == (110, 880)
    paused = pmail.closed_ports(replace(site().servers[0], paused=True))
    assert paused == (25, 110, 465, 587, 880, 995)


def test_a_smarthost_stands_for_a_domain_of_its_own_or_for_all() -> None:
    table = outbound.sender_transport(smarthost()).splitlines()
    assert table[1:] == ["@other.org smarthost1:[smtp.provider.test]:587"]
    main = outbound.main_cf(smarthost(), Sending(None, None))
    assert "default_transport = smarthost0:[smtp.provider.test]:465" in main
    assert (
        f"sender_dependent_default_transport_maps = texthash:{outbound_layout.SENDER_TRANSPORT}"
        in main
    )


def test_what_a_key_table_of_ours_says_is_read_from_its_own_lines_only() -> None:
    both = (*SIGNED, Signed("other.org", "pm202612a"))
    assert outbound.parse_key_table(outbound.key_table(both)) == both
    foreign = "# a comment x.org:s:/k\nname a:b\nname a:b:c:d\n\n"
    assert outbound.parse_key_table(foreign) == ()


def test_without_a_key_of_the_primary_domain_bounces_are_not_signed_for_it() -> None:
    table = outbound.signing_table(relay(), (Signed("other.org", "s"),))
    assert table.splitlines()[1:] == ["other.org s._domainkey.other.org"]
