"""Documents that mail programs set themselves up by."""

from __future__ import annotations

import plistlib
from xml.etree import ElementTree

from postmaster import client_setup
from postmaster.settings import MailServer
from tests.postmaster.test_settings import site, zone


def server(**data: object) -> MailServer:
    zones = (zone("example.com"), zone("other.org"))
    return site(*zones, domains=["example.com", "other.org"], **data).servers[0]


def told(element: ElementTree.Element) -> dict[str, str]:
    return {each.tag: each.text or "" for each in element}


def test_one_document_is_for_all_domains_and_names_nobody() -> None:
    document = client_setup.autoconfig(server(users=["bob"]))
    assert document.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<clientConfig')
    root = ElementTree.fromstring(document)
    assert root.attrib == {"version": "1.1"}
    domains = [each.text for each in root.findall("emailProvider/domain")]
    assert domains == ["example.com", "other.org"]
    assert "bob" not in document and "admin" not in document


def test_programs_are_told_of_encrypted_ports_only_and_prefer_imap() -> None:
    root = ElementTree.fromstring(client_setup.autoconfig(server(open_ports=[110, 587, 995])))
    incoming = root.findall("emailProvider/incomingServer")
    assert [(each.attrib["type"], told(each)["port"]) for each in incoming] == [
        ("imap", "993"),
        ("pop3", "995"),
    ]
    (outgoing,) = root.findall("emailProvider/outgoingServer")
    assert told(outgoing) == {
        "hostname": "smtp.example.com",
        "port": "465",
        "socketType": "SSL",
        "authentication": "password-cleartext",
        "username": "%EMAILADDRESS%",
    }
    assert {told(each)["socketType"] for each in incoming} == {"SSL"}
    closed = ElementTree.fromstring(client_setup.autoconfig(server()))
    assert len(closed.findall("emailProvider/incomingServer")) == 1


def test_a_profile_asks_for_the_address_and_encrypts_from_the_start() -> None:
    found = plistlib.loads(client_setup.profile(server(), "other.org"))
    (mail,) = found["PayloadContent"]
    assert mail["PayloadType"] == "com.apple.mail.managed"
    assert (mail["IncomingMailServerHostName"], mail["IncomingMailServerPortNumber"]) == (
        "imap.example.com",
        993,
    )
    assert (mail["OutgoingMailServerHostName"], mail["OutgoingMailServerPortNumber"]) == (
        "smtp.example.com",
        465,
    )
    assert mail["IncomingMailServerUseSSL"] is mail["OutgoingMailServerUseSSL"] is True
    unsaid = {"EmailAddress", "IncomingPassword", "IncomingMailServerUsername"}
    assert not unsaid & mail.keys()


def test_a_domains_profile_is_the_same_each_time_and_no_other_domains() -> None:
    one, again = (client_setup.profile(server(), "other.org") for _ in range(2))
    assert one == again
    ids = []
    for domain in ("example.com", "other.org"):
        found = plistlib.loads(client_setup.profile(server(), domain))
        ids += [found["PayloadUUID"], found["PayloadContent"][0]["PayloadUUID"]]
    assert len(set(ids)) == 4
