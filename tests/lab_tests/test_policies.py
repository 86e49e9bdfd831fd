"""What a server says of itself: programs set themselves up by it, and senders obey its policy."""

from __future__ import annotations

import http.client
import plistlib
import socket
import ssl
import subprocess
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from postmaster import mta_sts
from tests.lab.network import Network
from tests.lab.pebble import Pebble
from tests.lab.process import wait_for
from tests.lab_tests.site import OF_PMAIL_ALONE, Server, Site, acme, inbox, send

pytestmark = [pytest.mark.lab, pytest.mark.more]
FIRST, SECOND, SENDER = "example.test", "second.test", "third.test"


def fetched(site: Site, url: str) -> bytes | None:
    """What a program gets at a URL, with the lab's authority trusted; None for no document."""
    scheme, _, rest = url.partition("://")
    name, _, path = rest.partition("/")
    addresses = site.dns.records(name, "A")
    if not addresses:
        return None
    with Network().entered():
        try:
            raw = socket.create_connection((addresses[0], 443 if scheme == "https" else 80), 10)
            if scheme == "https":
                trusting = ssl.create_default_context(cafile=str(Pebble().root))
                raw = trusting.wrap_socket(raw, server_hostname=name)
            connection = http.client.HTTPConnection(name)
            connection.sock = raw
            connection.request("GET", f"/{path}")
            reply = connection.getresponse()
            return reply.read() if reply.status == 200 else None
        except OSError:
            return None


def as_thunderbird(site: Site, address: str) -> ElementTree.Element | None:
    """Look for settings in Thunderbird's order (draft-ietf-mailmaint-autoconfig section 3)."""
    domain = address.rpartition("@")[2]
    asked = f"mail/config-v1.1.xml?emailaddress={address}"
    places = [
        f"https://autoconfig.{domain}/{asked}",
        f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml",
        f"http://autoconfig.{domain}/{asked}",
    ]
    hosts = sorted((mx.split() for mx in site.mx(domain)), key=lambda mx: int(mx[0]))
    places += [
        f"https://autoconfig.{host.rstrip('.').partition('.')[2]}/{asked}" for _, host in hosts[:1]
    ]
    for place in places:
        found = fetched(site, place)
        if found is not None:
            return ElementTree.fromstring(found)
    return None


def verified(profile: bytes, folder: Path) -> bytes:
    """What a signed profile says, as openssl verifies it."""
    (folder / "profile").write_bytes(profile)
    verify = ["openssl", "cms", "-verify", "-inform", "DER", "-in", str(folder / "profile")]
    trust = ["-CAfile", str(Pebble().root), "-purpose", "any"]
    done = subprocess.run([*verify, *trust], capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def published(site: Site, domain: str) -> mta_sts.PolicyId:
    """What a domain's record says of its policy."""
    (record,) = site.txt(f"_mta-sts.{domain}")
    found = mta_sts.parse_id(mta_sts.parse_record(record.encode()))
    assert found is not None
    return found


def converged(site: Site) -> None:
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output


def break_certificate(server: Server) -> None:
    """Port 25 shows a certificate that nobody trusts."""
    server.host.run(
        "cd /root && openssl req -x509 -newkey rsa:2048 -nodes -days 60 -subj /CN=x "
        f"-addext subjectAltName=DNS:smtp.{FIRST} -keyout k -out c 2>/dev/null && "
        "/usr/local/lib/pmail-deploy/install-certificate c k && systemctl restart pmail",
        check=True,
    )
    assert wait_for(lambda: server.answers(25), 60)


def test_programs_set_themselves_up_and_senders_obey_the_policy(new_site: Site) -> None:
    site = new_site
    server = site.add_server(
        FIRST, web="nginx", domains=[FIRST, SECOND], tls_rpt="tls@recv.test", **acme("acme-http")
    )
    site.add_zone(SECOND)
    done = site.operator.run()
    assert done.status == 0, done.output
    converged(site)

    # Programs: by the MX of whichever domain, without saying who has a mailbox.
    for address in (f"admin@{SECOND}", f"nobody@{FIRST}"):
        found = as_thunderbird(site, address)
        assert found is not None, address
        assert [each.text for each in found.iter("domain")] == [FIRST, SECOND]
        assert [each.text for each in found.iter("hostname")] == [f"imap.{FIRST}", f"smtp.{FIRST}"]
    page = fetched(site, f"https://autoconfig.{FIRST}/")
    assert page is not None and f"imap.{FIRST}" in page.decode() and "收件" in page.decode()
    signed = fetched(site, f"https://autoconfig.{FIRST}/{SECOND}.mobileconfig")
    assert signed is not None
    profile = plistlib.loads(verified(signed, site.operator.folder))
    assert profile["PayloadContent"][0]["IncomingMailServerHostName"] == f"imap.{FIRST}"
    assert "0 0 0 ." in site.dns.records(f"_imap._tcp.{SECOND}", "SRV")

    # The policy: tried, then enforced, each with an id of its own, and nothing in between.
    assert fetched(site, f"https://mta-sts.{SECOND}/.well-known/mta-sts.txt") is None
    server.data["caa_account"] = True
    server.data["caa"] = ["pebble"]
    server.data["mta_sts_policy"] = "testing"
    site.operator.write_inventory()
    done = site.operator.run()
    assert done.status == 0, done.output
    converged(site)
    tried = published(site, SECOND)
    (alone,) = site.dns.records(f"smtp.{FIRST}", "CAA")
    assert "accounturi=https://" in alone and "http-01" in alone
    assert not any("accounturi" in each for each in site.dns.records(FIRST, "CAA"))
    starts = site.starts(server)
    server.data["mta_sts_policy"] = "enforce"
    site.operator.write_inventory()
    done = site.operator.run()
    assert done.status == 0, done.output
    converged(site)
    enforced = published(site, SECOND)
    assert enforced.sum != tried.sum and enforced.until >= tried.since + 604800
    assert site.starts(server) == starts, "a policy is no reason to restart PMail"
    text = fetched(site, f"https://mta-sts.{SECOND}/.well-known/mta-sts.txt")
    assert text is not None and mta_sts.parse_policy(text).sum == enforced.sum
    wrong = {str(each["check"]) for each in site.not_green(server)}
    # A resolver has the old id; in this mode the second domain's signature is the first one's.
    assert wrong <= {"PROP-03", "STS-03", *OF_PMAIL_ALONE}, site.not_green(server)

    # A server that heeds policies sends there, and no more once the certificate is not trusted.
    sender = site.add_server(SENDER, outbound="relay", retry_after=2, mta_sts=True)
    root = Pebble().root.read_text()
    sender.host.run(
        f"cat > /usr/local/share/ca-certificates/lab.crt <<'END'\n{root}END\n"
        "update-ca-certificates",
        check=True,
    )
    done = site.operator.run()
    assert done.status == 0, done.output
    send(site, sender, f"admin@{SECOND}", subject="by the policy")
    assert wait_for(lambda: "by the policy" in inbox(site, server), 90)
    break_certificate(server)
    send(site, sender, f"admin@{SECOND}", subject="against the policy")
    assert wait_for(
        lambda: "not trusted" in waiting(sender) or "not verified" in waiting(sender), 90
    )
    assert wait_for(lambda: server.answers(993), 60)
    assert "against the policy" not in inbox(site, server)

    # Taken back in the safe order: the file first, then the id, and nothing goes before its time.
    server.data["mta_sts_policy"] = "off"
    site.operator.write_inventory()
    done = site.operator.run()
    assert done.status == 0, done.output
    ending = published(site, SECOND)
    assert ending.until >= int(time.time()) + 604800 - 600
    text = fetched(site, f"https://mta-sts.{SECOND}/.well-known/mta-sts.txt")
    assert text is not None and mta_sts.parse_policy(text).mode == "none"
    converged(site)


def waiting(server: Server) -> str:
    """Why mail waits in a server's queue."""
    return server.host.run("postqueue -j")
