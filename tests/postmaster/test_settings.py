"""The inventory is validated as a whole: every mistake is told, and told at once."""

from __future__ import annotations

from typing import Any

import pytest

from dns_providers.registry import PROVIDERS, option_names, option_problems
from postmaster.parse import HostData, Providers, SettingsError, parse_site
from postmaster.settings import Site, User

ENVIRON = {"PMAIL_TSIG": "c2VjcmV0"}
KNOWN = Providers(
    frozenset(PROVIDERS),
    option_names,
    lambda slug, options: option_problems(slug, options, ENVIRON),
)


def SELECTOR(domain: str) -> str:
    return "pm202611a"


DNS = {
    "dns_provider": "rfc2136",
    "dns_server": "ns1.example.com",
    "dns_key_name": "update",
    "dns_key_secret_env": "PMAIL_TSIG",
}


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMAIL_LANG", "en")


def zone(name: str, **data: Any) -> HostData:
    return HostData(f"@zone/{name}", {**DNS, "zone": name, **data})


def site(*zones: HostData, **data: Any) -> Site:
    server = HostData("8.8.8.8", {"domains": ["example.com"], **data})
    return parse_site([server], zones or (zone("example.com"),), KNOWN, SELECTOR)


def reasons(*zones: HostData, **data: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as error:
        site(*zones, **data)
    return error.value.reasons


def test_defaults_come_from_the_primary_domain_and_the_address() -> None:
    (server,) = site().servers
    assert (server.ipv4, server.web_host) == ("8.8.8.8", "mail.example.com")
    assert server.mail_host == "smtp.example.com"
    assert server.certificate_names == (
        *("mail.example.com", "smtp.example.com", "imap.example.com", "pop.example.com"),
    )


def test_a_unicode_domain_becomes_a_labels() -> None:
    found = site(zone("例子.com"), domains=["例子.com"])
    assert found.servers[0].primary == "xn--fsqu00a.com" == found.zones[0].name


def test_an_unknown_setting_is_told_with_the_nearest_right_one() -> None:
    (reason,) = reasons(spam_filter_levle=2)
    assert "spam_filter_levle" in reason and "spam_filter_level?" in reason


def test_what_pyinfra_itself_understands_is_no_mistake() -> None:
    assert site(ssh_user="root", ssh_hostname="8.8.8.8", _sudo=True)


def test_all_mistakes_are_told_at_once() -> None:
    bad_zone = zone("example.com", dns_key_secret_env="NOT_SET", dns_port="x")
    found = reasons(
        bad_zone,
        domains=["other.org", "co.uk"],
        users=["Bob!", "bob", "bob"],
        ipv4="10.0.0.1",
        log_level="debug",
        open_ports=[25],
        tls="files",
        tsl="x",
    )
    text = "\n".join(found)
    for word in ("NOT_SET", "dns_port", "co.uk", "Bob!", "debug", "tsl"):
        assert word in text, word


@pytest.mark.parametrize("address", ["10.0.0.1", "203.0.113.10", "127.0.0.1", "100.64.0.1"])
def test_an_address_that_is_not_public_is_refused_unless_allowed(address: str) -> None:
    assert address in reasons(ipv4=address)[0]
    assert site(ipv4=address, allow_private_address=True)


def test_a_domain_under_no_zone_is_refused() -> None:
    assert "example.org" in reasons(domains=["example.com", "example.org"])[0]


def test_a_domain_on_two_servers_is_refused() -> None:
    servers = [
        HostData(name, {"domains": domains, "ipv4": name})
        for name, domains in (
            ("8.8.8.8", ["example.com"]),
            ("8.8.4.4", ["second.example.com", "example.com"]),
        )
    ]
    with pytest.raises(SettingsError) as error:
        parse_site(servers, [zone("example.com")], KNOWN, SELECTOR)
    assert any("example.com is on two servers" in each for each in error.value.reasons)


def test_the_longest_zone_holds_a_domain() -> None:
    found = site(zone("example.com"), zone("sub.example.com"), domains=["a.sub.example.com"])
    assert found.servers[0].domains[0].zone == "sub.example.com"


def test_a_secret_is_named_and_its_variable_must_be_set() -> None:
    (reason,) = reasons(zone("example.com", dns_key_secret_env="NOT_SET"))
    assert "NOT_SET" in reason


def test_two_users_with_one_variable_for_their_passwords_are_refused() -> None:
    (reason,) = reasons(users=["a-b", "a.b", "ab"])
    assert "a-b, a.b" in reason and "PMAIL_USER_PASSWORD_A_B" in reason


def two(first: str, second: str, **data: Any) -> tuple[str, ...]:
    """What is wrong with two servers of these names, the second with more data."""
    servers = [
        HostData(first, {"domains": ["example.com"], "ipv4": "8.8.8.8", "users": ["b-c"]}),
        HostData(second, {"domains": ["second.test"], "ipv4": "8.8.4.4", **data}),
    ]
    try:
        parse_site(servers, [zone("example.com"), zone("second.test")], KNOWN, SELECTOR)
    except SettingsError as error:
        return error.reasons
    return ()


def test_two_accounts_with_one_password_file_are_refused() -> None:
    assert two("a", "b", users=["b-c"]) == ()
    (reason,) = two("a", "a-b", users=["c"])
    assert "b-c (a), c (a-b)" in reason and "a-b-c" in reason


def test_two_servers_with_one_name_for_their_files_are_refused() -> None:
    assert any("@x/a, @x_a" in reason for reason in two("@x/a", "@x_a"))


def test_accounts_of_providers_with_one_password_are_refused() -> None:
    first = {"host": "smtp.provider.test", "user": "one", "password_env": "PROVIDER"}
    second = {**first, "user": "two"}

    def given(other: dict[str, str]) -> dict[str, Any]:
        smarthosts = {"smarthost": first, "smarthosts": {"example.com": other}}
        return {"outbound": "smarthost", **smarthosts}

    (reason,) = reasons(**given(second))
    assert "one (smtp.provider.test), two (smtp.provider.test)" in reason and "PROVIDER" in reason
    assert site(**given(first)) and site(**given({**second, "password_env": "OTHER"}))


def test_users_are_names_or_name_and_account() -> None:
    (server,) = site(users=["bob", {"account": "alice", "name": "Alice"}]).servers
    assert server.users == (User("bob", "bob"), User("alice", "Alice"))


def test_a_selector_that_the_outbound_mode_cannot_use_is_refused() -> None:
    assert "default" in reasons(dkim_selector="pm202611a", outbound="direct")[0]


def test_no_servers_and_no_zones_are_mistakes() -> None:
    with pytest.raises(SettingsError) as error:
        parse_site([], [], KNOWN, SELECTOR)
    assert len(error.value.reasons) == 2


def test_a_smarthost_needs_its_mode_its_user_and_one_source_of_the_password() -> None:
    account = {"host": "smtp.provider.example", "user": "u", "password_env": "P"}
    (server,) = site(outbound="smarthost", smarthost=account).servers
    (smarthost,) = server.relay.smarthosts
    assert (smarthost.port, smarthost.tls) == (465, "implicit")
    assert "smarthost" in reasons(outbound="smarthost")[0]
    assert "smarthost" in reasons(smarthost=account)[0]
    both = {**account, "password_file": "/x"}
    assert "password" in reasons(outbound="smarthost", smarthost=both)[0]


def test_rates_are_of_known_groups_and_only_for_the_relay() -> None:
    (server,) = site(rates={"qq": {"delay": 20}}).servers
    assert [(rate.group, rate.name, rate.value) for rate in server.relay.rates] == [
        ("qq", "delay", 20)
    ]
    assert "gmial" in reasons(rates={"gmial": {"delay": 1}})[0]
    assert "rates" in reasons(rates={"qq": {"delay": 1}}, outbound="direct")[0]


@pytest.mark.parametrize("name", ["co.uk", "com.cn", "中国"])
def test_a_public_suffix_is_no_zone(name: str) -> None:
    found = "\n".join(reasons(zone("example.com"), zone(name)))
    assert name in found


def test_the_longest_zone_that_a_domain_ends_in_holds_it_in_whatever_letters() -> None:
    zones = (zone("example.co.uk"), zone("mail.example.co.uk"), zone("bücher.example"))
    domains = ["a.mail.example.co.uk", "newmail.example.co.uk", "Bücher.example"]
    (server,) = site(*zones, domains=domains).servers
    assert [(each.name, each.zone) for each in server.domains] == [
        ("a.mail.example.co.uk", "mail.example.co.uk"),
        ("newmail.example.co.uk", "example.co.uk"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ]


def test_a_key_record_stays_for_at_least_as_long_as_a_message_may_wait() -> None:
    two_days = 2 * 86400
    for days, retry in ((1, two_days), (0, 60), (2, two_days + 1)):
        (told,) = reasons(dkim_keep_days=days, retry_for=retry, delay_notice=0)
        assert "dkim_keep_days" in told and str(retry) in told
    assert site(dkim_keep_days=2, retry_for=two_days).servers
    # Without a queue of its own a server has nothing that waits.
    assert site(outbound="direct", dkim_keep_days=0).servers
