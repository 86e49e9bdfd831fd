"""Root does nothing by path in a folder that a service's user has: there, that user may do it.

The folders are read from our units. Where the code names one it is listed here, with how it is
done; a new place is looked at before it is.
"""

from __future__ import annotations

import ast
import re
from pathlib import PurePosixPath

import pytest

from deploys.host import edge_layout, outbound_layout, pmail_layout
from tests.deploys.host.test_units import SERVICES, values
from tests.rooms import ROOT

LAYOUTS = (pmail_layout, edge_layout, outbound_layout)
AS_USER, BY_SYSTEMD = "as its user", "a line of a unit, which systemd carries out"
NAMED, LOCKED = "a path in a configuration", "as its user, or with the folder root's meanwhile"
PARENT = "made in a folder of root's"
DONE = {
    ("deploys/accounts/first_database.py", "DATA"): LOCKED,
    ("deploys/accounts/first_database.py", "DATABASE"): LOCKED,
    ("deploys/accounts/stored.py", "DATABASE"): AS_USER,
    ("deploys/edge/configure.py", "DATA"): BY_SYSTEMD,
    ("deploys/edge/configure.py", "DATABASE"): NAMED,
    ("deploys/edge/configure.py", "DMARC_MILTER"): NAMED,
    ("deploys/edge/configure.py", "GREYLIST"): BY_SYSTEMD,
    ("deploys/edge/configure.py", "STATE"): NAMED,
    ("deploys/edge/configure.py", "VERIFY_MILTER"): NAMED,
    ("deploys/edge/configure.py", "VERIFY_RUNTIME"): BY_SYSTEMD,
    ("deploys/host/looked.py", "DATABASE"): AS_USER,
    ("deploys/host/manifest.py", "DATABASE"): AS_USER,
    ("deploys/verification/live.py", "DATABASE"): AS_USER,
    ("deploys/outbound/configure.py", "DMARC_MILTER"): NAMED,
    ("deploys/outbound/configure.py", "GREYLIST"): NAMED,
    ("deploys/outbound/configure.py", "MILTER"): NAMED,
    ("deploys/outbound/configure.py", "VERIFY_MILTER"): NAMED,
    ("deploys/pmail_server/configure.py", "DATA"): BY_SYSTEMD,
    ("deploys/pmail_server/configure.py", "DATABASE"): AS_USER,
    ("deploys/pmail_server/service.py", "DATABASE"): AS_USER,
    ("deploys/pmail_server/steps.py", "DATA"): PARENT,
    ("deploys/edge/operations.py", "MILTER"): NAMED,
}


def is_root_s(unit: str) -> bool:
    """Whether root runs a unit."""
    return values(unit, "User") in ([], ["root"]) and values(unit, "DynamicUser") != ["yes"]


def folders() -> set[str]:
    """The folders that our units give to users who are not root."""
    found = set()
    for unit in SERVICES.values():
        if is_root_s(unit):
            continue
        found |= {f"/run/{each}" for each in values(unit, "RuntimeDirectory")}
        found |= {f"/var/lib/{each}" for each in values(unit, "StateDirectory")}
        found |= set(values(unit, "ReadWritePaths"))
    return found


def is_in_one(path: str) -> bool:
    place = PurePosixPath(path)
    return any(str(each) in folders() for each in (place, *place.parents))


def test_the_folders_of_services_are_known() -> None:
    assert {"/var/lib/pmail/data", "/var/lib/pmail-deploy-edge"} <= folders()
    assert {"/run/pmail-deploy-dkim", "/run/pmail-deploy-verify"} <= folders()


def test_the_signer_s_user_who_may_read_private_keys_has_no_other_service() -> None:
    named = [name for name, unit in SERVICES.items() if "opendkim" in values(unit, "User")]
    assert named == ["opendkim's"]


def test_every_place_that_names_one_was_looked_at() -> None:
    names = {
        name
        for layout in LAYOUTS
        for name, value in vars(layout).items()
        if isinstance(value, str) and value.startswith("/") and is_in_one(value)
    }
    assert {"DATA", "DATABASE", "STATE"} <= names
    layouts = {f"deploys/host/{each.__name__.rpartition('.')[2]}.py" for each in LAYOUTS}
    found = set()
    for path in sorted((ROOT / "deploys").rglob("*.py")):
        where = path.relative_to(ROOT).as_posix()
        if where in layouts:
            continue
        found |= {(where, name) for name in _of_layouts(path.read_text("utf-8")) & names}
    assert found == DONE.keys()


def _of_layouts(source: str) -> set[str]:
    """The names of layouts that a module uses: a layout's attributes, or imported from one."""
    nodes = list(ast.walk(ast.parse(source)))
    froms = [each for each in nodes if isinstance(each, ast.ImportFrom)]
    modules = {
        alias.asname or alias.name
        for each in froms
        for alias in each.names
        if alias.name.endswith("_layout")
    }
    direct = {
        a.name for each in froms if (each.module or "").endswith("_layout") for a in each.names
    }
    attributes = {
        each.attr
        for each in nodes
        if isinstance(each, ast.Attribute) and ast.unparse(each.value) in modules
    }
    return direct | attributes


@pytest.mark.parametrize("name", SERVICES)
def test_no_line_with_root_s_rights_names_one(name: str) -> None:
    lines = re.findall(r"^Exec\w+=[-@:]*[+!][-@:+!]*(.*)$", SERVICES[name], re.M)
    if is_root_s(SERVICES[name]):
        lines = re.findall(r"^Exec\w+=(.*)$", SERVICES[name], re.M)
    words = [word for line in lines for word in re.findall(r"/[\w./-]+", line)]
    assert [word for word in words if is_in_one(word)] == []


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_has_read_is_noted_by_root_where_root_alone_writes(name: str) -> None:
    lines = [line for line in SERVICES[name].splitlines() if "sha256sum" in line and ">" in line]
    as_root = is_root_s(SERVICES[name])
    for line in lines:
        assert as_root or re.match(r"Exec\w+=\+", line), line
        written = re.findall(r"> ?(\S+?)['; ]", line + " ")
        assert written and not any(map(is_in_one, written))


def test_files_get_their_place_by_a_name_that_nobody_knows_before() -> None:
    """No `mv` that goes into a folder, no rights by recursion, no `/tmp/NAME`."""
    for path in (ROOT / "deploys").rglob("*"):
        if path.suffix not in (".py", ".j2", ".sh"):
            continue
        text = path.read_text("utf-8")
        assert not re.findall(r"\bmv -(?![a-zA-Z]*T)", text), path
        assert not re.findall(r"\b(?:chown|chmod|chgrp) -\w*R", text), path
        assert not re.findall(r"/tmp/(?![\w.-]*X{6})", text), path


def test_scripts_that_stand_on_a_host_set_their_umask() -> None:
    programs = [
        path
        for path in (ROOT / "deploys").rglob("*")
        if path.suffix in (".j2", ".sh") and path.read_text("utf-8").startswith("#!")
    ]
    assert len(programs) > 8
    assert [each.name for each in programs if "\numask 0" not in each.read_text("utf-8")] == []
