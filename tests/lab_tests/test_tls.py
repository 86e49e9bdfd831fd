"""Certificates: ordered, renewed without a person, and replaced before they take mail down."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from probes.world.tls import Certificate, handshake
from tests.lab.network import Network
from tests.lab.pebble import REFUSED, Pebble
from tests.lab.process import wait_for
from tests.lab_tests.site import Server, Site, acme

pytestmark = pytest.mark.lab


def shown(server: Server, port: int = 465) -> Certificate:
    """The certificate that a port shows from outside."""
    assert wait_for(lambda: server.answers(port), 90), f"nothing answers on {port}"
    with Network().entered():
        raw = socket.create_connection((server.ip, port), timeout=10)
        return handshake(raw, f"smtp.{server.domain}")


@pytest.fixture
def short_lived(the_lab: None) -> Iterator[None]:
    """The authority gives certificates for 20 days: certbot renews those at once."""
    Pebble().up(validity=20 * 86400)
    yield
    Pebble().up()


@pytest.mark.more
def test_certbots_timer_renews_and_restarts_pmail_once(new_site: Site, short_lived: None) -> None:
    site = new_site
    server = site.add_server("example.test", **acme("acme-http"))
    assert site.operator.run().status == 0
    first, starts = shown(server), site.starts(server)

    # certbot gives up when the authority wants a fresh nonce twice; its timer comes again.
    renew = "systemctl start certbot.service && echo renewed"
    assert wait_for(lambda: "renewed" in server.host.run(renew), 120)

    renewed = shown(server)
    assert renewed.fingerprint != first.fingerprint and not renewed.self_signed
    assert site.starts(server) == starts + 1
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output


@pytest.mark.more
def test_the_daily_run_renews_by_dns_and_leaves_no_challenge(new_site: Site, the_lab: None) -> None:
    site = new_site
    server = site.add_server("example.test", **acme("acme-dns"))
    assert site.operator.run().status == 0
    assert "_acme-challenge" not in site.records("example.test")
    first, starts = shown(server), site.starts(server)
    nothing = site.operator.run("deploys/tls.py")
    assert (nothing.status, nothing.changed) == (0, 0), nothing.output

    expiring = site.certificate("example.test", timedelta(days=10))
    _install(server, expiring)
    renewed = site.operator.run("deploys/tls.py")

    assert renewed.status == 0, renewed.output
    assert shown(server).fingerprint != first.fingerprint
    assert shown(server).issuer == first.issuer
    assert site.starts(server) == starts + 1
    assert "_acme-challenge" not in site.records("example.test")


def _install(server: Server, files: dict[str, object]) -> None:
    """Put an almost expired certificate into its place, behind the deploy's back."""
    for name in ("tls_cert_file", "tls_key_file"):
        content = Path(str(files[name])).read_text()
        server.host.run(f"cat > /root/{name} <<'END'\n{content}END", check=True)
    install = "/usr/local/lib/pmail-deploy/install-certificate"
    server.host.run(f"{install} /root/tls_cert_file /root/tls_key_file", check=True)


def test_a_certificate_about_to_expire_is_replaced_and_mail_still_comes_in(
    new_site: Site,
) -> None:
    site = new_site
    server = site.add_running("direct")
    _install(server, site.certificate("example.test", timedelta(hours=20)))

    server.host.run("systemctl start pmail-tls-stopgap.service", check=True)

    stopgap = shown(server)
    assert stopgap.self_signed and "smtp.example.test" in stopgap.names
    assert server.answers(25)
    journal = server.host.run("journalctl -t pmail-deploy --no-pager")
    assert "self-signed" in journal
    _install(server, site.certificate("example.test", timedelta(days=90)))


def test_after_the_day_of_expiry_pmail_still_starts(new_site: Site) -> None:
    site = new_site
    server = site.add_running("direct")
    _install(server, site.certificate("example.test", timedelta(seconds=-60)))
    server.host.reboot()
    assert wait_for(lambda: server.answers(25), 90)
    assert shown(server).self_signed


@pytest.mark.parametrize("method", [pytest.param("acme-http", marks=pytest.mark.more), "acme-dns"])
def test_a_refused_order_says_why_and_changes_nothing(new_site: Site, method: str) -> None:
    site = new_site
    server = site.add_server("example.test", **acme(method))
    assert site.operator.run().status == 0
    before = shown(server)
    server.data["web_host"] = REFUSED
    done = site.operator.run("deploys/tls.py")
    assert done.status != 0 and "Traceback" not in done.output, done.output
    assert "forbidden by policy" in done.output, done.output
    assert shown(server).fingerprint == before.fingerprint
    assert "_acme-challenge" not in site.records("example.test")


def test_unusable_files_are_refused_with_all_reasons(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test")
    files = site.certificate("example.test", timedelta(hours=2))
    Path(str(files["tls_key_file"])).chmod(0o644)
    server.data["web_host"] = "web.example.test"
    done = site.operator.run("deploy.py", "-v", answer="\n")
    assert done.status != 0
    for word in ("chmod 600", "web.example.test", "ends on"):
        assert word in done.output, done.output
    assert site.mx("example.test") == []
