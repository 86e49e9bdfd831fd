"""The registry: every provider's file is found, and only what a zone needs of them is loaded."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tencentcloud.dnspod.v20210323 import errorcodes

from dns_providers import adapters
from dns_providers.adapters import dnspod
from dns_providers.registry import PROVIDERS, asked_for, open_provider, option_names, spec_of

# What a deploy imports before it reads its inventory; then one child for each provider that a zone
# may have: what its spec loads, and what is loaded when it is open.
PROBE = """
import json, os, sys
import deploys.run.site, deploys.zones.steps
from dns_providers.registry import open_provider, option_problems, PROVIDERS

given = json.loads(sys.argv[1])
for slug in ("", *PROVIDERS):
    if os.fork() == 0:
        before = set(sys.modules)
        if slug:
            option_problems(slug, given[slug], {"SECRET": "AAAA", "HCLOUD_TOKEN": "x"})
        spec = sorted(set(sys.modules) - before)
        if slug not in ("", "octodns"):
            assert open_provider(slug, "example.com", given[slug], {"SECRET": "AAAA"}).slug == slug
        print(json.dumps([slug, sorted(before), spec, sorted(set(sys.modules) - before)]))
        sys.stdout.flush()
        os._exit(0)
    os.wait()
"""
OURS = "dns_providers"


Loaded = list[tuple[str, list[str], list[str], list[str]]]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """For each provider: the modules before it came up, and what its spec and it loaded."""
    zone = tmp_path_factory.mktemp("zone") / "example.com.zone"
    zone.touch()
    given = {slug: dict.fromkeys(asked_for(slug), "SECRET") for slug in PROVIDERS}
    given["octodns"] = {"octodns_provider": "hetzner"}
    given["powerdns"]["powerdns_url"] = "https://ns1.example.com:8081"
    given["zonefile"] = {"zone_file": str(zone)}
    command = [sys.executable, "-c", PROBE, json.dumps(given)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [tuple(json.loads(line)) for line in shown.splitlines()]


def adapters_in(modules: list[str]) -> set[str]:
    return {name.split(".")[2] for name in modules if name.startswith(f"{adapters.__name__}.")}


def libraries(modules: list[str]) -> set[str]:
    return {name.split(".")[0] for name in modules} - sys.stdlib_module_names - {OURS}


def test_a_deploy_loads_the_adapters_of_its_zones_and_no_others(loaded: Loaded) -> None:
    assert [slug for slug, *_ in loaded] == ["", *PROVIDERS]
    for slug, before, spec, opened in loaded:
        assert adapters_in(before) == set(), slug
        assert adapters_in(spec) == adapters_in(opened) == ({slug} - {""}), slug


def test_a_provider_s_sdk_is_loaded_by_the_first_call_and_not_to_read_options(
    loaded: Loaded,
) -> None:
    for slug, before, _, opened in loaded:
        assert libraries(opened) - libraries(before) == set(), slug
        assert not libraries(before) & {
            "boto3",
            "botocore",
            "cloudflare",
            "octodns",
            "tencentcloud",
        }


@pytest.mark.parametrize("slug", PROVIDERS)
def test_every_option_that_must_be_given_is_one_of_the_provider_s(slug: str) -> None:
    assert set(asked_for(slug)) <= option_names(slug)
    assert {name for group in spec_of(slug).one_of for name in group} <= option_names(slug)


def test_a_provider_that_is_none_is_no_module_either() -> None:
    with pytest.raises(KeyError):
        spec_of("by_hand")
    with pytest.raises(KeyError):
        open_provider("../route53", "example.com", {}, {})


def test_the_codes_that_dnspod_is_known_by_are_the_sdk_s() -> None:
    sets = (
        dnspod._BAD_KEY,
        dnspod._NO_RIGHT,
        dnspod._THROTTLED,
        dnspod._NO_ZONE,
        dnspod._STALE,
        dnspod._FAILED,
    )
    known = {code for name, code in vars(errorcodes).items() if name.isupper()}
    assert {code for each in sets for code in each} - known == {"InvalidCredential"}
