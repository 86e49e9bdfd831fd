"""A run that is refused has changed nothing at all: not with -y, not without, not with --dry."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ground.private_files import write_private
from keys.journal import Journal
from keys.rotation import KeyRef, Rules, Step, Strategy, after, begin
from tests.lab_tests.site import Site, converges

pytestmark = pytest.mark.lab
_OPTIONS: tuple[tuple[str, ...], ...] = (("-y",), (), ("--dry",))


def everything(site: Site) -> tuple[object, ...]:
    """What a run could change: hosts, zones, and what is kept here."""
    here = {
        str(path): path.read_bytes()
        for path in Path(site.operator.folder).rglob("*")
        if path.is_file() and path != site.operator.inventory
    }
    hosts = {server.name: site.tree(server) for server in site.servers}
    return hosts, site.records("example.test"), here


def refused(site: Site, *words: str, deploy: str = "deploy.py", data: tuple[str, ...] = ()) -> None:
    """Whatever the options: all words are said at once, and nothing is changed."""
    before = everything(site)
    for options in _OPTIONS:
        done = site.operator.run(deploy, *options, *data)
        assert done.status == 1, done.output
        for word in (*words, "Nothing was changed"):
            assert word in done.output, f"{options}: {word!r} is not in:\n{done.output}"
        assert "Ready:" not in done.output and "Traceback" not in done.output
        assert everything(site) == before, options


def test_what_others_have_on_the_host_and_missing_secrets_are_told_at_once(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test", smarthost=smarthost(), outbound="smarthost")
    server.data["pmail_sha256"] = "0" * 64
    theirs = "/etc/systemd/system/pmail.service"
    server.host.run(f"echo '[Unit]' > {theirs}; mkdir /etc/postfix; touch /etc/postfix/main.cf")
    server.host.run("echo '# a master.cf of their own' > /etc/postfix/master.cf")
    unreadable = str(site.operator.folder / "none.pem")
    server.data["tls_cert_file"], right = unreadable, server.data["tls_cert_file"]
    refused(
        site,
        *(theirs, "postfix is here already: a mail system", "SMARTHOST_PASSWORD"),
        *(unreadable, "wanted is " + "0" * 64),
    )
    del server.data["pmail_sha256"]
    server.data["tls_cert_file"] = right
    site.operator.secrets["SMARTHOST_PASSWORD"] = "s3cret"
    server.host.run(f"rm -r {theirs} /etc/postfix/main.cf")
    done = site.operator.run("deploy.py", "--dry")  # what a package left there is nobody's
    assert done.status == 0, done.output


def smarthost() -> dict[str, object]:
    """An account of which the password is not here."""
    return {
        "host": "smtp.provider.test",
        "port": 465,
        "user": "somebody",
        "password_env": "SMARTHOST_PASSWORD",
    }


def test_a_lost_password_and_a_rotation_in_the_way_are_told_before_anything_is_changed(
    new_site: Site,
) -> None:
    site, state = new_site, new_site.operator.state
    site.add_running("direct")
    kept = site.operator.folder / "kept"
    shutil.move(state / "passwords", kept)
    for deploy in ("deploy.py", "deploys/users.py"):
        refused(site, "PMAIL_ADMIN_PASSWORD", deploy=deploy)
    (password,) = kept.iterdir()
    write_private(state / "passwords" / password.name, b"wrong\n")
    # What is known of it before would tell that it is given anew, and it would be set.
    known = site.operator.folder / "known"
    shutil.move(state / "users", known)
    refused(site, "nobody knows which of them is the newer one", "users password admin")
    shutil.move(known, state / "users")
    shutil.rmtree(state / "passwords")
    shutil.move(kept, state / "passwords")

    rotation = begin(
        "example.test",
        Strategy.FIXED,
        KeyRef("default", "default"),
        KeyRef("default@202611", "default"),
        Rules(ttl=60, low_ttl=60, slack=30, keep=86400),
        1000.0,
    )
    while rotation.step is not Step.KEEP:
        if rotation.step is Step.PUBLISH:
            Journal(state).save(rotation)
            for deploy in ("deploy.py", "deploys/users.py", "deploys/tls.py"):
                refused(site, "mail of example.test is paused", deploy=deploy)
        rotation = after(rotation, 1000.0)
    Journal(state).save(rotation)
    refused(
        site,
        "too late to turn back",
        deploy="deploys/rotate_dkim.py",
        data=("--data", "rotate_action=abort", "--data", "rotate_domains=example.test"),
    )
    (path,) = (state / "rotation").glob("*.json")
    assert json.loads(path.read_text())["step"] == "keep"
    path.unlink()
    converges(site, *site.servers)


def test_a_user_who_cannot_become_root_is_told_so_by_every_verb(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test", sudo=True)
    server.host.run("rm /etc/sudoers.d/admin", check=True)
    refused(site, "we are not root on it, and sudo does not work (sudo: a password is required)")
    before = everything(site)[:2]
    for deploy, *data in (
        *(("verify.py",), ("queue.py",), ("preflight.py",), ("recover.py", "-y")),
        *(("users.py", "--data", "users_action=list"), ("tls.py", "-y"), ("dns.py", "-y")),
        ("rotate_dkim.py", "--data", "rotate_action=status"),
    ):
        done = site.operator.run(f"deploys/{deploy}", *data)
        assert done.status == 1 and "not root on it" in done.output, (deploy, done.output)
        assert "Traceback" not in done.output and everything(site)[:2] == before, done.output
