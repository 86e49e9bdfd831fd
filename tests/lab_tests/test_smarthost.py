"""Outbound through a provider with a password: a real second Postfix with SASL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.lab.process import wait_for
from tests.lab.provider import ACCOUNTS, ADDRESS, NAME, Provider
from tests.lab.receiver import Receiver
from tests.lab_tests.site import Server, Site, applying, send, submit

pytestmark = pytest.mark.lab
PASSWORD, SECOND_PASSWORD = ACCOUNTS["mailer"], ACCOUNTS["second"]


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


@pytest.mark.more
def test_mail_goes_through_the_provider_signed_by_us_and_no_password_is_shown(
    new_site: Site, server: Server, provider: Provider
) -> None:
    site, accounts = new_site, {name: server.data.pop(name) for name in ("smarthost", "smarthosts")}
    server.data["outbound"] = "relay"
    before = site.operator.run()
    assert before.status == 0, before.output
    for to in ("waiting@refused.test", "held@refused.test"):
        send(site, server, to=to)
    assert wait_for(lambda: server.host.run("postqueue -j").count("refused") >= 4, 90)
    server.host.run("postqueue -j | grep held@ | grep -o '[0-9A-F]\\{8,\\}' | postsuper -h -")

    server.data.update(accounts, outbound="smarthost")
    watcher = site.watch_processes(server)
    done = site.operator.run()
    again = site.operator.run()
    arguments = watcher.stop()

    assert done.status == 0, done.output
    assert (again.status, again.changed) == (0, 0), again.output
    assert statuses(site, server, "OUT-04") == ["pass", "pass"]
    assert statuses(site, server, "SPF-07") == ["pass"]
    # Receivers see the provider's address: its PTR and greeting are the provider's affair.
    assert site.reported(server).isdisjoint({"RDNS-01", "RDNS-02", "EHLO-03"})
    assert site.reported(server) == applying(server)
    assert site.not_green(server) == []

    # What waited from another mode went the new way; what somebody holds is held still.
    assert "waiting@refused.test" in provider.host.run("postqueue -j")
    (held,) = server.host.run("postqueue -j").splitlines()
    assert "held@refused.test" in held and '"queue_name": "hold"' in held
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


@pytest.mark.long
def test_what_is_wrong_with_an_account_is_named_and_mail_waits_until_it_is_right(
    new_site: Site, server: Server, provider: Provider
) -> None:
    site, data = new_site, server.data
    accounts: list[Any] = [data["smarthost"], data["smarthosts"]["second.test"]]  # type: ignore[index]
    kept = Path(accounts[1]["password_file"])

    # Missing or exposed: told all at once, before anything is changed.
    del site.operator.secrets["SMARTHOST_PASSWORD"]
    kept.chmod(0o644)
    before, records = site.tree(server), site.records("example.test")
    missing = site.operator.run()
    assert missing.status != 0, missing.output
    assert "SMARTHOST_PASSWORD" in missing.output
    assert "can be read by others" in missing.output
    assert (site.tree(server), site.records("example.test")) == (before, records)
    kept.chmod(0o600)

    # A certificate that does not verify gets no password, neither from Postfix nor by a check.
    site.operator.secrets["SMARTHOST_PASSWORD"] = "not this one"
    authorities = [account.pop("ca_file") for account in accounts]
    untrusted = site.operator.run()
    assert untrusted.status != 0
    assert statuses(site, server, "OUT-04") == ["fail", "fail"]
    send(site, server, to="someone@recv.test")
    reason = "certificate not verified"
    assert wait_for(lambda: reason in server.host.run("postqueue -j"), 90)
    assert "sasl_username" not in provider.host.run("journalctl -u 'postfix@-' --no-pager")

    for account, authority in zip(accounts, authorities, strict=True):
        account["ca_file"] = authority
    wrong = site.operator.run()
    assert wrong.status != 0 and "not this one" not in wrong.output
    assert statuses(site, server, "OUT-04") == ["fail", "pass"]
    assert wait_for(lambda: "authentication failed" in server.host.run("postqueue -j"), 60)

    site.operator.secrets["SMARTHOST_PASSWORD"] = PASSWORD
    right = site.operator.run()
    assert right.status == 0, right.output
    assert wait_for(lambda: Receiver().count() == 1, 90)
