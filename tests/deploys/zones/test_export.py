"""Export and verification need no provider: real pyinfra runs without a secret, and what counts."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import dns.zone
import pytest

from deploys.verification.steps import expectations, published
from dns_providers.adapters.manual import ManualProvider
from dns_providers.publishing.claims import ClaimMode
from dns_providers.publishing.plan import Entry
from dns_providers.registry import BadOptions, open_provider
from dns_providers.rrset import owner_name
from postmaster.checks.seen import RecordView
from tests import warm
from tests.dns_providers.publishing.test_plan import FOREIGN, OURS, claim, spf_claim
from tests.this_machine import apart
from tests.warm import Program

INVENTORY = """
mail_servers = [("@local", {
    "ipv4": "8.8.8.8", "domains": ["example.com", "second.example"], "users": [],
})]
zones = [
    ("@zone/example.com", {"dns_provider": "cloudflare", "cloudflare_token_env": "NOT_SET"}),
    ("@zone/second.example", {"dns_provider": "manual", "manual_panel": "godaddy"}),
]
"""


@dataclass(frozen=True)
class Run:
    """One pyinfra run: its exit status, and what it wrote where."""

    status: int
    out: str
    log: str


def run(folder: Path, deploy: str, *options: str) -> Run:
    (folder / "inventory.py").write_text(apart(folder, INVENTORY))
    places = {"PMAIL_STATE": str(folder / "state"), "PMAIL_KEYS": str(folder / "keys")}
    words = (str(folder / "inventory.py"), deploy, *options)
    environment = {**os.environ, **places, "PMAIL_LANG": "en"}
    with (folder / "printed").open("w") as printed, (folder / "errors").open("w") as errors:
        files = (0, printed.fileno(), errors.fileno())
        status = warm.run_with(files, Program.PYINFRA, words, environment)
    return Run(status, (folder / "printed").read_text(), (folder / "errors").read_text())


EXPORT = "deploys/dns_export.py"


def test_standard_output_holds_nothing_but_the_records_of_all_zones(tmp_path: Path) -> None:
    done = run(tmp_path, EXPORT, "-y", "--data", "format=json")
    assert done.status == 0, done.log
    record = json.loads(done.out)
    assert [zone["zone"] for zone in record["zones"]] == ["example.com", "second.example"]
    assert [zone["panel"] for zone in record["zones"]] == ["generic", "godaddy"]
    for zone in record["zones"]:
        assert zone["records"][-1]["type"] == "MX"
        assert zone["missing_keys"] == []
        keys = [each for each in zone["records"] if "._domainkey." in each["owner"]]
        assert len(keys) == 1 and keys[0]["panel"][0]["value"].startswith("v=DKIM1; k=rsa; p=MII")


def test_a_dry_run_shows_what_there_is_and_makes_no_key(tmp_path: Path) -> None:
    done = run(tmp_path, EXPORT, "--dry", "--limit", "@zone/second.example")
    assert done.status == 0, done.log
    assert "Records of second.example (panel: godaddy)" in done.out
    assert "its DKIM key is not made yet" in done.out and "example.com/" not in done.out
    assert not list(tmp_path.glob("keys/**/*.key"))


def test_a_zone_file_goes_to_the_file_that_was_named(tmp_path: Path) -> None:
    output = tmp_path / "records.zone"
    options = ("--data", "format=zonefile", "--data", f"output={output}")
    done = run(tmp_path, EXPORT, "-y", *options)
    assert done.status == 0 and done.out == "", done.log
    zone, _, _ = output.read_text().partition("; second.example\n")
    head = "@ 60 IN SOA ns host 1 2 3 4 5\n@ 60 IN NS ns.example.net.\n"
    parsed = dns.zone.from_text(head + zone, "example.com", relativize=False)
    assert parsed.get_rdataset(owner_name("example.com"), "MX") is not None


# -- what counts as published --------------------------------------------------------------------

RIGHT, WRONG = RecordView(claim().key, 2), RecordView(claim().key, 0, ("ns1: has another value",))


def test_a_record_that_somebody_entered_counts_as_published() -> None:
    wanted = [claim()]
    (expected,) = expectations(wanted, {})
    assert expected.values == {OURS} and expected.mode is ClaimMode.EXCLUSIVE
    assert published(wanted, {}, [RIGHT]) == ((RIGHT,), ())


def test_a_record_that_nobody_entered_counts_as_unpublished() -> None:
    assert published([claim()], {}, [WRONG]) == ((), (claim(),))


def test_a_record_that_some_servers_show_is_shown_with_the_others() -> None:
    partly = RecordView(claim().key, 1, ("ns2: is not there yet",))
    assert published([claim()], {}, [partly]) == ((partly,), ())


def test_what_we_wrote_is_expected_as_we_wrote_it_and_shown_when_it_is_wrong() -> None:
    entries = {
        claim().key: Entry(
            claim().key, frozenset({FOREIGN}), 60, "written", "x", ClaimMode.EXCLUSIVE
        )
    }
    assert expectations([claim()], entries)[0].values == {FOREIGN}
    assert published([claim()], entries, [WRONG]) == ((WRONG,), ())


def test_somebodys_own_spf_record_is_left_to_the_checks_of_spf() -> None:
    wanted = spf_claim("203.0.113.10")
    other = RecordView(wanted.key, 0, ("ns1: has another value",))
    assert published([wanted], {}, [other]) == ((), ())


# -- the provider's options ------------------------------------------------------------------------


def test_a_manual_zone_needs_no_option_but_takes_resolvers_and_a_panel() -> None:
    options = {"manual_resolvers": "127.0.0.53 2001:db8::53", "manual_panel": "vultr"}
    provider = open_provider("manual", "example.test", options, {})
    assert isinstance(provider, ManualProvider)
    assert provider.network.resolvers == ("127.0.0.53", "2001:db8::53")
    assert provider.capabilities.by_hand and provider.capabilities.panel == "vultr"


@pytest.mark.parametrize(
    "options", [{"manual_resolvers": "dns.example"}, {"manual_panel": "geocities"}]
)
def test_wrong_options_of_a_manual_zone_are_told(options: dict[str, str]) -> None:
    with pytest.raises(BadOptions):
        open_provider("manual", "example.test", options, {})


def test_the_limits_of_the_panel_are_those_of_the_plan() -> None:
    options = {"manual_resolvers": "127.0.0.1", "manual_panel": "godaddy"}
    limits = open_provider("manual", "example.test", options, {}).capabilities
    assert (limits.min_ttl, limits.max_txt) == (600, 512)
