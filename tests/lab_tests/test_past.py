"""A host that has a past: a PMail that is not ours, a database that is not what it was."""

from __future__ import annotations

import shlex
import smtplib

import pytest

from deploys.host import pmail_layout as layout
from tests.lab.network import Network
from tests.lab.process import wait_for
from tests.lab.rootfs import PREPARED
from tests.lab_tests.site import Server, Site, converges, inbox

pytestmark = pytest.mark.lab

CONFIG = (
    '{"domain": "example.test", "dbType": "sqlite", "dbDSN": "./config/pmail.db", "isInit": true,'
    ' "dkimPrivateKeyPath": "./config/dkim/dkim.priv"}'
)
A_PMAIL = (
    "mkdir -p {at}/config/dkim; echo {config} > {at}/config/config.json; "
    "printf 'SQLite format 3' > {at}/config/pmail.db; echo key > {at}/config/dkim/dkim.priv"
)
ITS_UNIT = "printf '[Service]\\nExecStart=/opt/mail/server\\n' > /etc/systemd/system/post.service"
ITS_PROGRAM = (
    "cp /bin/sleep /opt/mail/server; echo github.com/Jinnrry/pmail >> /opt/mail/server; "
    "systemd-run -q --unit=post-now /opt/mail/server 1000"
)


def is_refused(site: Site, server: Server, *said: str) -> None:
    """Assert that a deploy says why, and changes nothing: host, zone and state stay."""
    tree, records = site.tree(server), site.records(server.domain)
    for options in (("-y",), ("--dry",)):
        done = site.operator.run("deploy.py", *options)
        assert done.status == 1, done.output
        assert [each for each in (*said, "Nothing was changed") if each not in done.output] == []
        assert "Traceback" not in done.output
    assert (site.tree(server), site.records(server.domain)) == (tree, records)


def test_a_pmail_that_is_not_ours_is_found_by_whatever_is_there_of_it_before_anything_is_changed(
    new_site: Site,
) -> None:
    server = new_site.add_server("example.test")
    host = server.host
    host.run(A_PMAIL.format(at="/opt/mail", config=shlex.quote(CONFIG)), check=True)
    is_refused(new_site, server, "/opt/mail/config/pmail.db", "/opt/mail/config/dkim/dkim.priv")
    looked = new_site.operator.run("deploys/preflight.py")
    assert looked.status == 1 and "/opt/mail/config/config.json" in looked.output, looked.output

    host.run(f"{ITS_PROGRAM}; rm -r /opt/mail/config", check=True)
    is_refused(new_site, server, "a PMail that is not ours runs: /opt/mail/server")
    host.run(f"systemctl stop post-now; {ITS_UNIT}", check=True)
    is_refused(new_site, server, "/etc/systemd/system/post.service (/opt/mail/server)")

    host.run("rm -r /opt/mail /etc/systemd/system/post.service; mkdir -p /var/lib/pmail/data")
    is_refused(new_site, server, "has something in it already: /var/lib/pmail (data)")
    assert not new_site.operator.state.exists() or not new_site.records("example.test").count("MX")


def test_a_database_that_is_gone_is_not_replaced_and_mail_waits_until_it_is_back(
    new_site: Site,
) -> None:
    server = new_site.add_running("relay")
    host, away = server.host, "/root/pmail.db"
    host.run(f"systemctl stop pmail; mv {layout.DATABASE} {away}; systemctl start pmail")
    is_refused(new_site, server, f"is gone, or empty: {layout.DATABASE}", "--start-empty vps10")
    host.run(f"echo no > {layout.DATABASE}")
    is_refused(new_site, server, f"{layout.DATABASE} is damaged")
    host.run(f"rm {layout.DATABASE}; echo '/dev/vdb {layout.DATA} ext4 nofail 0 2' >> /etc/fstab")
    is_refused(new_site, server, f"not mounted: {layout.DATA}")
    assert host.run("systemctl is-active pmail").strip() != "active"

    accepted = arrives(server, "while it is gone")
    host.run(f"sed -i /vdb/d /etc/fstab; mv {away} {layout.DATABASE}")
    assert wait_for(lambda: host.run("systemctl is-active pmail").strip() == "active", 60)
    accepted = accepted or arrives(server, "while it is gone")
    assert accepted
    host.run("postqueue -f")
    assert wait_for(lambda: "while it is gone" in inbox(new_site, server), 120)
    converges(new_site, server)


@pytest.mark.long
def test_a_host_that_was_set_up_anew_begins_with_another_database_only_where_that_is_said(
    new_site: Site,
) -> None:
    server = new_site.add_running("direct")
    server.host.boot(PREPARED)
    is_refused(new_site, server, "set up anew", "--start-empty vps10")
    assert not server.answers(25)
    wrong = new_site.operator.run("deploy.py", "-y", "--data", "start_empty=vps11")
    assert (wrong.status, "vps11 is none" in wrong.output) == (1, True), wrong.output
    done = new_site.operator.run("deploy.py", "-y", "--data", "start_empty=vps10")
    assert done.status == 0, done.output
    converges(new_site, server)
    again = new_site.operator.run("deploy.py", "-y", "--data", "start_empty=vps10")
    assert again.status == 1 and "nothing is started empty" in again.output, again.output


def arrives(server: Server, subject: str) -> bool:
    """Whether a message from outside is accepted."""
    message = f"From: friend@recv.test\r\nSubject: {subject}\r\n\r\nHello.\r\n"
    try:
        with Network().entered(), smtplib.SMTP(server.ip, 25, "mx.recv.test", timeout=90) as mx:
            mx.sendmail("friend@recv.test", [f"admin@{server.domain}"], message)
    except (OSError, smtplib.SMTPException):
        return False
    return True
