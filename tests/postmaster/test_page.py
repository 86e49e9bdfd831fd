"""The report as a page: all in one file, in both languages, and nothing of others is obeyed."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ground.words import LANGUAGES, catalogue
from postmaster.checks.results import Status
from postmaster.checks.selection import Selection
from postmaster.report.html import page
from postmaster.report.json import to_record, with_past
from postmaster.report.kept import Changes, Kept, Said, Texts, read
from postmaster.report.model import Report
from postmaster.report.receivers import Verdict
from probes.world.dmarc import DmarcSite
from probes.world.dns import Answer, Outcome
from tests.postmaster.full_view import NOW, found, good, server, with_domain, with_port
from tests.postmaster.full_view import certificate as certificate_of
from tests.postmaster.test_report import faulty

TAGS = {"en": "en", "zh": "zh-CN"}
HOSTILE = (
    "</span></style></script><script>document.title='hacked'</script><img src=x "
    "onerror=\"document.title='hacked'\"><!-- {{ 7 * 7 }} {% raw %} javascript:alert(1) '\"&amp;"
)
_VOID = {"meta", "input", "rect", "br", "img", "link"}


def kept(report: Report, before: Kept | None = None) -> Kept:
    return read(with_past(to_record(report), before))


def world() -> Report:
    """One of each status."""
    seen = with_domain(good(server()), "other.org", dmarc_site=_mute())
    seen = with_port(seen, 993, certificate=certificate_of(days=5))
    results = {(r.rule.id, str(r.subject)): r for r in found(seen)}
    failed = [r for r in faulty().results if r.status is Status.FAIL]
    results |= {(r.rule.id, str(r.subject)): r for r in failed}
    return Report("mail.example.com", NOW, tuple(results.values()))


def _mute() -> DmarcSite:
    return DmarcSite("other.org", Answer("_dmarc.other.org", "TXT", Outcome.TIMEOUT))


class Page(HTMLParser):
    """A page, read strictly: what is opened is closed. Texts stand with the tags they are in."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict[str, str]]] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[tuple[str, ...], str, str | None]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        given = {name: value or "" for name, value in attrs}
        assert len(given) == len(attrs), "an attribute stands twice"
        self.tags.append((tag, given))
        if tag not in _VOID:
            self.open.append((tag, given))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element of SVG that has nothing in it."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """An element ends: the one that began last."""
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        """A text."""
        langs = [given["lang"] for tag, given in self.open if tag != "html" and "lang" in given]
        self.texts.append((tuple(tag for tag, _ in self.open), data, langs[-1] if langs else None))

    def text(self, lang: str | None = None) -> str:
        """What a reader of one language sees, or both."""
        shown = (
            data
            for tags, data, of in self.texts
            if not {"style", "script"} & set(tags) and (lang is None or of in (None, TAGS[lang]))
        )
        return re.sub(r"\s+", " ", "".join(shown))

    def content(self, tag: str) -> str:
        """What stands in a style or script."""
        return "".join(data for tags, data, _ in self.texts if tag in tags)


def parsed(*reports: Kept) -> Page:
    return Page(page(reports))


def hostile(report: Kept) -> Kept:
    """A report in which everything that others may have written is."""
    bad = Texts((HOSTILE,) * len(LANGUAGES))
    findings = tuple(
        replace(
            each,
            subject=f"{number} {HOSTILE}",
            why=bad,
            title=bad,
            remedy=bad if each.remedy else None,
            expected=HOSTILE if each.remedy else None,
            exact=(("record", HOSTILE[:40]), ("host", HOSTILE)),
            observed=(HOSTILE,),
            required_by=(HOSTILE,),
            refs=(HOSTILE,),
        )
        for number, each in enumerate(report.findings)
    )
    return replace(
        report,
        server=HOSTILE,
        only=(HOSTILE,),
        skip=(HOSTILE,),
        tool=HOSTILE,
        receivers=(Said(HOSTILE, Verdict.REFUSES, (HOSTILE,), (HOSTILE,)),),
        changes=Changes(NOW, (HOSTILE,), (HOSTILE,), 1),
        findings=findings,
    )


# -- nothing from elsewhere --------------------------------------------------------------------

_LOADING = frozenset(
    {*("src", "href", "srcset", "action", "data", "poster", "background", "cite", "xlink:href")}
)


def test_the_page_names_nothing_outside_itself() -> None:
    shown = parsed(kept(world()))
    ids = {given["id"] for _, given in shown.tags if "id" in given}
    for tag, given in shown.tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form", "video"}
        assert not any(name.startswith("on") or name == "style" for name in given), tag
        for name in _LOADING & given.keys():
            assert given[name].startswith("#") and given[name][1:] in ids, given
    css, js = shown.content("style"), shown.content("script")
    assert "url(" not in css and "@import" not in css and "http" not in css
    assert not re.search(
        r"https?:|fetch|XMLHttpRequest|import\(|eval|innerHTML|document\.write", js
    )


def test_its_policy_lets_a_browser_run_our_own_style_and_script_alone() -> None:
    shown = parsed(kept(world()))
    policies = [
        given["content"]
        for tag, given in shown.tags
        if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy"
    ]
    (policy,) = policies
    parts = dict(each.strip().split(" ", 1) for each in policy.split(";"))
    assert parts.pop("default-src") == "'none'"
    for name, tag in (("style-src", "style"), ("script-src", "script")):
        digest = hashlib.sha256(shown.content(tag).encode()).digest()
        assert parts.pop(name) == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert set(parts.values()) == {"'none'"}
    names = [tag for tag, _ in shown.tags]
    first = next(i for i, (_, given) in enumerate(shown.tags) if "http-equiv" in given)
    assert first < names.index("style") and names.count("script") == names.count("style") == 1


def test_no_text_of_others_becomes_a_part_of_the_page() -> None:
    report = replace(kept(world()), receivers=kept(world()).receivers[:1])
    benign = hostile(report)
    shown, plain = parsed(benign), parsed(_with_text(benign, "plain"))
    # Ids and links are made of names; all else of the page is the same, whatever the texts are.
    assert Counter(tag for tag, _ in shown.tags) == Counter(tag for tag, _ in plain.tags)
    assert shown.content("script") == plain.content("script")
    assert shown.content("style") == plain.content("style")
    assert HOSTILE in shown.text()
    for _, given in shown.tags:
        assert not any(name.startswith("on") for name in given)
        assert re.fullmatch(r"[\w-]*", given.get("id", ""))


def _with_text(report: Kept, text: str) -> Kept:
    """The hostile report, and the texts are as harmless as they can be."""

    def swapped(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace(HOSTILE, text * 40).replace(HOSTILE[:40], text * 8)
        if isinstance(value, Texts):
            return Texts(swapped(value.each))
        if isinstance(value, tuple):
            return tuple(map(swapped, value))
        if isinstance(value, Said):
            return replace(value, title=swapped(value.title), replies=swapped(value.replies))
        return value

    names = ("subject", "why", "title", "remedy", "expected", "observed", "required_by", "refs")
    findings = tuple(
        replace(
            each,
            exact=(("host", text * 40),),
            **{name: swapped(getattr(each, name)) for name in names},
        )
        for each in report.findings
    )
    return replace(report, findings=findings, server=text)


# -- languages ---------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_is_whole_in_each_language(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    report = kept(world())
    shown = parsed(report).text(lang)
    for each in report.findings:
        for said in (each.title, each.why, each.remedy):
            assert said is None or re.sub(r"\s+", " ", said.in_(lang)) in shown
    texts = catalogue(lang)
    for name in ("page.receivers", "page.passed", "page.whole.fail", "page.remedy"):
        assert texts[name] in shown
    (other,) = set(LANGUAGES) - {lang}
    assert catalogue(other)["page.receivers"] not in shown
    monkeypatch.setenv("PMAIL_LANG", lang)
    chosen = parsed(report)
    assert dict(chosen.tags)["html"]["lang"] == TAGS[lang]
    checked = [given["id"] for tag, given in chosen.tags if tag == "input" and "checked" in given]
    assert checked == [f"in-{lang}"]


def test_the_language_is_changed_without_a_script() -> None:
    shown = parsed(kept(world()))
    css = re.sub(r"\s+", " ", shown.content("style"))
    ids = {given["id"] for tag, given in shown.tags if tag == "input"}
    labels = {given["for"] for tag, given in shown.tags if tag == "label"}
    assert ids == labels == {"in-en", "in-zh"}
    for one, tag in (("en", "zh-CN"), ("zh", "en")):
        assert f'#in-{one}:checked ~ .page [lang="{tag}"]' in css


def test_what_is_different_in_no_language_stands_once() -> None:
    report = kept(world())
    same = Texts(("only once here",) * len(LANGUAGES))
    first = replace(report.findings[0], why=same)
    assert page([replace(report, findings=(first,))]).count("only once here") == 1


# -- what is on it -----------------------------------------------------------------------------


def test_failures_come_first_and_what_passed_is_folded() -> None:
    report = kept(world())
    shown = parsed(report)
    kinds = [
        given["class"].split()[1]
        for tag, given in shown.tags
        if tag == "div" and given.get("class", "").startswith("finding ")
    ]
    order = ["fail", "unknown", "warn"]
    assert kinds == sorted(kinds, key=order.index) and set(kinds) == set(order)
    folded = [given for tag, given in shown.tags if tag == "details" and "others" in given["class"]]
    assert [given["class"] for given in folded] == ["others pass", "others skip"]
    assert all("open" not in given for given in folded)
    html = page([report])
    assert html.index('class="finding ') < html.index('class="others pass"')


def test_a_remedy_has_its_exact_values_apart_to_be_copied() -> None:
    shown = parsed(kept(world()))
    codes = {data for tags, data, _ in shown.texts if tags[-1:] == ("code",)}
    assert {"_dmarc.example.com", "smtp.example.com"} <= codes
    assert "v=DMARC1; p=none; rua=mailto:dmarc@example.com" in codes
    text = shown.text("en")
    assert 'publish: _dmarc.example.com TXT "v=DMARC1; p=none; rua=' in text
    buttons = [given for tag, given in shown.tags if tag == "button"]
    remedies = [given for tag, given in shown.tags if given.get("class") == "remedy"]
    assert len(buttons) == len(remedies) > 0


def test_a_value_is_not_marked_within_another_word() -> None:
    report = kept(world())
    said = Texts(("smtp.example.com.au and smtp.example.com.", "请用smtp.example.com。"))
    one = replace(report.findings[0], remedy=said, exact=(("host", "smtp.example.com"),))
    shown = parsed(replace(report, findings=(replace(one, status=Status.FAIL),)))
    codes = [data for tags, data, _ in shown.texts if tags[-1:] == ("code",)]
    assert codes == ["smtp.example.com"] * 2


def test_what_is_new_and_the_history_are_shown() -> None:
    clean = kept(Report("mail.example.com", NOW - timedelta(days=1), found(good(server()))))
    first = parsed(clean)
    assert not [tag for tag, _ in first.tags if tag == "svg"]
    shown = parsed(kept(world(), clean))
    news = [given for tag, given in shown.tags if given.get("class") == "word new"]
    assert len(news) == 1 + len([r for r in world().results if r.status in ("fail", "warn")]) + 1
    groups = [tag for tag, _ in shown.tags if tag == "g"]
    assert len(groups) == 2
    assert "2026-11-24 00:00: 0 fail, 0 unknown, 0 warn" in shown.text()
    bars = [given for tag, given in shown.tags if tag == "rect" and given["class"] != "ground"]
    assert all(0 <= float(given["y"]) <= 34 for given in bars)
    assert all(float(given["y"]) + float(given["height"]) <= 34.1 for given in bars)


def test_receivers_lead_to_the_findings_that_they_are_about() -> None:
    shown = parsed(kept(world()))
    links = [given["href"] for tag, given in shown.tags if tag == "a"]
    assert "#mail_example_com-DMARC-01" in links
    assert "550 DMARC check failed" in shown.text()


def test_servers_are_in_one_page_with_a_list_before_them() -> None:
    other = replace(kept(Report("b", NOW, found(good(server())))), server="a.example.com")
    shown = parsed(kept(world()), other)
    heads = [data for tags, data, _ in shown.texts if tags[-1:] == ("h1",)]
    assert heads == ["a.example.com", "mail.example.com"]
    ids = [given["id"] for _, given in shown.tags if "id" in given]
    assert len(ids) == len(set(ids)) and "nav" in {tag for tag, _ in shown.tags}
    assert parsed().tags  # nothing was checked: a page all the same


def test_a_report_on_some_rules_says_so() -> None:
    some = Selection.of(["MX"], ["TLS"])
    report = replace(world(), selection=some, results=some.of_results(world().results))
    shown = parsed(kept(report))
    assert catalogue("en")["page.some_rules"] in shown.text("en")
    assert catalogue("en")["page.receivers"] not in shown.text("en")


def test_a_report_without_problems_says_so() -> None:
    shown = parsed(kept(Report("vps", NOW, found(good(server())))))
    assert not [given for _, given in shown.tags if given.get("class") == "problems"]
    assert catalogue("zh")["page.whole.pass"] in shown.text("zh")


# -- in a browser ------------------------------------------------------------------------------

CHROMIUM = shutil.which("chromium")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_browser_runs_our_script_and_nothing_of_others(
    lang: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PMAIL_LANG", lang)
    path = tmp_path / "report.html"
    path.write_text(page([hostile(kept(world())), kept(world())]))
    command = [
        *(str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"),
        *(f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", path.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    root = re.search("<html[^>]*>", done.stdout)
    assert root and f'lang="{TAGS[lang]}"' in root[0] and 'class="scripted"' in root[0]
    title = re.search("<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title and title[1].startswith("&lt;/span&gt;")
    for word in ("Refused to", "Content Security Policy", "Uncaught"):
        assert word not in done.stderr, done.stderr
