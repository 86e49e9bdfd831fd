"""Accounts and their passwords on a real server: given here, changed there, lost, set again."""

from __future__ import annotations

import http.client
import json
from http.client import HTTPResponse
from typing import Any

import pytest

from ground.private_files import write_private
from probes.world.tls import accepting_any
from tests.lab.network import Network
from tests.lab.operator import Run
from tests.lab_tests.site import Server, Site

pytestmark = pytest.mark.lab

BOB, ADMIN = "PMAIL_USER_PASSWORD_BOB", "PMAIL_ADMIN_PASSWORD"


class Browser:
    """Somebody in the web mail."""

    def __init__(self, server: Server) -> None:
        self.server, self.cookie = server, ""

    def ask(self, path: str, **body: object) -> int:
        """Return PMail's error number, 0 for none."""
        head = {"Content-Type": "application/json", "Cookie": self.cookie}
        with Network().entered():
            context = accepting_any()
            client = http.client.HTTPSConnection(self.server.ip, 443, context=context, timeout=60)
            try:
                client.request("POST", path, json.dumps(body), head)
                return self._answer(client.getresponse())
            finally:
                client.close()

    def _answer(self, reply: HTTPResponse) -> int:
        self.cookie = (reply.headers.get("Set-Cookie") or self.cookie).partition(";")[0]
        answer: dict[str, Any] = json.loads(reply.read())
        return int(answer["errorNo"])


def web(server: Server, account: str, password: str | None) -> Browser | None:
    """Somebody who has logged in; None where the password is wrong."""
    browser = Browser(server)
    wrong = browser.ask("/api/login", account=account, password=password)
    return None if wrong else browser


def change_there(server: Server, account: str, old: str, new: str) -> None:
    """Change the own password in the web mail."""
    browser = web(server, account, old)
    assert browser and browser.ask("/api/settings/modify_password", password=new) == 0


def users(site: Site, *words: str) -> Run:
    """`pmail-deploy users ...`."""
    done = site.operator.pmail_deploy("users", *words)
    assert "Traceback" not in done.output, done.output
    return done


def test_a_password_follows_whoever_changed_it_last(new_site: Site) -> None:
    site, server = new_site, new_site.add_running("direct", users=["bob", "carol"])
    kept = site.operator.state / "passwords"
    secrets = site.operator.secrets
    secrets[BOB] = "first"
    assert site.operator.run().status == 0
    assert web(server, "bob", "first") and web(server, "carol", site.password(server, "carol"))
    assert not (kept / f"{server.name}-bob").exists()

    def run(status: int, changed: int) -> str:
        done = site.operator.run("deploys/users.py")
        assert (done.status, done.changed) == (status, changed), done.output
        return done.output

    run(0, 0)
    secrets[BOB] = "second"  # given anew: set
    session = web(server, "bob", "first")
    run(0, 1)
    assert web(server, "bob", "second") and not web(server, "bob", "first")
    assert session and session.ask("/api/user/info") != 0, "who has the old one is out"
    run(0, 0)

    change_there(server, "bob", "second", "his own")  # changed there: respected and told
    change_there(server, "carol", former := site.password(server, "carol"), "her own")
    told = run(0, 0)
    assert BOB in told and "users password bob" in told and "users password carol" in told
    assert web(server, "bob", "his own") and web(server, "carol", "her own")
    assert not (kept / f"{server.name}-carol").exists(), "no file says what is untrue"
    (aside,) = (kept / "old").iterdir()
    assert aside.read_text().strip() == former and aside.stat().st_mode & 0o077 == 0
    assert "carol" not in run(0, 0)

    secrets[BOB] = "third"
    write_private(kept / f"{server.name}-carol", b"by the operator\n")
    run(0, 1)
    assert web(server, "bob", "third") and web(server, "carol", "by the operator")

    secrets[BOB] = "fourth"  # changed on both sides
    change_there(server, "bob", "third", "his own again")
    assert "users password bob" in run(1, 0)
    assert web(server, "bob", "his own again")
    assert users(site, "password", "bob", "-y").status == 0
    assert web(server, "bob", "fourth")
    run(0, 0)
    output = "\n".join(path.read_text() for path in (site.operator.state / "users").iterdir())
    assert not {each for each in ("first", "third", "fourth") if each in output}


@pytest.mark.long
def test_accounts_are_listed_made_disabled_and_their_passwords_set(new_site: Site) -> None:
    site, server = new_site, new_site.add_running("direct", users=["bob"])
    kept = site.operator.state / "passwords"
    assert site.operator.run().status == 0

    assert users(site, "add", "dave", "--name", "Dave D").status == 0
    password = site.password(server, "dave")
    assert users(site, "add", "dave").status == 1
    assert users(site, "disable", "nobody").status == 1
    session = web(server, "dave", password)
    assert users(site, "disable", "bob").status == 0 and users(site, "disable", "dave").status == 0
    assert session and session.ask("/api/user/info") != 0
    assert not web(server, "dave", password)
    told = site.operator.run()
    assert (told.status, told.changed) == (0, 0), told.output
    assert "users enable bob" in told.output
    plain = ("--data", "users_action=enable", "--data", "users_account=dave", "-y")
    assert site.operator.run("deploys/users.py", *plain).status == 0
    assert web(server, "dave", password) and not site.can_log_in(server, "bob")
    assert users(site, "password", "bob", "-y").status == 0
    assert not site.can_log_in(server, "bob"), "another password enables nobody"
    listed = users(site, "list")
    assert listed.status == 0
    (row,) = [line for line in listed.output.splitlines() if "Dave D" in line]
    assert "users add" in row and f"{server.name}-dave" in row and password not in listed.output

    # The administrator's: lost, set again; changed there, told, given; changed here.
    (kept / f"{server.name}-admin").unlink()
    lost = site.operator.run()
    assert lost.status == 1 and "users password admin" in lost.output, lost.output
    assert users(site, "list").status == 0
    assert users(site, "password", "admin", "-y").status == 0
    assert web(server, "admin", site.password(server, "admin"))
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output
    change_there(server, "admin", site.password(server, "admin"), "the panel's")
    assert "users password admin" in site.operator.run().output
    site.operator.secrets[ADMIN] = "the panel's"
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output
    assert not (kept / f"{server.name}-admin").exists()
    site.operator.secrets[ADMIN] = "another"
    assert site.operator.run().status == 0
    assert web(server, "admin", "another")
