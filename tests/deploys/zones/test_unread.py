"""Key records of a server that cannot be asked stay as they are; all others are published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deploys.run.paths import key_store, state_dir
from deploys.zones import steps
from dns_providers.publishing.ledger import Ledger
from dns_providers.publishing.plan import Entry
from postmaster.desired import BEFORE_MX
from postmaster.parse import HostData, parse_site
from postmaster.settings import Site
from tests.postmaster.test_settings import KNOWN, SELECTOR, zone


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PMAIL_KEYS", str(tmp_path / "keys"))
    monkeypatch.setattr(steps.flow, "away", lambda names: tuple(n for n in names if n == "dead"))


def two_servers() -> Site:
    """Two servers with domains in one zone, whose keys are in the store."""
    servers = [
        HostData("alive", {"domains": ["example.com"], "ipv4": "8.8.8.8"}),
        HostData("dead", {"domains": ["b.example.com"], "ipv4": "8.8.4.4"}),
    ]
    site = parse_site(servers, (zone("example.com"),), KNOWN, SELECTOR)
    for server in site.servers:
        for domain, selector in server.selectors:
            key_store().create(domain, selector)
    return site


def test_only_keys_of_the_server_that_is_away_are_left_out_and_told_where_that_matters() -> None:
    site = two_servers()
    (there,) = site.zones
    groups = {each.group for each in steps._claims(site, there, BEFORE_MX)}
    assert "dkim:example.com" in groups and "dkim:b.example.com" not in groups
    assert {"addresses:b.example.com", "spf:b.example.com"} <= groups
    (line,) = steps._left_out(site, there)
    assert "b.example.com" in line and "dead" in line

    (claim,) = steps._unread_keys(site, there)
    entry = Entry(claim.key, claim.values, claim.ttl, "written", claim.group, claim.mode)
    ledger = Ledger(state_dir(), there.name)
    with ledger.locked():
        ledger.save(replace(ledger.load(), entries={entry.key: entry}))
    assert steps._left_out(site, there) == ()
