"""The edge on a host whose packages change under it: put in anew, and Debian 12 become 13.

With PMAIL_LONG=1 alone: together they take six minutes.
"""

from __future__ import annotations

import smtplib
from dataclasses import dataclass

import pytest

from deploys.host.edge_layout import NAMESPACE_FILE
from deploys.host.outbound_layout import RESOLVER_ADDRESS
from tests.lab.network import RESOLVER, Network
from tests.lab.process import wait_for
from tests.lab.receiver import Receiver
from tests.lab_tests.site import TWO_DOMAINS, Server, Site, converges, inbox, send, submit
from tests.lab_tests.test_edge_host import GOOD, sql, waiting
from tests.lab_tests.test_relay import signed_by

pytestmark = [pytest.mark.lab, pytest.mark.long]
# How a person does it who keeps the configuration files as they are.
APT = "DEBIAN_FRONTEND=noninteractive apt-get -y -q -o Dpkg::Options::=--force-confold"
MASTER = "$(cat /var/spool/postfix/pid/master.pid)"


@dataclass(frozen=True)
class Moved:
    """A server that has mail already, and a message of somebody else's that is signed by them."""

    site: Site
    server: Server
    foreign: str

    def keeps_the_edge(self, moment: str) -> None:
        """Assert that each program is in its place, and mail passes, in and out."""
        assert wait_for(lambda: all(map(self.server.answers, (25, 465, 993, 443))), 120), moment
        assert set(self._shell(_STATES).split()) == {"active"}, self._shell("systemctl --failed")
        assert self._shell("systemctl --failed --no-legend") == "", moment
        assert self._shell("systemctl is-active opendmarc") == "inactive", moment
        assert self._shell("systemctl is-enabled opendmarc") == "disabled", moment
        assert '"master"' in self._shell("ss -Hltnp 'sport = :25'"), moment
        inside = self._shell(f"stat -Lc 'net:[%i]' {NAMESPACE_FILE}")
        for unit in ("pmail", "pmail-deploy-edge"):
            network = f"readlink /proc/$(systemctl show -P MainPID {unit})/ns/net"
            assert self._shell(network) == inside, (moment, unit)
        self._comes_in()
        self._goes_out(moment)

    def _shell(self, command: str) -> str:
        return self.server.host.run(command).strip()

    def _comes_in(self) -> None:
        """Mail from outside, judged right; mail among own users; and the mail of before."""
        judged = "select count(*) from email where spf_check=1 and dkim_check=1 and status=0"
        before = int(sql(self.server, judged))
        with Network().entered(), smtplib.SMTP(self.server.ip, 25, "mx.qq.com", timeout=120) as mx:
            mx.sendmail("friend@qq.com", ["admin@example.test"], self.foreign)
        assert wait_for(lambda: int(sql(self.server, judged)) > before, 120)
        assert "before all this" in inbox(self.site, self.server, "bob")

    def _goes_out(self, moment: str) -> None:
        """Signed and judged good by who gets it; own users get theirs without a way out."""
        verdict = submit(self.site, self.server, "someone@recv.test")
        assert (verdict.spf, verdict.dkim, verdict.dmarc) == GOOD
        send(self.site, self.server, "bob@example.test", subject=moment)
        assert wait_for(lambda: moment in inbox(self.site, self.server, "bob"), 90)
        assert wait_for(lambda: waiting(self.server) == 0, 90), self._shell("postqueue -p")

    def has_one_waiting(self, to: str) -> None:
        """Have a message wait in Postfix's queue: its receiver is gone."""
        Receiver().daemon.stop()
        send(self.site, self.server, to)
        assert wait_for(lambda: "deferred" in self.server.host.run("postqueue -j"), 90)

    def what_waited_goes_out(self, to: str) -> None:
        """Assert that it does, once its receiver is back."""
        there = Receiver()
        there.restart()
        assert wait_for(lambda: any(to in each.recipients for each in there.verdicts()), 120), to


_STATES = (
    "systemctl is-active opendkim postfix pmail $(systemctl list-unit-files --no-legend "
    "--state=enabled 'pmail-deploy-*' | cut -d' ' -f1)"
)


def with_mail(site: Site, **data: object) -> Moved:
    """A deployed server with a message in a mailbox."""
    server = site.add_running("relay", *TWO_DOMAINS, users=["bob"], **data)
    done = site.operator.run()
    assert done.status == 0, done.output
    # OpenDKIM's resolver knows no zone below test., so the sender is of qq.com.
    site.dns.add("qq.com", '_dmarc.qq.com. 60 TXT "v=DMARC1; p=reject"')
    send(site, server, "bob@example.test", subject="before all this")
    assert wait_for(lambda: "before all this" in inbox(site, server, "bob"), 90)
    return Moved(site, server, signed_by(site, "qq.com"))


def test_packages_that_are_installed_anew_leave_the_edge_as_it_is(new_site: Site) -> None:
    moved = with_mail(new_site)
    moved.has_one_waiting("one@recv.test")
    moved.server.host.run(
        f"apt-get update -qq; {APT} install --reinstall postfix opendkim opendmarc </dev/null",
        check=True,
    )
    moved.what_waited_goes_out("one@recv.test")
    moved.keeps_the_edge("installed anew")
    again = new_site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output


def test_debian_12_becomes_13_and_the_edge_stays_before_a_reboot_after_it_and_when_deployed_again(
    new_site: Site,
) -> None:
    """With a resolver of Postfix's own: a Postfix without it would follow DANE no more."""
    anchor = new_site.operator.folder / "anchor"
    anchor.write_text(new_site.dns.trust_anchor())
    dane = {"dane": True, "dane_forward_to": [RESOLVER], "dane_trust_anchor": str(anchor)}
    moved = with_mail(new_site, **dane, mta_sts=True, open_ports=[587, 995, 110])
    host = moved.server.host
    moved.has_one_waiting("one@recv.test")
    host.run(
        "sed -i s/bookworm/trixie/g /etc/apt/sources.list && apt-get update -qq && "
        f"{APT} full-upgrade </dev/null",
        check=True,
    )
    assert host.run("cat /etc/debian_version").startswith("13.")
    moved.what_waited_goes_out("one@recv.test")
    moved.keeps_the_edge("upgraded")
    assert asks_its_own_resolver(moved.server)

    moved.has_one_waiting("two@recv.test")
    host.reboot()
    moved.what_waited_goes_out("two@recv.test")
    moved.keeps_the_edge("rebooted")
    assert asks_its_own_resolver(moved.server)
    assert new_site.operator.run("deploys/verify.py").status == 0

    converges(new_site, moved.server)
    moved.keeps_the_edge("deployed again")
    assert asks_its_own_resolver(moved.server)


def asks_its_own_resolver(server: Server) -> bool:
    """Whether Postfix, as it runs now, asks the resolver that validates for it."""
    asked = server.host.run(f"nsenter -m -t {MASTER} cat /etc/resolv.conf")
    return f"nameserver {RESOLVER_ADDRESS}" in asked.splitlines()
