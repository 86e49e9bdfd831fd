"""A sentence is said in any language, with the sentences that are in it."""

from __future__ import annotations

import copy
import pickle

import pytest

from ground.errors import Told
from ground.words import LANGUAGES, Words, catalogue, lines, say, say_in, text


@pytest.fixture(autouse=True)
def in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMAIL_LANG", "zh")


def inner(lang: str) -> str:
    return catalogue(lang)["rotation.busy"].format(domain="a.test")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_sentence_in_a_sentence_is_in_its_language(lang: str) -> None:
    outer = catalogue(lang)["rotation.cut"]
    busy = Words.of("rotation.busy", domain="a.test")
    for value in (busy, say(busy), str(busy), Told("rotation.busy", domain="a.test")):
        said = Words.of("rotation.cut", host="one", reason=value)
        assert say_in(lang, said) == outer.format(host="one", reason=inner(lang))
        deeper = Words.of("rotation.cut", host="two", reason=say(said))
        assert say_in(lang, deeper) == outer.format(host="two", reason=say_in(lang, said))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_lines_of_sentences_are_in_its_language(lang: str) -> None:
    several = lines((Words.of("rotation.busy", domain="a.test"), "as it is"), "- ")
    said = say_in(lang, Words.of("rotation.cut", host="one", reason=several))
    assert f"- {inner(lang)}\n- as it is" in said


def test_what_is_said_is_the_same_in_the_users_language() -> None:
    words = Words.of("rotation.cut", host="one", reason=text("rotation.busy", domain="a.test"))
    assert say_in("zh", words) == say(words)


def test_what_was_said_can_be_copied() -> None:
    said = text("rotation.busy", domain="a.test")
    for same in (copy.deepcopy(said), pickle.loads(pickle.dumps(said))):
        assert same == said
        assert inner("en") in say_in("en", Words.of("rotation.cut", host="one", reason=same))
