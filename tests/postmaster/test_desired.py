"""Which records a site needs."""

from __future__ import annotations

from dataclasses import replace

from keys import dkim as keys
from postmaster.desired import BEFORE_MX, MX_STAGE, KeyRecord, clashes, desired
from postmaster.outbound import SigningKey
from postmaster.settings import Site
from tests.postmaster.test_settings import KNOWN as PROVIDERS
from tests.postmaster.test_settings import HostData, parse_site, site, zone

NOT_OFFERED = ("submission", "pop3s", "pop3", "imap")
KEY = keys.public_key(keys.read(keys.make(1024)))


def key_of(signing: SigningKey) -> tuple[KeyRecord, ...]:
    return (KeyRecord(signing.selector, KEY),)


def lines(found: Site, name: str) -> set[str]:
    every = desired(found, name, key_of).claims
    return {f"{claim.key} {value}" for claim in every for value in claim.values}


def test_one_domain_needs_these_records_and_no_others() -> None:
    assert lines(site(outbound="direct"), "example.com") == {
        "mail.example.com/A 8.8.8.8",
        "smtp.example.com/A 8.8.8.8",
        "imap.example.com/A 8.8.8.8",
        "pop.example.com/A 8.8.8.8",
        "autoconfig.example.com/A 8.8.8.8",
        "example.com/A 8.8.8.8",
        "example.com/MX 10 smtp.example.com.",
        'example.com/TXT "v=spf1 ip4:8.8.8.8 ~all"',
        'smtp.example.com/TXT "v=spf1 ip4:8.8.8.8 ~all"',
        f'default._domainkey.example.com/TXT "v=DKIM1; k=rsa; p={KEY.data}"',
        '_dmarc.example.com/TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.com"',
        "_submissions._tcp.example.com/SRV 0 1 465 smtp.example.com.",
        "_imaps._tcp.example.com/SRV 0 1 993 imap.example.com.",
        *(f"_{name}._tcp.example.com/SRV 0 0 0 ." for name in NOT_OFFERED),
    }


def test_only_mx_waits_for_the_server() -> None:
    found = desired(site(), "example.com", key_of)
    assert {claim.key.rtype for claim in found.stage(MX_STAGE)} == {"MX"}
    assert "MX" not in {claim.key.rtype for claim in found.stage(BEFORE_MX)}


def test_a_second_domain_in_its_own_zone_points_at_the_primarys_mail_host() -> None:
    domains = ["example.com", "other.org"]
    both = site(zone("example.com"), zone("other.org"), domains=domains, outbound="direct")
    found = lines(both, "other.org")
    assert "other.org/MX 10 smtp.example.com." in found
    assert not any("_domainkey" in line or line.startswith("smtp.") for line in found)


def test_with_the_relay_every_domain_has_a_key_record_of_its_own() -> None:
    both = site(zone("example.com"), zone("other.org"), domains=["example.com", "other.org"])
    for domain in ("example.com", "other.org"):
        keys_of = [line for line in lines(both, domain) if "_domainkey" in line]
        assert [line.partition("/")[0] for line in keys_of] == [f"pm202611a._domainkey.{domain}"]


def test_who_sends_for_us_is_included_in_spf() -> None:
    found = lines(site(spf_include=["spf.provider.example"]), "example.com")
    record = 'example.com/TXT "v=spf1 ip4:8.8.8.8 include:spf.provider.example ~all"'
    assert record in found


def test_ipv6_is_published_only_when_it_is_set() -> None:
    found = lines(site(ipv6="2001:4860:4860::8888"), "example.com")
    assert "smtp.example.com/AAAA 2001:4860:4860::8888" in found
    assert 'example.com/TXT "v=spf1 ip4:8.8.8.8 ip6:2001:4860:4860::8888 ~all"' in found


def test_reports_to_another_domain_of_ours_are_wanted_there() -> None:
    domains = ["example.com", "other.org"]
    both = site(zone("example.com"), zone("other.org"), domains=domains, dmarc_rua="d@other.org")
    consent = 'example.com._report._dmarc.other.org/TXT "v=DMARC1;"'
    assert consent in lines(both, "other.org")
    assert not any("._report._dmarc." in line for line in lines(both, "example.com"))
    elsewhere = site(dmarc_rua="d@reports.test")
    assert not any("._report._dmarc." in line for line in lines(elsewhere, "example.com"))
    below = site(dmarc_rua="d@in.example.com")
    assert not any("._report._dmarc." in line for line in lines(below, "example.com"))


def test_caa_comes_on_request_only() -> None:
    assert not any("/CAA" in line for line in lines(site(), "example.com"))
    assert 'example.com/CAA 0 issue "letsencrypt.org"' in lines(
        site(caa=["letsencrypt.org"]), "example.com"
    )


def test_a_key_that_is_not_made_yet_is_told() -> None:
    found = desired(site(), "example.com", lambda signing: (KeyRecord(signing.selector, None),))
    assert [missing.owner for missing in found.missing_keys] == ["pm202611a._domainkey.example.com"]


def test_two_servers_that_want_one_name_differently_clash() -> None:
    servers = [
        HostData("8.8.8.8", {"domains": ["example.com"]}),
        HostData("8.8.4.4", {"domains": ["second.example.com"]}),
    ]
    found = parse_site(servers, [zone("example.com")], PROVIDERS, lambda domain: "pm202611a")
    first, second = found.servers
    taken = replace(second, web_host=first.web_host)
    assert [str(clash.key) for clash in clashes(Site((first, taken), found.zones))] == [
        "mail.example.com/A"
    ]
