"""Every text is used, exists in every language with the same values, and is the user's language."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

from ground.errors import Told
from ground.words import LANGUAGES, Words, catalogue, declared, family, placeholders, text
from tests.languages import SCRIPTS
from tests.message_use import Call, Use, use_of

ROOT = Path(__file__).parent.parent
PACKAGES = ("ground", "dns_providers", "keys", "probes", "postmaster", "deploys")
FIRST, *OTHERS = LANGUAGES
AREAS = frozenset(key.partition(".")[0] for key in catalogue(FIRST))
# Names, units and values that are the same in every language.
SAME = frozenset(
    {
        "checks.rdns.names",
        "checks.host.no_login",
        "checks.prop.wrong",
        "checks.prop.problem",
        "flow.refused_on",
        "keys.plain",
        "panel.ttl",
        "preflight.root",
        "relay.password",
        "preflight.systemd",
        "preflight.os",
        "preflight.arch",
        "preflight.memory",
        "preflight.clock_alone.remedy",
        "rotation.name.steps",
        "rotation.problem",
        "settings.bad",
    }
)
# Values that are put in by whoever knows them: where a merge of SPF is refused, how to have ours.
LATER = {"dns.spf.": frozenset({"key"}), "dns.note.dmarc_": frozenset({"how"})}


@cache
def used() -> dict[str, Use]:
    """What each of our files does with messages, by its path."""
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    ours = (path for path in files if "messages" not in path.parts)
    return {str(path.relative_to(ROOT)): use_of(path.read_text(), AREAS) for path in ours}


@cache
def declared_by_all() -> frozenset[str]:
    """The families of all modules but those that pyinfra runs."""
    for package in PACKAGES:
        for module in walk_packages([str(ROOT / package)], f"{package}."):
            run = package == "deploys" and module.name.count(".") == 1 and not module.ispkg
            if not run and not module.name.endswith("__main__"):
                import_module(module.name)
    return declared()


def unknown(uses: dict[str, Use], texts: frozenset[str]) -> list[str]:
    """Return ids that no text has."""
    ids = ((f"{path}:{line}", id) for path, use in uses.items() for line, id in use.ids)
    return [f"{where} {id}" for where, id in ids if id not in texts]


def unused(uses: dict[str, Use], families: frozenset[str], texts: frozenset[str]) -> set[str]:
    """Return ids that nothing names."""
    return set(texts - families - {id for use in uses.values() for _, id in use.ids})


def wrong_values(call: Call) -> str:
    """Return what is wrong with the values of a call, if anything is."""
    wanted = placeholders(catalogue(FIRST)[call.id])
    later = next((names for head, names in LATER.items() if call.id.startswith(head)), frozenset())
    missing = frozenset() if call.more else wanted - call.names - later
    odd = call.names - wanted
    return f"{call.id}: lacks {sorted(missing)}, knows no {sorted(odd)}" if missing or odd else ""


def test_every_id_that_the_code_names_has_a_text() -> None:
    texts = frozenset(catalogue(FIRST))
    assert [*unknown(used(), texts), *sorted(declared_by_all() - texts)] == []


def test_every_text_is_used() -> None:
    assert unused(used(), declared_by_all(), frozenset(catalogue(FIRST))) == set()


def test_no_id_is_put_together() -> None:
    assert [f"{path}:{line}" for path, use in used().items() for line in use.built] == []


def test_texts_get_the_values_that_they_take() -> None:
    texts = catalogue(FIRST)
    calls = [(path, call) for path, use in used().items() for call in use.calls if call.id in texts]
    assert len(calls) > 300
    wrong = [(path, call.line, wrong_values(call)) for path, call in calls]
    assert [each for each in wrong if each[2]] == []


def test_no_english_sentence_stands_in_the_code() -> None:
    found = [(path, *each) for path, use in used().items() for each in use.english]
    assert found == []


@pytest.mark.parametrize("lang", OTHERS)
def test_every_language_has_the_same_texts_with_the_same_values(lang: str) -> None:
    first, other = catalogue(FIRST), catalogue(lang)
    assert first.keys() == other.keys()
    different = [key for key in first if placeholders(first[key]) != placeholders(other[key])]
    assert different == []


@pytest.mark.parametrize("lang", OTHERS)
def test_every_text_is_in_its_language(lang: str) -> None:
    texts = {
        key: template.format(**dict.fromkeys(placeholders(template), "0"))
        for key, template in catalogue(lang).items()
    }
    foreign = {key for key, shown in texts.items() if not SCRIPTS[lang].search(shown)}
    assert foreign == SAME


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_language_is_the_users(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMAIL_LANG", lang)
    assert text("flow.name.begin") == catalogue(lang)["flow.name.begin"]
    monkeypatch.delenv("PMAIL_LANG")
    monkeypatch.setenv("LC_ALL", f"{lang}_XX.UTF-8")
    assert text("flow.name.begin") == catalogue(lang)["flow.name.begin"]
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert text("flow.name.begin") == catalogue(FIRST)["flow.name.begin"]


def test_an_error_says_why_in_the_users_language(monkeypatch: pytest.MonkeyPatch) -> None:
    error = Told("rotation.busy", domain="example.test")
    for lang in LANGUAGES:
        monkeypatch.setenv("PMAIL_LANG", lang)
        assert str(error) == catalogue(lang)["rotation.busy"].format(domain="example.test")
        outer = Words.of("rotation.cut", host="one", reason=error)
        assert str(error) in str(outer)


# -- what these tests notice -------------------------------------------------------------------


def test_a_text_that_is_gone_and_one_that_nothing_uses_are_noticed() -> None:
    source = 'text("flow.begun")\nsay(Words.of("flow.gone"))\nhints = ("flow.tuple",)\n'
    uses = {"a.py": use_of(source, AREAS)}
    texts = frozenset({"flow.begun", "flow.tuple", "flow.spare", "flow.kin.one"})
    assert unknown(uses, texts) == ["a.py:2 flow.gone"]
    assert unused(uses, frozenset({"flow.kin.one"}), texts) == {"flow.spare"}


def test_documentation_uses_nothing() -> None:
    source = '"""flow.begun"""\ndef f():\n    """flow.ended"""\n    "flow.passed"\n'
    assert use_of(source, AREAS).ids == ()


@pytest.mark.parametrize(
    "source",
    [
        'text(f"flow.{name}")',
        'Words.of(f"{area}.begun")',
        'Told("flow." + name)',
        'x = f"flow.name.{kind}.body"',
        'TABLE = {1: "flow." + kind}',
    ],
)
def test_an_id_that_is_put_together_is_noticed(source: str) -> None:
    assert use_of(source, AREAS).built == (1,)


@pytest.mark.parametrize("source", ['f"flow of {mail}"', 'f"{a}.b"', 'f"https://{x}"', '"a" + b'])
def test_other_texts_are_no_ids_that_are_put_together(source: str) -> None:
    assert use_of(f"x = {source}", AREAS).built == ()


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ('text("rotation.busy", domain=1)', False),
        ('text("rotation.busy")', True),
        ('Told("rotation.busy", domain=1, host=2)', True),
        ('Words.of("rotation.busy" if x else "flow.begun", domain=1)', True),
        ('text("rotation.busy", **values)', False),
        ('text("rotation.busy", host=1, **values)', True),
        ('problem=Words.of("dns.spf.several", count=2)', False),
    ],
)
def test_wrong_values_are_noticed(source: str, wrong: bool) -> None:
    calls = use_of(source if "=Words" not in source else f"f({source})", AREAS).calls
    assert calls and any(map(wrong_values, calls)) is wrong


@pytest.mark.parametrize(
    ("source", "noticed"),
    [
        ('Told("rotation.cut", host=1, reason="the line was cut")', True),
        ('host.log(f"  the key of {name} is gone now")', True),
        ('raise OperationError("this cannot be done")', True),
        ('text("rotation.cut", reason=run("systemctl stop that unit"))', False),
        ('host.log(f"  {line}")', False),
    ],
)
def test_an_english_sentence_is_noticed(source: str, noticed: bool) -> None:
    assert bool(use_of(source, AREAS).english) is noticed


def test_a_family_declares_its_members() -> None:
    assert family("flow", ("begun", "ended")) == {"begun": "flow.begun", "ended": "flow.ended"}
    assert family("notice", ("delay",), "body") == {"delay": "notice.delay.body"}
    assert {"flow.begun", "notice.delay.body"} <= declared()


def test_no_text_on_a_key_record_advises_to_replace_it() -> None:
    """Receivers that know the former key would refuse what is signed with ours."""
    for language in LANGUAGES:
        texts = catalogue(language)
        about_keys = [each for each in texts if each.startswith(("keys.", "dns.conflict.key_"))]
        assert about_keys
        assert [each for each in about_keys if "dns_replace" in texts[each]] == []
