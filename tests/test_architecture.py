"""docs/architecture.md, in both languages, shows the code as it is."""

from __future__ import annotations

import re

import pytest

from tests.languages import documents
from tests.rooms import ROOT, arrows_of, drawing, files, reduced, sources

DOCS = documents("docs/architecture")
FENCE = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A file or a folder of ours, from the root; NAME and XX stand for what is going to be there.
PATH = re.compile(r"[\w.-]+(?:/[\w.*-]+)*/(?:[\w.-]+\.\w+)?|[\w.-]+(?:/[\w.-]+)*\.(?:py|md|toml)")


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def exists(path: str) -> bool:
    """Whether a path from the root is there, or a file of that name in some room."""
    return (ROOT / path).exists() or path in {each.name for each in files()}


@pytest.mark.parametrize("name", DOCS)
def test_the_drawing_of_rooms_is_the_code_s(name: str) -> None:
    shown = FENCE.findall(text(name))[0]
    assert shown == drawing(arrows_of(sources())), "python -m tests.rooms prints it as it is"


@pytest.mark.parametrize("name", DOCS)
def test_every_path_that_is_named_exists(name: str) -> None:
    named = {path for code in re.findall(r"`([^`\n]+)`", text(name)) for path in PATH.findall(code)}
    nodes = {label for drawn in FENCE.findall(text(name))[1:] for label in PATH.findall(drawn)}
    fixed = {each for each in named | nodes if not re.search(r"NAME|XX", each)}
    assert len(fixed) > 30
    assert {each for each in fixed if not exists(each)} == set()


@pytest.mark.parametrize("name", DOCS[1:])
def test_every_language_names_the_same_paths(name: str) -> None:
    assert without_languages(DOCS[0]) == without_languages(name)


def without_languages(name: str) -> list[str]:
    return sorted(re.sub(r"\.[a-z]+-[A-Z]+", "", each) for each in set(PATH.findall(text(name))))


def test_only_arrows_that_no_other_way_replaces_are_drawn() -> None:
    arrows = {("deploys", "deploys/run"), ("deploys/run", "ground"), ("deploys", "ground")}
    assert reduced(arrows) == {("deploys", "deploys/run"), ("deploys/run", "ground")}
