"""A host that has a past: a PMail that is not ours, a database that is not what it was."""

from __future__ import annotations

import shlex

import pytest

from tests.lab_tests.site import Server, Site

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
