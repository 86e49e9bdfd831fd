"""Both READMEs list every setting with its default."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from dns_providers.registry import PROVIDERS, option_problems, spec_of
from postmaster.settings_table import SERVER_SETTINGS, ZONE_SETTINGS
from tests.languages import documents

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| `(\w+)` \| (?:`(.*?)`|–) \| (.+) \|$", re.MULTILINE)


@pytest.mark.parametrize("name", documents("README"))
def test_the_table_of_settings_is_complete_and_true(name: str) -> None:
    listed = {row[1]: row[2] or "" for row in ROW.finditer((ROOT / name).read_text())}
    declared = {each.name: each.default for each in (*SERVER_SETTINGS, *ZONE_SETTINGS)}
    declared |= {each.name: each.default for slug in PROVIDERS for each in spec_of(slug).options}
    settings = {key: value for key, value in listed.items() if not key.startswith("PMAIL_")}
    assert settings == declared


@pytest.mark.parametrize("name", documents("README"))
def test_every_dns_provider_has_its_row(name: str) -> None:
    rows = re.findall(r"^\| (\w+) \|.+\|.+\|.+\|.+\|$", (ROOT / name).read_text(), re.MULTILINE)
    assert set(PROVIDERS) <= set(rows)


def test_the_example_shows_every_dns_provider_in_few_lines_that_are_enough() -> None:
    shown = {
        data["dns_provider"]: data
        for name, data in runpy.run_path(str(ROOT / "inventories" / "example.py")).items()
        if name.startswith("_") and isinstance(data, dict) and "dns_provider" in data
    }
    assert set(shown) == set(PROVIDERS)
    for slug, data in shown.items():
        options = {name: value for name, value in data.items() if name != "dns_provider"}
        variables = {value: "x" for name, value in options.items() if name.endswith("_env")}
        found = option_problems(slug, options, {**variables, "HCLOUD_TOKEN": "x"}, opening=False)
        assert [each for each in found if each.id != "dns.option.no_file"] == [], slug
    text = (ROOT / "inventories" / "example.py").read_text()
    for block in re.findall(r"^_\w+ = \{.*?\n(.*?)^\}", text, re.MULTILINE | re.DOTALL):
        assert len(block.splitlines()) <= 4, block


@pytest.mark.parametrize("name", documents("README"))
def test_the_commands_of_the_readme_exist(name: str) -> None:
    text = (ROOT / name).read_text()
    files = set(re.findall(r"(?:scripts|deploys|inventories)/\w+(?:\.py)?", text))
    assert {file for file in files if not (ROOT / file).exists()} == set()
