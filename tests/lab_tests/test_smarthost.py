"""Outbound through a provider with a password: a real second Postfix with SASL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.process import wait_for
from tests.lab.provider import ADDRESS, NAME, Provider
from tests.lab_tests.site import Server, Site, send, submit

pytestmark = pytest.mark.lab
PASSWORD, SECOND_PASSWORD = 'p:a"s\\s #w$d', "another-secret-2"


@pytest.fixture
def provider(new_site: Site) -> Iterator[Provider]:
    """The provider with an account for each domain."""
    made = Provider()
    made.up(new_site.dns, {"mailer": PASSWORD, "second": SECOND_PASSWORD})
    yield made
    made.host.stop()


@pytest.fixture
def server(new_site: Site, provider: Provider, tmp_path: Path) -> Server:
    """A server with two domains: one by implicit TLS, the other by STARTTLS."""
    site, kept = new_site, tmp_path / "password"
    kept.touch(0o600)
    kept.write_text(f"{SECOND_PASSWORD}\n")
    site.operator.secrets["SMARTHOST_PASSWORD"] = PASSWORD
    site.add_zone("second.test")
    account = {"host": NAME, "ca_file": str(provider.authority)}
    return site.add_server(
        "example.test",
        domains=["example.test", "second.test"],
        outbound="smarthost",
        retry_after=2,
        spf_include=["provider.test"],
        smarthost={**account, "user": f"mailer@{NAME}", "password_env": "SMARTHOST_PASSWORD"},
        smarthosts={
            "second.test": {
                **account,
                "port": 587,
                "user": f"second@{NAME}",
                "password_file": str(kept),
            }
        },
    )


def statuses(site: Site, server: Server, check: str) -> list[object]:
    """How a check ended, for each of its subjects."""
    return [each["status"] for each in site.report(server) if each["check"] == check]


def test_mail_goes_through_the_provider_signed_by_us_and_no_password_is_shown(
    new_site: Site, server: Server
) -> None:
    site, watcher = new_site, new_site.watch_processes(server)
    done = site.operator.run()
    again = site.operator.run()
    arguments = watcher.stop()

    assert done.status == 0, done.output
    assert (again.status, again.changed) == (0, 0), again.output
    assert statuses(site, server, "OUT-04") == ["pass", "pass"]
    assert statuses(site, server, "SPF-07") == ["pass"]
    # Receivers see the provider's address: its PTR and greeting are the provider's affair.
    assert set(statuses(site, server, "RDNS-01")) == {"skip"}
    assert statuses(site, server, "EHLO-03") == []
    others = [each for each in site.not_green(server) if each["status"] != "skip"]
    assert others == []

    for domain in ("example.test", "second.test"):
        verdict = submit(site, server, to="someone@recv.test", domain=domain)
        assert (verdict.peer, verdict.ehlo) == (ADDRESS, NAME)
        assert (verdict.spf, verdict.dkim, verdict.dmarc) == ("pass", "pass", "pass")
        assert f"d={domain};" in verdict.message

    for password in (PASSWORD, SECOND_PASSWORD):
        assert password not in done.output + again.output + arguments
    exposed = server.host.run(
        f"grep -rlF -e {SECOND_PASSWORD} /etc /var /run /tmp /root 2>/dev/null "
        "| xargs -r stat -c '%U %a %n'"
    )
    assert exposed.split() == ["root", "600", "/etc/pmail-deploy/relay/smarthost-1.password"]


def test_a_wrong_password_is_named_and_mail_waits_until_it_is_right(
    new_site: Site, server: Server, provider: Provider
) -> None:
    site = new_site
    site.operator.secrets["SMARTHOST_PASSWORD"] = "not this one"
    wrong = site.operator.run()
    assert wrong.status != 0 and "not this one" not in wrong.output
    assert statuses(site, server, "OUT-04") == ["fail", "pass"]
    send(site, server, to="someone@recv.test")
    assert wait_for(lambda: "authentication failed" in server.host.run("postqueue -j"), 30)

    site.operator.secrets["SMARTHOST_PASSWORD"] = PASSWORD
    right = site.operator.run()
    assert right.status == 0, right.output
    assert wait_for(lambda: "queue_id" not in server.host.run("postqueue -j"), 60)


def test_a_smarthost_whose_certificate_does_not_verify_gets_no_password(
    new_site: Site, server: Server, provider: Provider
) -> None:
    site = new_site
    for each in (server.data["smarthost"], server.data["smarthosts"]["second.test"]):  # type: ignore[index]
        del each["ca_file"]  # type: ignore[attr-defined]
    done = site.operator.run()
    assert done.status != 0
    assert statuses(site, server, "OUT-04") == ["fail", "fail"]
    send(site, server, to="someone@recv.test")
    reason = "certificate not verified"
    assert wait_for(lambda: reason in server.host.run("postqueue -j"), 30)
    assert "sasl_username" not in provider.host.run("journalctl -u 'postfix@-' --no-pager")


def test_every_missing_or_exposed_password_is_told_before_anything_is_changed(
    new_site: Site, server: Server
) -> None:
    site = new_site
    del site.operator.secrets["SMARTHOST_PASSWORD"]
    Path(str(server.data["smarthosts"]["second.test"]["password_file"])).chmod(0o644)  # type: ignore[index]
    before, records = site.tree(server), site.records("example.test")
    done = site.operator.run()
    assert done.status != 0, done.output
    assert "SMARTHOST_PASSWORD" in done.output and "can be read by others" in done.output
    assert (site.tree(server), site.records("example.test")) == (before, records)
