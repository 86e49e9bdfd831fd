"""Imports go one way, and pyinfra is where it belongs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.rooms import (
    BY_NAME,
    LAYERS,
    PACKAGES,
    ROOMS,
    ROOT,
    arrows_of,
    files,
    imported,
    loaded_by_name,
    rooms,
    sources,
    upward,
)

# Narrower than the floors: what whole packages may know of the others.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "ground": (),
    "dns_providers": ("ground",),
    "keys": ("ground",),
    "edge": (),  # runs on the mail server, alone
    "probes": ("ground", "dns_providers"),
    "postmaster": (
        "ground",
        "dns_providers.publishing.claims",
        "dns_providers.publishing.ledger",
        "dns_providers.publishing.plan",
        "dns_providers.publishing.public_suffix",
        "dns_providers.rrset",
        "dns_providers.text",
        "keys.dkim",
        "keys.rotation",
        "keys.rotation_record",
        "probes",
    ),
    "deploys": PACKAGES,
    "pmail_deploy": PACKAGES,
}


def below(module: str, parent: str) -> bool:
    return module == parent or module.startswith(parent + ".")


@pytest.mark.parametrize("path", files(), ids=Path.as_posix)
def test_a_module_imports_only_what_its_package_may_know(path: Path) -> None:
    package = path.parts[0]
    allowed = (package, *MAY_IMPORT[package])
    ours = {name for name in imported(sources()[path]) if name.split(".")[0] in PACKAGES}
    assert {name for name in ours if not any(below(name, each) for each in allowed)} == set()


def test_every_room_has_its_floor() -> None:
    assert sorted(ROOMS) == sorted(rooms(files()))


def test_no_room_imports_from_its_own_floor_or_a_higher_one() -> None:
    arrows = arrows_of(sources())
    assert {arrow: arrows[arrow] for arrow in upward(arrows)} == {}


def test_modules_are_loaded_by_name_where_the_plan_says_so_and_nowhere_else() -> None:
    found = {
        (path.parent.as_posix(), name.replace(".", "/"))
        for path, source in sources().items()
        for name in loaded_by_name(path, source)
    }
    assert found == BY_NAME


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("ground/words.py", "from keys import dkim"),
        ("dns_providers/base.py", "import dns_providers.publishing.plan"),
        ("deploys/zones/steps.py", "from deploys.rotation import steps"),
        ("deploys/pmail_server/configure.py", "from deploys.outbound import configure"),
        ("deploys/zones/steps.py", "from deploys import bootstrap"),
    ],
)
def test_an_upward_import_is_noticed_in_a_function_too(path: str, line: str) -> None:
    there = {**sources()}
    there[Path(path)] += f"\n\ndef late() -> None:\n    {line}\n"
    assert len(upward(arrows_of(there)) - upward(arrows_of(sources()))) == 1


def test_floors_are_told_apart() -> None:
    assert upward([("postmaster", "postmaster/checks")]) == {("postmaster", "postmaster/checks")}
    assert upward([("postmaster/checks", "postmaster")]) == set()
    same = LAYERS[1]
    assert upward([(same[0], same[1])]) == {(same[0], same[1])}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_lives_in_it(room: str) -> None:
    said = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text("utf-8")))
    assert said and said.splitlines()[0].endswith((".", ":"))


@pytest.mark.parametrize("path", files(), ids=Path.as_posix)
def test_pyinfra_is_imported_at_the_edge_only(path: Path) -> None:
    edge = (
        path.parts[0] == "deploys"
        or path.name in ("operations.py", "facts.py")
        or path == Path("dns_providers/connector.py")
    )
    assert edge or not any(below(name, "pyinfra") for name in imported(sources()[path]))
