"""Every text exists in both languages, with the same values in it."""

from __future__ import annotations

import re
from pathlib import Path

from ground.words import catalogue, placeholders, text

ROOT = Path(__file__).parent.parent
AREAS = sorted({key.partition(".")[0] for key in catalogue("en")})
FAMILY = re.compile(r'family\(\s*"[^"]*"')  # what begins its ids
ID = re.compile(rf'"((?:{"|".join(AREAS)})\.[a-z0-9_]+(?:\.[a-z0-9_]+)*)"')


def test_both_languages_have_the_same_texts() -> None:
    assert catalogue("en").keys() == catalogue("zh").keys()


def test_both_languages_put_the_same_values_in() -> None:
    english, chinese = catalogue("en"), catalogue("zh")
    different = [key for key in english if placeholders(english[key]) != placeholders(chinese[key])]
    assert different == []


def test_every_text_that_the_code_names_exists() -> None:
    packages = ("dns_providers", "probes", "postmaster", "keys", "deploys")
    files = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    named = {found for path in files for found in ID.findall(FAMILY.sub("", path.read_text()))}
    assert len(named) > 200
    assert named - catalogue("en").keys() == set()


def test_the_language_is_the_users(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("PMAIL_LANG", "zh")
    assert text("flow.name.begin") == "开始"
    monkeypatch.delenv("PMAIL_LANG")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert text("flow.name.begin") == "开始"
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert text("flow.name.begin") == "Begin"
