"""Both READMEs list every setting with its default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dns_providers.registry import PROVIDERS
from postmaster.settings_table import SERVER_SETTINGS, ZONE_SETTINGS

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| `(\w+)` \| (?:`(.*?)`|–) \| (.+) \|$", re.MULTILINE)


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_table_of_settings_is_complete_and_true(name: str) -> None:
    listed = {row[1]: row[2] or "" for row in ROW.finditer((ROOT / name).read_text())}
    declared = {each.name: each.default for each in (*SERVER_SETTINGS, *ZONE_SETTINGS)}
    declared |= {each.name: each.default for spec in PROVIDERS.values() for each in spec.options}
    settings = {key: value for key, value in listed.items() if not key.startswith("PMAIL_")}
    assert settings == declared


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_commands_of_the_readme_exist(name: str) -> None:
    text = (ROOT / name).read_text()
    files = set(re.findall(r"(?:scripts|deploys|inventories)/\w+(?:\.py)?", text))
    assert {file for file in files if not (ROOT / file).exists()} == set()
