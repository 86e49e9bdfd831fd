"""`pmail-deploy dns plan` in a zone of somebody's: what stops the run, and what is not written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dns_providers.base import Change
from dns_providers.publishing.ledger import Intent, Ledger, LedgerState
from dns_providers.rrset import CAA, MX, SRV, TXT, Address, RRset, Target, owner_name, rrset
from ground.words import text
from tests import warm
from tests.dns_providers.zone_server import ZONE, ZoneServer, serving
from tests.this_machine import apart
from tests.warm import Program

ADDRESS = "127.0.0.78"
# The inventory is Python: it moves DNS to a port that needs no root, in the run's own process.
INVENTORY = f"""
from dns_providers.publishing.propagation import Network
from probes.world.dns import Resolvers

Network.__init__.__defaults__ = (PORT, *Network.__init__.__defaults__[1:])
Resolvers.__init__.__defaults__ = (PORT, *Resolvers.__init__.__defaults__[1:])
mail_servers = [("@local", {{
    "ipv4": "203.0.113.10", "allow_private_address": True, "domains": ["{ZONE}"], "users": [],
    "resolvers": ["{ADDRESS}"],
}})]
zones = [("@zone/{ZONE}", {{
    "dns_provider": "manual", "manual_resolvers": "{ADDRESS}", "dns_replace": ["_dmark.{ZONE}/TXT"],
}})]
"""
HOST = f"smtp.{ZONE}"
OTHER = Address("192.0.2.7")


@pytest.fixture
def zone() -> Iterator[tuple[int, ZoneServer]]:
    with serving(ADDRESS) as (port, (server,)):
        yield port, server


def planned(
    folder: Path, zone: tuple[int, ZoneServer], *there: RRset, pyinfra: str = ""
) -> tuple[int, str]:
    """Exit status and output of a plan, in the zone with these records.

    pyinfra: the deploy's own words, to run it without pmail-deploy.
    """
    port, server = zone
    server.put(*there)
    inventory = folder / "inventory.py"
    inventory.write_text(apart(folder, INVENTORY.replace("PORT", str(port))))
    places = {"PMAIL_STATE": str(folder / "state"), "PMAIL_KEYS": str(folder / "keys")}
    words = ("dns", "plan", "-i", str(inventory))
    environment = {**os.environ, **places, "PMAIL_LANG": "en"}
    if not pyinfra:
        return warm.run(Program.PMAIL_DEPLOY, words, environment, timeout=240)
    words = (str(inventory), "deploys/dns.py", "--dry", "--data", pyinfra)
    return warm.run(Program.PYINFRA, words, environment, timeout=240)


def test_a_certificate_that_cannot_come_is_told_with_the_line_to_add(
    tmp_path: Path, zone: tuple[int, ZoneServer]
) -> None:
    theirs = rrset(ZONE, "CAA", 60, CAA(0, "issue", b"digicert.com"))
    status, output = planned(tmp_path, zone, theirs)
    assert status == 1, output
    assert f'{ZONE}. CAA 0 issue "letsencrypt.org"' in output and text("caa.stops") in output
    assert f"  + {HOST} 3600 IN A" in output and text("dns.stops") not in output


@pytest.mark.parametrize("pyinfra", ["", "dns_action=plan"])
def test_a_conflict_that_stops_the_run_ends_the_plan_with_1_and_marks_all_that_waits(
    tmp_path: Path, zone: tuple[int, ZoneServer], pyinfra: str
) -> None:
    status, output = planned(tmp_path, zone, rrset(HOST, "A", 60, OTHER), pyinfra=pyinfra)
    assert status == 1, output
    assert text("dns.stops") in output and "192.0.2.7" in output
    coming = [line for line in output.splitlines() if f"{ZONE} 3600 IN" in line and "+ " in line]
    assert any("IN MX" in line for line in coming)
    assert all("(not written) + " in line for line in coming)
    assert f"_dmark.{ZONE}/TXT" in output


def test_a_zone_with_a_life_of_its_own_is_planned_without_a_conflict(
    tmp_path: Path, zone: tuple[int, ZoneServer]
) -> None:
    vendor = f"{ZONE.partition('.')[0]}.vendor.{ZONE}"
    there = (
        rrset(ZONE, "A", 60, OTHER),
        rrset(ZONE, "MX", 60, MX(5, owner_name(HOST)), MX(20, owner_name("mx.backup.example"))),
        rrset(f"_dmarc.{ZONE}", "CNAME", 60, Target(owner_name(vendor))),
        rrset(vendor, "TXT", 60, TXT(b"v=DMARC1; p=reject")),
    )
    status, output = planned(tmp_path, zone, *there)
    assert status == 0, output
    assert "p=reject" in output and "20 mx.backup.example." in output
    assert "! " not in output and f"+ {HOST} 3600 IN A" in output
    assert not [each for each in output.splitlines() if f"+ {ZONE} " in each and " A " in each]


def test_a_conflict_that_the_run_goes_on_without_is_marked_so(
    tmp_path: Path, zone: tuple[int, ZoneServer]
) -> None:
    theirs = SRV(0, 1, 993, owner_name("imap.provider.example"))
    status, output = planned(tmp_path, zone, rrset(f"_imaps._tcp.{ZONE}", "SRV", 60, theirs))
    assert status == 0, output
    assert text("dns.goes_on") in output and text("dns.stops") not in output
    assert f"(not written) + _submissions._tcp.{ZONE}" in output
    assert f"  + {HOST} 3600 IN A" in output


def test_putting_back_an_spf_record_tells_whose_mail_would_not_pass(
    tmp_path: Path, zone: tuple[int, ZoneServer]
) -> None:
    before, now = (
        rrset(ZONE, "TXT", 60, TXT(b"v=spf1 %b-all" % ours)) for ours in (b"", b"ip4:203.0.113.10 ")
    )
    intent = Intent(Change(before, now, "spf"), None)
    backup = Ledger(tmp_path / "state", ZONE).intend(LedgerState(pending=(intent,)))
    status, output = planned(tmp_path, zone, now, pyinfra=f"undo={backup}")
    assert status == 0, output
    told = text("dns.spf.undone", key=f"{ZONE}/TXT", senders="203.0.113.10")
    assert told in output and f'- {ZONE} 60 IN TXT "v=spf1 ip4' in output
