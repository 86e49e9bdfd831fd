"""State and keys that are lost come back from host and DNS; nothing in DNS changes by it."""

from __future__ import annotations

import json
import shutil

import pytest

from deploys.host import pmail_layout as layout
from keys.journal import Journal
from tests.lab.operator import Run
from tests.lab_tests.conftest import TWO_DOMAINS
from tests.lab_tests.rotation import rotate
from tests.lab_tests.site import Site, submit

pytestmark = pytest.mark.lab


def recover(site: Site, *options: str) -> Run:
    """Recover; the zone stays as it is."""
    before = site.records("example.test")
    done = site.operator.pmail_deploy("recover", "-y", *options)
    assert "Traceback" not in done.output and site.records("example.test") == before
    return done


def nothing_to_do(site: Site) -> None:
    """The next deploy says so."""
    done = site.operator.run()
    assert (done.status, done.changed) == (0, 0), done.output


@pytest.mark.more
def test_all_of_it_comes_back_and_the_next_deploy_has_nothing_to_do(new_site: Site) -> None:
    site, server = new_site, new_site.add_running("relay", *TWO_DOMAINS, users=["bob"])
    operator = site.operator
    assert operator.run().status == 0  # the mailbox
    former = operator.folder / "former"
    former.mkdir()
    for each in (operator.state, operator.keys):
        shutil.move(each, former / each.name)
    tree = site.tree(server)
    refused = operator.run()
    assert refused.status == 1 and "recover" in refused.output, refused.output
    dry = operator.run("deploys/recover.py", "--dry")
    assert dry.status == 0 and site.tree(server) == tree and not operator.keys.exists()

    done = recover(site, "--new-admin-password")
    assert done.status == 0, done.output
    assert "bob" in str(operator.outcome["waiting"]), "his password is told to be lost"
    nothing_to_do(site)
    ledger = "ledger/example.test.json"
    assert json.loads((operator.state / ledger).read_text()) == json.loads(
        (former / "state" / ledger).read_text()
    )
    assert submit(site, server, "someone@recv.test").dkim == "pass"
    assert recover(site).status == 0

    # The former state is the older one now; recover brings that up to date as well.
    for each in (operator.state, operator.keys):
        shutil.rmtree(each)
        shutil.move(former / each.name, each)
    refused = operator.run()
    assert refused.status == 1 and "recover" in refused.output, refused.output
    assert recover(site).status == 0
    waiting = str(operator.outcome["waiting"])
    assert "the password of admin" in waiting, "the one in the older state is not the server's"
    assert recover(site, "--new-admin-password").status == 0
    nothing_to_do(site)

    # Files that are cut are kept aside, and made anew.
    for name in ("site.json", ledger):
        path = operator.state / name
        path.write_bytes(path.read_bytes()[:20])
    assert recover(site).status == 0
    nothing_to_do(site)
    assert len(list(operator.state.rglob("*.damaged-*"))) >= 2


@pytest.mark.long
def test_a_host_that_has_lost_what_it_remembers_or_was_put_back_is_taken_as_it_is(
    new_site: Site,
) -> None:
    site, server = new_site, new_site.add_running("relay")
    operator, host = site.operator, server.host
    assert operator.run().status == 0
    earlier = "/root/manifest.json"
    host.run(f"cp -p {layout.MANIFEST} {earlier}; rm {layout.MANIFEST}", check=True)
    refused = operator.run()
    assert refused.status == 1 and "is gone from this host" in refused.output, refused.output
    assert recover(site).status == 0
    nothing_to_do(site)

    host.run(f"cp -p {earlier} {layout.MANIFEST}", check=True)
    refused = operator.run()
    assert refused.status == 1 and "put back to an earlier day" in refused.output, refused.output
    assert recover(site).status == 0
    nothing_to_do(site)
    host.run(f"cp -p {earlier} {layout.MANIFEST}", check=True)
    done = operator.run("deploy.py", "-y", "--data", "keep_database=vps10")
    assert done.status == 0, done.output
    nothing_to_do(site)


@pytest.mark.long
def test_a_rotation_goes_on_where_its_state_was_lost(new_site: Site) -> None:
    site, server = new_site, new_site.add_running("relay", *TWO_DOMAINS)
    operator = site.operator
    assert operator.run().status == 0
    assert rotate(site).status == 0
    assert operator.run().status == 0
    going = Journal(operator.state).load("example.test")
    assert going is not None and going.switched
    passwords = operator.folder / "passwords"
    shutil.move(operator.state / "passwords", passwords)
    shutil.rmtree(operator.state)
    shutil.rmtree(operator.keys)
    done = recover(site)
    assert done.status == 0, done.output
    shutil.move(passwords, operator.state / "passwords")
    back = Journal(operator.state).load("example.test")
    assert back is not None and (back.new, back.step) == (going.new, going.step)
    nothing_to_do(site)
    assert submit(site, server, "someone@recv.test").dkim == "pass"
