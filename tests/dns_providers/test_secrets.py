"""Where a zone's secret is, what may be wrong with it, and that nothing ever shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dns_providers.adapters.cloudflare import CloudflareProvider
from dns_providers.adapters.powerdns import PowerDnsProvider
from dns_providers.base import AuthError, Provider, ProviderError
from dns_providers.octodns.packages import PACKAGES
from dns_providers.registry import PROVIDERS, BadOptions, open_provider, option_problems, spec_of
from dns_providers.rrset import owner_name
from dns_providers.spec import secret

ZONE = "example.com"
TOKEN = "v1-2ab37bd6C1D94e3bb0d1"
POWERDNS = {"powerdns_url": "https://ns1.example.com:8081", "powerdns_key_env": "PDNS_KEY"}
CLOUDFLARE = {"cloudflare_token_env": "CF_TOKEN"}
HETZNER = {"octodns_provider": "hetzner"}


def ids(slug: str, options: dict[str, str], environ: dict[str, str]) -> list[str]:
    found = option_problems(slug, options, environ)
    assert not any(TOKEN in str(each) for each in found), found
    return [each.id for each in found]


def test_every_secret_of_every_provider_has_a_kind_that_is_checked() -> None:
    """A secret that is named by an option of another kind would be read unchecked."""
    for slug in PROVIDERS:
        for option in spec_of(slug).options:
            if option.name.endswith("_env"):
                assert option.kind == "env", option
            if any(word in option.name for word in ("secret_file", "token_file", "key_file")):
                assert option.kind == "secret_file", option


@pytest.mark.parametrize(
    ("slug", "options"),
    [
        (slug, {option.name: TOKEN})
        for slug in PROVIDERS
        for option in spec_of(slug).options
        if option.kind in ("env", "secret_file")
    ],
    ids=str,
)
@pytest.mark.parametrize("opening", [True, False])
def test_a_token_where_a_variable_s_name_belongs_is_recognised_and_shown_nowhere(
    slug: str, options: dict[str, str], opening: bool
) -> None:
    found = option_problems(slug, options, {}, opening=opening)
    recognised = {each.id for each in found} & {"secret.no_name", "secret.no_path"}
    assert bool(recognised) is opening
    assert TOKEN not in " ".join(str(each) for each in found)
    # Nor by whoever opens it all the same, or has it in a message of its own.
    assert TOKEN not in str(ProviderError("dns.error.http_unreachable", url=TOKEN, reason=TOKEN))
    with pytest.raises(BadOptions) as error:
        open_provider(slug, ZONE, options, {})
    assert TOKEN not in str(error.value)


def test_a_token_among_the_variables_of_octodns_is_recognised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dns_providers.octodns.packages.installed", lambda package: True)
    options = {**HETZNER, "octodns_variables": f"token={TOKEN}"}
    assert ids("octodns", options, {}) == ["secret.no_name"]
    assert ids("octodns", HETZNER, {"HCLOUD_TOKEN": f"{TOKEN}\n{TOKEN}"}) == ["secret.lines"]
    assert ids("octodns", HETZNER, {"HCLOUD_TOKEN": TOKEN}) == []


def test_a_variable_s_name_of_any_form_is_none_where_it_is_set() -> None:
    options = {"cloudflare_token_env": "Cf7token"}
    assert ids("cloudflare", options, {"Cf7token": TOKEN}) == []
    assert ids("cloudflare", options, {}) == ["secret.no_name"]
    assert ids("cloudflare", CLOUDFLARE, {}) == ["dns.option.no_variable"]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (f"{TOKEN}\n{TOKEN}", "secret.lines"),
        (f"Bearer {TOKEN}", "secret.blanks"),
        (f"{TOKEN}\x1b[A", "secret.unprintable"),
        (f"{TOKEN}é", "secret.unprintable"),
        (" ", "secret.empty"),
    ],
)
def test_a_secret_is_checked_where_it_is_read(value: str, problem: str, tmp_path: Path) -> None:
    assert ids("cloudflare", CLOUDFLARE, {"CF_TOKEN": value}) == [problem]
    path = tmp_path / "token"
    path.write_text(value)
    assert ids("cloudflare", {"cloudflare_token_file": str(path)}, {}) == [problem]
    for options in (CLOUDFLARE, {"cloudflare_token_file": str(path)}):
        with pytest.raises(AuthError) as error:
            secret(options, {"CF_TOKEN": value}, "cloudflare_token")
        assert error.value.words.id == problem and TOKEN not in str(error.value)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://ns1.example.com:8081", None),
        ("http://127.0.0.1:8081", None),
        ("http://127.9.9.9", None),
        ("http://[::1]:8081", None),
        ("http://localhost:8081", None),
        ("http://ns1.example.com:8081", "secret.no_https"),
        ("http://192.0.2.1:8081", "secret.no_https"),
        ("HTTP://192.0.2.1:8081", "secret.no_https"),
        ("http://localhost.example.com", "secret.no_https"),
        ("http://127.0.0.1.example.com", "secret.no_https"),
        (f"https://admin:{TOKEN}@ns1.example.com", "secret.in_url"),
        (f"https://{TOKEN}@ns1.example.com", "secret.in_url"),
        (f"http://127.0.0.1:{TOKEN}@ns1.example.com", "secret.in_url"),
        ("ftp://ns1.example.com", "dns.option.url"),
        ("ns1.example.com", "dns.option.url"),
        ("https://", "dns.option.url"),
        ("https://ns1.example.com:99999", "dns.option.url"),
        ("https://ns1.example.com/\x1b[2J", "dns.option.url"),
        ("https://[::1", "dns.option.url"),
    ],
)
def test_a_secret_goes_by_https_or_stays_on_this_machine(url: str, problem: str | None) -> None:
    options = {**POWERDNS, "powerdns_url": url}
    assert ids("powerdns", options, {"PDNS_KEY": "AAAA1111"}) == ([problem] if problem else [])


def powerdns(key: str) -> Provider:
    return PowerDnsProvider(owner_name(ZONE), f"http://admin:{TOKEN}@127.0.0.1:1", key)


def cloudflare(key: str) -> Provider:
    return CloudflareProvider(owner_name(ZONE), key, "id", url="http://127.0.0.1:1", retries=0)


def octodns(key: str) -> Provider:
    pytest.importorskip("octodns_hetzner")
    from dns_providers.octodns.bridge import OctoDnsProvider

    return OctoDnsProvider(owner_name(ZONE), PACKAGES["hetzner"], {"token": key})


@pytest.mark.parametrize("opened", [powerdns, cloudflare, octodns])
@pytest.mark.parametrize("key", [f"{TOKEN}\n{TOKEN}", f"{TOKEN}\x1b", TOKEN])
def test_no_error_of_a_library_shows_a_secret(
    opened: Callable[[str], Provider], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries repeat a header that they refuse."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(ProviderError) as error:
        opened(key).read(frozenset({owner_name(ZONE)}))
    assert TOKEN not in f"{error.value} {error.value.words} {error.value!r}"
