"""The edge on a host with a past and a future: moved over to, upgraded around, booted."""

from __future__ import annotations

import base64
import io
import smtplib
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploys.host.pmail_layout import DATABASE
from tests.lab.network import Network
from tests.lab.process import wait_for
from tests.lab.receiver import Receiver
from tests.lab_tests.conftest import Relayed
from tests.lab_tests.site import TWO_DOMAINS, Server, Site, inbox, send
from tests.lab_tests.test_relay import signed_by

pytestmark = pytest.mark.lab
GOOD = ("pass", "pass", "pass")
# What a deploy of version 0.1 wrote, but for keys, certificates and PMail's own files.
BEFORE = Path(__file__).parent / "version_0_1"


def waiting(server: Server) -> int:
    """How many messages wait in Postfix's queue."""
    return server.host.run("postqueue -j").count('"queue_id"')


def put_back(server: Server) -> None:
    """Make of a host what version 0.1 had made of it: PMail in the host's own network."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path in sorted(BEFORE.rglob("*")):
            if path.is_file():
                content = path.read_text().replace("@ip@", server.ip).encode()
                member = tarfile.TarInfo(str(path.relative_to(BEFORE)))
                member.size, member.mode = len(content), path.stat().st_mode & 0o777
                archive.addfile(member, io.BytesIO(content))
    code = base64.b64encode(packed.getvalue()).decode()
    server.host.run(
        "systemctl stop pmail 'postfix@-'; "
        "systemctl disable -q --now $(cd /etc/systemd/system; ls -d pmail-deploy-*); "
        "ip netns del pmail; rm -rf /etc/systemd/system/pmail-deploy-* /etc/pmail-deploy/edge "
        "/usr/local/lib/pmail-deploy/edge.pyz /etc/pmail-deploy/relay",
    )
    server.host.run(
        f"echo {code} | base64 -d | tar -xzf - -C / && systemctl daemon-reload && "
        "systemctl enable -q --now pmail-deploy-firewall && "
        "systemctl restart opendkim 'postfix@-' pmail",
        check=True,
    )
    assert wait_for(lambda: server.answers(465) and server.answers(993), 90)
    assert '"pmail"' in server.host.run("ss -Hltnp 'sport = :465'")


@pytest.mark.long
def test_an_installation_of_the_version_before_moves_over_and_what_waits_goes_out(
    new_site: Site,
) -> None:
    site = new_site
    server = site.add_running("relay", *TWO_DOMAINS, users=["bob"])
    assert site.operator.run().status == 0
    put_back(server)
    Receiver().daemon.stop()
    for number in range(3):
        send(site, server, f"someone{number}@recv.test")
    assert wait_for(lambda: waiting(server) == 3, 90)

    moved = site.operator.run()
    assert moved.status == 0, moved.output
    assert site.not_green(server) == []
    assert '"master"' in server.host.run("ss -Hltnp 'sport = :465'")
    assert "pmail_deploy" not in server.host.run("nft list tables")
    assert "firewall" not in server.host.run("ls /etc/systemd/system /usr/local/lib/pmail-deploy")
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output

    Receiver().restart()
    assert wait_for(lambda: Receiver().count() == 3, 90)
    assert {(each.spf, each.dkim, each.dmarc) for each in Receiver().verdicts()} == {GOOD}
    send(site, server, "bob@example.test", subject="after the move")
    assert wait_for(lambda: "after the move" in inbox(site, server, "bob"), 90)


def test_mail_that_comes_in_side_by_side_is_judged_and_none_is_turned_away(
    relayed: Relayed,
) -> None:
    """By DKIM, too: OpenDKIM's resolver knows no zone below test., so the sender is of qq.com."""
    site, server = relayed
    site.dns.add("qq.com", '_dmarc.qq.com. 60 TXT "v=DMARC1; p=reject"')
    text = signed_by(site, "qq.com")

    def deliver(number: int) -> None:
        with Network().entered(), smtplib.SMTP(server.ip, 25, "mx.qq.com", timeout=120) as client:
            for _ in range(5):
                client.sendmail(f"{number}@qq.com", ["admin@example.test"], text)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(deliver, range(16)))
    judged = "select count(*) from email where spf_check=1 and dkim_check=1 and status=0"
    assert wait_for(lambda: sql(server, judged) == "80", 120), sql(server, judged)
    restarts = server.host.run("systemctl show -P NRestarts pmail-deploy-verify")
    assert restarts.strip() == "0"


def sql(server: Server, question: str) -> str:
    """The one value that PMail's database gives."""
    answer = f"sqlite3.connect('{DATABASE}').execute('{question}').fetchone()[0]"
    program = f"import sqlite3; print({answer})"
    return server.host.run(f'python3 -c "{program}"').strip()


@pytest.mark.long
def test_upgrades_and_a_reboot_leave_everything_in_its_place(relayed: Relayed) -> None:
    site, server = relayed
    server.host.run(
        "apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --reinstall "
        "postfix opendkim opendmarc </dev/null",
        check=True,
    )
    assert site.operator.run("deploys/verify.py").status == 0
    assert site.not_green(server) == []
    server.host.reboot()
    assert wait_for(lambda: all(map(server.answers, (25, 465, 993, 443))), 120)
    send(site, server, "admin@second.test", subject="after the reboot")
    assert wait_for(lambda: "after the reboot" in inbox(site, server), 90)
    assert server.host.run("systemctl --failed --no-legend") == ""
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output
