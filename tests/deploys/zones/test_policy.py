"""The least rights that are printed are enough for what we write, and for nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploys.zones.policy_steps import policy_of
from ground.words import text
from postmaster.desired import desired
from postmaster.leaving import with_leaving
from postmaster.settings import Site
from tests.postmaster.ledgers import published
from tests.postmaster.test_desired import key_of
from tests.postmaster.test_settings import site

NAMES = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
TYPES = "route53:ChangeResourceRecordSetsRecordTypes"


def at(provider: str, *options: tuple[str, str], **settings: object) -> Site:
    found = site(**settings)
    zones = tuple(replace(zone, provider=provider, options=options) for zone in found.zones)
    return replace(found, zones=zones)


@pytest.fixture(autouse=True)
def no_keys(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("PMAIL_KEYS", str(tmp_path / "keys"))


def test_a_route53_policy_names_what_a_zone_will_hold_and_keys_to_come() -> None:
    found = at("route53", ("route53_zone_id", "Z123"))
    made = policy_of(found, found.zone("example.com"), read_only=False)
    assert made
    (write,) = [each for each in made["Statement"] if "Condition" in each]
    assert write["Resource"] == "arn:aws:route53:::hostedzone/Z123"
    conditions = {k: v for part in write["Condition"].values() for k, v in part.items()}
    wanted = desired(found, "example.com", key_of).claims
    assert {claim.key.rtype for claim in wanted} == set(conditions[TYPES])
    assert "smtp.example.com" in conditions[NAMES]
    assert "*._domainkey.example.com" in conditions[NAMES]
    assert not any("acme" in name for name in conditions[NAMES])


def test_what_leaves_may_be_taken_out() -> None:
    found = at("route53", ipv6="2001:4860:4860::8888", web_host="old.example.com")
    left = with_leaving(at("route53"), published(found), 0)
    made = policy_of(left, left.zone("example.com"), read_only=False)
    assert "old.example.com" in str(made) and "AAAA" in str(made)


def test_challenges_are_allowed_where_certificates_come_by_dns() -> None:
    found = at("route53", tls="acme-dns", acme_email="a@example.com")
    made = policy_of(found, found.zone("example.com"), read_only=False)
    assert "_acme-challenge.smtp.example.com" in str(made)


def test_records_of_an_account_that_is_not_known_yet_are_allowed() -> None:
    found = at("route53", caa_account=True)
    made = policy_of(found, found.zone("example.com"), read_only=False)
    (write,) = [each for each in made["Statement"] if "Condition" in each]
    conditions = {k: v for part in write["Condition"].values() for k, v in part.items()}
    assert "CAA" in conditions[TYPES]


def test_a_policy_for_a_dry_run_allows_no_change() -> None:
    for provider in ("route53", "alidns"):
        found = at(provider)
        made = str(policy_of(found, found.zone("example.com"), read_only=True))
        assert "Describe" in made or "List" in made
        assert not any(word in made for word in ("Change", "Add", "Update", "Delete"))


def test_other_providers_say_in_words_what_is_needed() -> None:
    found = at("cloudflare")
    made = policy_of(found, found.zone("example.com"), read_only=False)
    assert made == text("policy.cloudflare", zone="example.com")
