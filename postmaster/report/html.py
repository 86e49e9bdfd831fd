"""Reports as one HTML page that needs nothing else: for a browser, a phone, and other people."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from ground.words import LANGUAGES, catalogue, family, language
from postmaster.checks.results import Status
from postmaster.report.kept import PROBLEMS, Earlier, Finding, Kept, Said, Texts
from postmaster.report.receivers import VERDICTS, Verdict

_TAGS = {"en": "en", "zh": "zh-CN"}  # BCP 47
_NAMES = (
    *("title", "all_in_it", "servers", "made", "took", "exit", "some_rules", "only", "left_out"),
    *("changes", "new", "gone", "unchanged", "history", "receivers", "receivers_note"),
    *("remedy", "copy", "copied", "expected", "observed", "asked_by", "source"),
    *("passed", "skipped", "zone", "host", "type"),
)
_IDS = family("page", _NAMES)
_STATUSES = family("page.status", Status)
_WHOLE = family("page.whole", Status)
_SHORTEST = 3  # characters of a value that is marked in a text
_BAR = 34  # pixels that a report with the most problems has in the history


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar, in pixels from the top."""

    status: Status
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One report in the history. x: pixels from the left. told: when, and what it had."""

    x: int
    told: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A report as the page has it."""

    now: Kept

    @property
    def worst(self) -> Status:
        """The worst that there is in it."""
        kinds = (*PROBLEMS, Status.PASS)
        return next((each for each in kinds if self.now.count(each)), Status.SKIP)

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What somebody has to look at, the worst first."""
        return tuple(each for status in PROBLEMS for each in self.now.having(status))

    @property
    def receivers(self) -> tuple[Said, ...]:
        """Those of which something was looked at that they ask for."""
        every = self.now.receivers
        return tuple(e for e in every if e.verdict is not Verdict.UNKNOWN or e.checks)

    @property
    def new(self) -> frozenset[str]:
        """Names of results that are problems since this report."""
        return frozenset(self.now.changes.new if self.now.changes else ())

    @property
    def bars(self) -> tuple[Bar, ...]:
        """The history: one bar for each report, this one last."""
        counts = tuple((status, self.now.count(status)) for status in Status)
        every = (*self.now.history, Earlier(self.now.made, counts)) if self.now.history else ()
        most = max((_problems_of(each) for each in every), default=0)
        return tuple(_bar(number, each, most) for number, each in enumerate(every))


def page(reports: Iterable[Kept]) -> str:
    """Return the page. All texts of others in it are escaped, and nothing is loaded by it."""
    every = [Shown(each) for each in sorted(reports, key=lambda each: each.server)]
    return _template().render(
        servers=every,
        languages=[(each, _TAGS[each]) for each in LANGUAGES],
        chosen=language(),
        policy=_policy(),
        css=_inline("browser.css.j2"),
        js=_inline("browser.js.j2"),
        say={name: _both(_texts(id)) for name, id in _IDS.items()},
        status={each: _both(_texts(id)) for each, id in _STATUSES.items()},
        whole={each: _both(_texts(id)) for each, id in _WHOLE.items()},
        verdict={each: _both(_texts(id)) for each, id in VERDICTS.items()},
        both=_both,
        rules_of=_rules_of,
        anchor=_anchor,
        Status=Status,
    )


def _texts(id: str) -> Texts:
    return Texts(tuple(catalogue(lang)[id] for lang in LANGUAGES))


def _both(texts: Texts, values: Mapping[str, str] | None = None) -> Markup:
    """A text in every language, of which the page shows one. values: exact ones in it, by name."""
    shown = [_marked(each, values or {}) for each in texts.each]
    if len(set(shown)) == 1:
        return shown[0]
    spans = (
        Markup('<span lang="{}">{}</span>').format(_TAGS[lang], each)
        for lang, each in zip(LANGUAGES, shown, strict=True)
    )
    return Markup("").join(spans)


def _marked(text: str, values: Mapping[str, str]) -> Markup:
    """A text with the exact values in it marked, to be copied by a click."""
    exact = sorted({v for v in values.values() if len(v) >= _SHORTEST}, key=len, reverse=True)
    if not exact:
        return escape(text)
    either = "|".join(map(re.escape, exact))
    # Chinese goes on without a blank; a longer name or address is another value.
    parts = re.split(rf"(?<![\w-])(?<!\w\.)({either})(?![\w-]|\.\w)", text, flags=re.ASCII)
    marked = (
        Markup('<code tabindex="0">{}</code>').format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )
    return Markup("").join(marked)


def _rules_of(checks: Iterable[str]) -> tuple[str, ...]:
    """The rules of results that are named with what they are about, each once."""
    return tuple(dict.fromkeys(each.partition(" ")[0] for each in checks))


def _anchor(report: Kept, rule: str) -> str:
    """Where the first result of a rule stands in the page."""
    return re.sub(r"[^\w-]", "_", f"{report.server}-{rule}")


# -- history -----------------------------------------------------------------------------------


def _problems_of(report: Earlier) -> int:
    return sum(report.count(status) for status in PROBLEMS)


def _bar(number: int, report: Earlier, most: int) -> Bar:
    parts, bottom = list[Part](), float(_BAR)
    for status in PROBLEMS:
        height = round(report.count(status) / most * _BAR, 2) if most else 0
        bottom = round(bottom - height, 2)
        if height:
            parts.append(Part(status, bottom, height))
    when = report.made.strftime("%Y-%m-%d %H:%M")
    counts = ", ".join(f"{report.count(each)} {each.value}" for each in (*PROBLEMS, Status.PASS))
    return Bar(number * 14, f"{when}: {counts}", tuple(parts) or (Part(Status.PASS, _BAR - 3, 3),))


# -- the file ----------------------------------------------------------------------------------


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template() -> Template:
    return _environment().get_template("browser.html.j2")


@cache
def _inline(name: str) -> Markup:
    """A style or script of ours that stands in the page."""
    return Markup((Path(__file__).parent / name).read_text("utf-8"))


@cache
def _policy() -> str:
    """What a browser may do with the page: nothing but our own style and script, by their sums."""
    style, script = (_sum(_inline(name)) for name in ("browser.css.j2", "browser.js.j2"))
    parts = (
        "default-src 'none'",
        f"style-src {style}",
        f"script-src {script}",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(parts)


def _sum(content: str) -> str:
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
