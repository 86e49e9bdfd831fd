"""Documents by which mail programs set themselves up: autoconfig, and Apple's profiles; pure.

They say the same for every address of a domain, so they tell nobody which accounts there are.
"""

from __future__ import annotations

import plistlib
import uuid
from collections.abc import Iterator
from xml.etree import ElementTree

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import pkcs7

from postmaster.settings import MailServer
from postmaster.web import web_of

AUTOCONFIG_PATH = "/mail/config-v1.1.xml"
AUTOCONFIG_TYPE = "text/xml; charset=utf-8"
PROFILE_TYPE = "application/x-apple-aspen-config"
_IMAPS, _SUBMISSIONS, _POP3S = 993, 465, 995


def is_offered(server: MailServer) -> bool:
    """Return whether a server can serve such documents: PMail alone cannot."""
    return web_of(server).fronted


def autoconfig_name(server: MailServer) -> str:
    """Return the name that programs ask: by the MX host of whichever domain, less its first label.

    That is how Thunderbird comes from all domains of a server to one name
    (draft-ietf-mailmaint-autoconfig section 3).
    """
    return f"autoconfig.{server.primary}"


def profile_file(domain: str) -> str:
    """Return the name of a domain's profile."""
    return f"{domain}.mobileconfig"


def autoconfig(server: MailServer) -> str:
    """Return the autoconfig document of all domains of a server (clientConfig 1.1).

    The first incoming server is the one that programs prefer.
    """
    root = ElementTree.Element("clientConfig", version="1.1")
    provider = ElementTree.SubElement(root, "emailProvider", id=server.primary)
    for domain in server.domains:
        _say(provider, "domain", domain.name)
    _say(provider, "displayName", server.primary)
    _say(provider, "displayShortName", server.primary)
    for kind, host, port in _incoming(server):
        _server(ElementTree.SubElement(provider, "incomingServer", type=kind), host, port)
    outgoing = ElementTree.SubElement(provider, "outgoingServer", type="smtp")
    _server(outgoing, f"smtp.{server.primary}", _SUBMISSIONS)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, "unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _incoming(server: MailServer) -> Iterator[tuple[str, str, int]]:
    yield "imap", f"imap.{server.primary}", _IMAPS
    if _POP3S in server.open_ports:
        yield "pop3", f"pop.{server.primary}", _POP3S


def _server(element: ElementTree.Element, host: str, port: int) -> None:
    _say(element, "hostname", host)
    _say(element, "port", str(port))
    _say(element, "socketType", "SSL")
    _say(element, "authentication", "password-cleartext")  # within TLS
    _say(element, "username", "%EMAILADDRESS%")


def _say(above: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(above, name).text = text


def profile(server: MailServer, domain: str) -> bytes:
    """Return a domain's profile for Apple's mail programs, not signed (com.apple.mail.managed).

    There is no address in it, so the device asks for it. The same domain always has the same UUIDs:
    a profile that is installed again takes the place of the one before.
    """
    identifier = f"pmail-deploy.{domain}"
    mail = {
        "PayloadType": "com.apple.mail.managed",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{identifier}.mail",
        "PayloadUUID": _uuid(f"{identifier}.mail"),
        "PayloadDisplayName": domain,
        "EmailAccountDescription": domain,
        "EmailAccountType": "EmailTypeIMAP",
        "IncomingMailServerAuthentication": "EmailAuthPassword",
        "IncomingMailServerHostName": f"imap.{server.primary}",
        "IncomingMailServerPortNumber": _IMAPS,
        "IncomingMailServerUseSSL": True,
        "OutgoingMailServerAuthentication": "EmailAuthPassword",
        "OutgoingMailServerHostName": f"smtp.{server.primary}",
        "OutgoingMailServerPortNumber": _SUBMISSIONS,
        "OutgoingMailServerUseSSL": True,
        "OutgoingPasswordSameAsIncomingPassword": True,
    }
    whole = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": identifier,
        "PayloadUUID": _uuid(identifier),
        "PayloadDisplayName": domain,
        "PayloadOrganization": server.primary,
        "PayloadContent": [mail],
    }
    return plistlib.dumps(whole)


def signers(content: bytes) -> frozenset[str]:
    """Return fingerprints (SHA-256, hex) of the certificates in what signs a profile (CMS, DER)."""
    try:
        found = pkcs7.load_der_pkcs7_certificates(content)
    except (ValueError, UnsupportedAlgorithm):
        return frozenset()
    return frozenset(each.fingerprint(hashes.SHA256()).hex() for each in found)


def _uuid(identifier: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, identifier)).upper()
