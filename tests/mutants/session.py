"""A pytest that has everything loaded and forks for each fault.

First all tests run once and what lines of the files in scope each comes past is noted. Then, for
each fault, a fork has the faulty function instead of the right one and runs the tests that come
past its line, the fastest first, until one fails. What stands outside functions (a threshold, a
table) is read when a module is imported: for those the fork forgets our modules and starts pytest
anew, with the faulty file.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import os
import select
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import hypothesis
import pytest

from tests.mutants.faults import Fault
from tests.mutants.scope import OURS, ROOT

# A test of properties tries the same examples with and without a fault.
PROFILE = "mutants"
hypothesis.settings.register_profile(PROFILE, deadline=None, derandomize=True, database=None)
OPTIONS = (
    *("-q", "--no-header", "--capture=sys", "-p", "no:cacheprovider", "-p", "no:xdist"),
    f"--hypothesis-profile={PROFILE}",
)

KILLED, SURVIVED, UNSEEN = "killed", "survived", "unseen"
IMPORTED = "(import)"
PATIENCE = 20  # seconds, and as many times what a test takes: standing still is noticed, too


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a fault. by: the test that failed. UNSEEN: no test comes past its line."""

    fault: Fault
    result: str
    by: str = ""


@dataclass
class Seen:
    """Which tests come past which lines of which files, and seconds that each takes."""

    lines: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    current: str = IMPORTED
    tracer: Any = None

    def watch(self, files: Sequence[str]) -> None:
        """Begin to look at these files."""
        self.lines = {each: defaultdict(set) for each in files}
        by_name = {str(ROOT / each): self.lines[each] for each in files}

        def enter(frame: FrameType, event: str, argument: object) -> Any:
            lines = by_name.get(frame.f_code.co_filename)
            if lines is None:
                return None

            def step(frame: FrameType, event: str, argument: object) -> Any:
                lines[frame.f_lineno].add(self.current)
                return step

            lines[frame.f_lineno].add(self.current)
            return step

        self.tracer = enter
        self.look()

    def look(self) -> None:
        """Look, until `rest`."""
        threading.settrace(self.tracer)
        sys.settrace(self.tracer)

    def rest(self) -> None:
        """Look no more."""
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]

    def tests(self, path: str, first: int, last: int) -> list[str]:
        """The tests that come past some of these lines, the fastest first."""
        found = set().union(*(self.lines[path].get(line, ()) for line in range(first, last + 1)))
        return self._fastest_first(found)

    def tests_of_files(self, paths: frozenset[str]) -> list[str]:
        """The tests that come past any line of these files or are in one, the fastest first."""
        every = (tests for path in paths for tests in self.lines.get(path, {}).values())
        inside = (each for each in self.seconds if each.partition("::")[0] in paths)
        return self._fastest_first(set().union(*every, inside))

    def _fastest_first(self, tests: set[str]) -> list[str]:
        return sorted(tests & self.seconds.keys(), key=lambda each: (self.seconds[each], each))


Plan = tuple[Fault, list[str], bool]  # the tests to ask, and whether modules are imported anew


class Session:
    """The plugin. verdicts: of all faults, in the end. broken: tests that fail without one."""

    def __init__(
        self,
        files: Sequence[str],
        faults: Sequence[Fault],
        tell: Callable[[str, Sequence[Verdict]], None],
        workers: int,
    ) -> None:
        self.files, self.faults, self.tell, self.workers = files, faults, tell, workers
        self.seen, self.verdicts = Seen(), list[Verdict]()
        self.broken = list[str]()
        self.failed = False
        self.texts = {each: (ROOT / each).read_text("utf-8") for each in files}

    def pytest_configure(self) -> None:
        self.seen.watch(self.files)

    def pytest_collection_finish(self) -> None:
        self.seen.rest()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed |= report.failed
        if report.failed and os.getpid() == self.parent:
            self.broken.append(report.nodeid)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.parent = os.getpid()
        if session.testsfailed:
            self.broken.append("collection")
            return True
        self.items = {item.nodeid: item for item in session.items}
        self.tell(f"{len(self.items)} tests run once", ())
        began = time.monotonic()
        self._look(session)
        for each in self.broken:
            self.seen.seconds.pop(each, None)
        self.functions = _functions(self.files)
        self.importers, self.caches = _importers(self.files), _caches()
        gc.collect()
        gc.freeze()
        took = time.monotonic() - began
        self.tell(f"{took:.0f} s; {len(self.faults)} faults, {self.workers} at a time", ())
        # Some tests may not bear what is done here; they would notice every fault.
        plans = [(each, *self._plan(each)) for each in self.faults]
        self.unfit = {
            anew: self._control(
                session, anew, _union(tests for _, tests, it in plans if it is anew)
            )
            for anew in (False, True)
        }
        self._try_all(session, plans)
        self.tell("all tried", self.verdicts)
        return True

    def _look(self, session: pytest.Session) -> None:
        items = session.items
        for number, item in enumerate(items):
            following = items[number + 1] if number + 1 < len(items) else None
            self.seen.current, began = item.nodeid, time.monotonic()
            self.seen.look()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            self.seen.rest()
            self.seen.seconds[item.nodeid] = time.monotonic() - began

    def _control(self, session: pytest.Session, anew: bool, tests: Sequence[str]) -> frozenset[str]:
        """The tests that fail in a fork though there is no fault."""
        if not tests:
            return frozenset()
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reading)
            self._child(session, None, tests, anew, writing)
        os.close(writing)
        with os.fdopen(reading) as said:
            failing = said.read()
        os.waitpid(pid, 0)
        found = frozenset() if failing == SURVIVED else frozenset(failing.splitlines())
        if found:
            self.tell(f"not asked: {', '.join(sorted(found))}", ())
        return found

    # -- one fault

    def _try_all(self, session: pytest.Session, plans: Iterable[Plan]) -> None:
        running: dict[int, tuple[Fault, int]] = {}
        waiting = list(reversed(list(plans)))
        done = 0
        while waiting or running:
            while waiting and len(running) < self.workers:
                fault, chosen, anew = waiting.pop()
                tests = [each for each in chosen if each not in self.unfit[anew]]
                if not tests:
                    self.verdicts.append(Verdict(fault, UNSEEN))
                    continue
                reading, writing = os.pipe()
                pid = os.fork()
                if not pid:
                    os.close(reading)
                    self._child(session, fault, tests, anew, writing)
                os.close(writing)
                running[reading] = (fault, pid)
            self._collect(running)
            if len(self.verdicts) >= done + 100:
                done = len(self.verdicts)
                missed = sum(each.result != KILLED for each in self.verdicts)
                self.tell(f"{done} of {len(self.faults)}, {missed} not noticed", self.verdicts)

    def _collect(self, running: dict[int, tuple[Fault, int]]) -> None:
        ready, _, _ = select.select(list(running), (), ())
        for reading in ready:
            fault, pid = running.pop(reading)
            said = os.read(reading, 10000).decode() or "(no end)"
            os.close(reading)
            os.waitpid(pid, 0)
            with contextlib.suppress(ProcessLookupError):  # what a test had started
                os.killpg(pid, signal.SIGKILL)
            result = SURVIVED if said == SURVIVED else KILLED
            self.verdicts.append(Verdict(fault, result, "" if result == SURVIVED else said))

    def _plan(self, fault: Fault) -> tuple[list[str], bool]:
        """The tests for a fault, and whether they need our modules imported anew."""
        lines = self.seen.lines[fault.path]
        if self._patched(fault) and IMPORTED not in lines.get(fault.line, ()):
            last = fault.line + self.texts[fault.path][fault.start : fault.end].count("\n")
            return self.seen.tests(fault.path, fault.line, last), False
        return self.seen.tests_of_files(self.importers[fault.path]), True

    @functools.cache  # noqa: B019 -- a session lasts as long as its process
    def _right(self, path: str) -> tuple[object, dict[tuple[str, int], CodeType]]:
        return _codes(compile(self.texts[path], str(ROOT / path), "exec", dont_inherit=True))

    def _patched(self, fault: Fault) -> list[tuple[FunctionType, CodeType]] | None:
        """The functions that a fault changes, each with its new code; None: more than functions."""
        text, name = self.texts[fault.path], str(ROOT / fault.path)
        good = self._right(fault.path)
        bad = _codes(compile(fault.applied(text), name, "exec", dont_inherit=True))
        if good[0] != bad[0] or good[1].keys() != bad[1].keys():
            return None
        changed = [key for key, code in good[1].items() if not _same(code, bad[1][key])]
        functions = [self.functions.get(_place(good[1][key]), []) for key in changed]
        if not changed or not all(functions):
            return None
        return [
            (each, bad[1][key])
            for key, found in zip(changed, functions, strict=True)
            for each in found
        ]

    def _child(
        self,
        session: pytest.Session,
        fault: Fault | None,
        tests: Sequence[str],
        anew: bool,
        writing: int,
    ) -> None:
        said, here = "(broken)", Path(tempfile.mkdtemp(prefix="mutants-"))
        try:
            os.setsid()
            for each in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), each)
            os.environ["PYTEST_XDIST_WORKER"] = f"gw{os.getpid() % 90 + 10}"
            self.failed = False
            if anew:
                signal.alarm(int(PATIENCE * (1 + sum(self.seen.seconds[it] for it in tests))))
                text = fault.applied(self.texts[fault.path]) if fault else ""
                said = _anew(fault, text, tests, here)
            else:
                for function, code in (self._patched(fault) if fault else None) or ():
                    function.__code__ = code
                for cache in self.caches:
                    cache.cache_clear()
                items = [self.items[each] for each in tests]
                said = self._run(session, items, here, once=bool(fault))
        except BaseException:
            said = f"(error) {traceback.format_exc(limit=3)}"[:4000]
        finally:
            shutil.rmtree(here, ignore_errors=True)
            os.write(writing, said.encode())
            os._exit(0)

    def _run(
        self, session: pytest.Session, items: Sequence[pytest.Item], here: Path, *, once: bool
    ) -> str:
        factory = session.config._tmp_path_factory  # type: ignore[attr-defined]
        factory._basetemp = here
        failing = []
        for number, item in enumerate(items):
            following = items[number + 1] if number + 1 < len(items) else None
            signal.alarm(int(PATIENCE * (1 + self.seen.seconds[item.nodeid])))
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                failing.append(item.nodeid)
                self.failed = False
                if once:
                    session._setupstate.teardown_exact(None)
                    break
        return "\n".join(failing) or SURVIVED


def _union(lists: Iterable[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(each for tests in lists for each in tests))


class _Faulty(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):
    """Imports one module from a faulty text."""

    def __init__(self, fault: Fault, text: str) -> None:
        self.module = _module(fault.path)
        self.text = text
        super().__init__(self.module, str(ROOT / fault.path))

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        if name != self.module:
            return None
        is_package = self.path.endswith("__init__.py")
        return importlib.util.spec_from_file_location(
            name,
            self.path,
            loader=self,
            submodule_search_locations=[str(Path(self.path).parent)] if is_package else None,
        )

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.text, self.path, "exec", dont_inherit=True)


class _Failing:
    """The tests that fail."""

    def __init__(self) -> None:
        self.failing: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failing[report.nodeid] = None


def _anew(fault: Fault | None, text: str, tests: Sequence[str], here: Path) -> str:
    for name in list(sys.modules):
        if name.split(".")[0] in OURS and not name.startswith("tests.mutants"):
            del sys.modules[name]
    for finder in [
        each for each in sys.meta_path if type(each).__name__ == "AssertionRewritingHook"
    ]:
        sys.meta_path.remove(finder)
    if fault:
        sys.meta_path.insert(0, _Faulty(fault, text))
    failing = _Failing()
    options = (*OPTIONS, f"--basetemp={here}/tmp", *(["-x"] if fault else []))
    status = pytest.main([*options, *tests], plugins=[failing])
    return SURVIVED if status == pytest.ExitCode.OK else "\n".join(failing.failing) or "(import)"


def _codes(module: CodeType) -> tuple[object, dict[tuple[str, int], CodeType]]:
    """What a module's code does by itself, and its functions: by name, and which of that name."""
    found: dict[tuple[str, int], CodeType] = {}
    own: list[object] = []

    def look(code: CodeType) -> None:
        plain = [each for each in code.co_consts if not isinstance(each, CodeType)]
        own.append((code.co_code, code.co_names, [(type(each), each) for each in plain]))
        for each in code.co_consts:
            if isinstance(each, CodeType):
                if each.co_flags & 0x2:  # CO_NEWLOCALS: a function; a class body has none
                    same = sum(name == each.co_qualname for name, _ in found)
                    found[each.co_qualname, same] = each
                else:
                    look(each)

    look(module)
    return repr(own), found


def _same(one: CodeType, other: CodeType) -> bool:
    if one.co_code != other.co_code or one.co_names != other.co_names:
        return False
    if one.co_varnames != other.co_varnames or len(one.co_consts) != len(other.co_consts):
        return False
    return all(
        _same(here, there)
        if isinstance(here, CodeType) and isinstance(there, CodeType)
        else type(here) is type(there) and repr(here) == repr(there)
        for here, there in zip(one.co_consts, other.co_consts, strict=True)
    )


def _functions(files: Sequence[str]) -> dict[tuple[str, str, int], list[FunctionType]]:
    names = {str(ROOT / each) for each in files}
    found: dict[tuple[str, str, int], list[FunctionType]] = defaultdict(list)
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename in names:
            found[_place(each.__code__)].append(each)
    return found


def _place(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _importers(files: Sequence[str]) -> dict[str, frozenset[str]]:
    """Which files of ours depend on each of these: all that import it or one that does, itself,
    and tests that import it.
    """
    every = [str(it.relative_to(ROOT)) for each in OURS for it in (ROOT / each).rglob("*.py")]
    by_module = {_module(path): path for path in every}
    uses: dict[str, set[str]] = defaultdict(set)
    for path in every:
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                for name in (node.module, *(f"{node.module}.{it.name}" for it in node.names)):
                    if name in by_module:
                        uses[by_module[name]].add(path)
    found: dict[str, frozenset[str]] = {}
    for path in files:
        reached, new = set[str](), {path}
        while new:
            reached |= new
            new = set().union(*(uses[each] for each in new)) - reached
        tests = {each for each in uses[path] if each.startswith("tests/")}
        found[path] = frozenset(reached & set(files) | tests)
    return found


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _caches() -> list[Any]:
    """What remembers results of our functions: in a fork, those are of the right code."""
    return [
        each
        for each in gc.get_objects()
        if isinstance(each, functools._lru_cache_wrapper)
        and (getattr(each, "__module__", "") or "").split(".")[0] in OURS
    ]
