"""A run with a zone by hand, as its user sees it: pyinfra, a name server, a user."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dns_providers.publishing.ledger import Ledger
from dns_providers.rrset import TXT, RRKey, key, rrset
from tests import warm
from tests.dns_providers.zone_server import ZONE, ZoneServer, serving
from tests.this_machine import apart
from tests.warm import Program

ADDRESS = "127.0.0.77"
# The inventory is Python: it moves DNS to a port that needs no root, in the run's own process.
INVENTORY = f"""
from dns_providers.publishing.propagation import Network
from probes.world.dns import Resolvers

for each in (Network, Resolvers):
    each.__init__.__defaults__ = (PORT, *each.__init__.__defaults__[1:])
mail_servers = [("@local", {{
    "ipv4": "203.0.113.10", "allow_private_address": True, "domains": ["{ZONE}"], "users": [],
    "resolvers": ["{ADDRESS}"],
}})]
zones = [("@zone/{ZONE}", {{
    "dns_provider": "manual", "manual_panel": "godaddy", "manual_resolvers": "{ADDRESS}",
}})]
"""
DMARC = key(f"_dmarc.{ZONE}", "TXT")
# What the owner has there refuses our address, by a record that has to be looked up.
OTHERS = f"-include:_spf.{ZONE} -all"
TOKEN = TXT(b"token=1")


ASKED, TOLD = "Nothing is written by us", "Enter it without quotes"


@contextmanager
def user_at_the_panel(server: ZoneServer, folder: Path) -> Iterator[None]:
    """Enters what the run waits for; a DMARC record first with quotes, right once it is told."""
    ledger, output = Ledger(folder / "state", ZONE), folder / "output"
    ended = threading.Event()
    wrong: set[RRKey] = set()

    def enter() -> None:
        while not ended.wait(0.2):
            if not output.exists() or ASKED not in output.read_text():
                continue  # nobody has asked for anything yet
            for intent in ledger.load().pending:
                after = intent.change.after
                if after is None or server.rrsets.get(after.key) == after:
                    continue
                if after.key == DMARC and not wrong:
                    wrong.add(after.key)
                    quoted = (TXT(b'"%s"' % v.data) for v in after.values if isinstance(v, TXT))
                    server.put(replace(after, values=frozenset(quoted)))
                    continue
                if after.key != DMARC or TOLD in output.read_text():
                    server.put(after)

    thread = threading.Thread(target=enter)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def run(folder: Path, port: int) -> tuple[int, str]:
    inventory = apart(folder, INVENTORY.replace("PORT", str(port)))
    (folder / "inventory.py").write_text(inventory)
    places = {"PMAIL_STATE": str(folder / "state"), "PMAIL_KEYS": str(folder / "keys")}
    with (folder / "output").open("w") as output:
        files = (0, output.fileno(), output.fileno())
        words = (str(folder / "inventory.py"), "deploys/dns.py", "-y")
        environment = {**os.environ, **places, "PMAIL_LANG": "en"}
        status = warm.run_with(files, Program.PYINFRA, words, environment, timeout=600)
    return status, (folder / "output").read_text()


@pytest.mark.slow
def test_a_run_shows_the_table_waits_and_the_next_one_changes_nothing(tmp_path: Path) -> None:
    with serving(ADDRESS) as (port, (server,)):
        server.put(rrset(f"_spf.{ZONE}", "TXT", 60, TXT(b"v=spf1 ip4:203.0.113.0/24 -all")))
        server.put(rrset(ZONE, "TXT", 60, TOKEN, TXT(f"v=spf1 {OTHERS}".encode())))
        with user_at_the_panel(server, tmp_path):
            status, output = run(tmp_path, port)
        assert status == 0, output
        merged = TXT(f"v=spf1 ip4:203.0.113.10 {OTHERS}".encode())
        assert server.rrsets[key(ZONE, "TXT")].values == {TOKEN, merged}
        assert "service: _imaps  protocol: _tcp" in output and ASKED in output
        assert TOLD in output
        status, output = run(tmp_path, port)
        assert status == 0 and ASKED not in output
        assert Ledger(tmp_path / "state", ZONE).load().proven.keys() >= {DMARC}
