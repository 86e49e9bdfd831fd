"""What pip installs of us: one package that works from any folder, and nothing else."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from setuptools import build_meta

from deploys.cli.verbs import VERBS
from scripts.wheel import FOLDERS, ROOT, turned
from tests import installed
from tests.rooms import sources
from tests.this_machine import apart
from tests.warm import REPOSITORY

pytestmark = pytest.mark.slow
ABORT = ("rotate-dkim", "--abort", "--domain", "example.com")
SERVER = {"domains": ["example.com"], "ipv4": "8.8.8.8"}
ZONE = ("@zone/example.com", {"dns_provider": "manual"})
DATA = {".j2", ".sh", ".timer", ".lua", ".toml"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built in a clone that is in use."""
    folder = tmp_path_factory.mktemp("wheel")
    return installed.wheel(installed.clone(folder / "clone"), folder)


@pytest.fixture(scope="module")
def programs(wheel: Path) -> Path:
    """The programs of an environment that has it."""
    return installed.environment(wheel.parent, wheel)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A user's folder, with folders of the user's own that are named as ours are."""
    for name in FOLDERS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise AssertionError(__file__)\n")
    return tmp_path


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def run(programs: Path, folder: Path, *words: str, status: int = 0) -> str:
    """Run an installed program, which ends with a status; returns what it said."""
    command = [str(programs / words[0]), *words[1:]]
    environment = {**installed.bare(), "HOME": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


# -- what is in it ---------------------------------------------------------------------------------


def test_one_package_is_installed_and_nothing_beside_it(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in names(wheel)}
    about = f"{ROOT}-{version()}.dist-info"
    assert tops == {ROOT, about}
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(f"{about}/top_level.txt").decode().split() == [ROOT]


def test_every_module_and_every_file_beside_one_is_in_it(wheel: Path) -> None:
    ours = {path for name in FOLDERS for path in (REPOSITORY / name).rglob("*")}
    beside = {
        path
        for path in ours
        if path.is_file()
        and (path.parent / "__init__.py").exists()
        and path.suffix not in (".pyc", ".md")
    }
    assert {path.suffix for path in beside} == {".py", *DATA}
    wanted = {f"{ROOT}/{path.relative_to(REPOSITORY).as_posix()}" for path in beside}
    wanted |= {f"{ROOT}/{name}" for name in ("config.py", "inventories/example.py")}
    wanted |= {f"{ROOT}/{path.name}" for path in (REPOSITORY / ROOT).glob("*.*")}
    assert {name for name in names(wheel) if name.startswith(f"{ROOT}/")} == wanted


def test_what_a_clone_keeps_of_a_site_is_never_packed(wheel: Path) -> None:
    for name in names(wheel):
        with zipfile.ZipFile(wheel) as archive:
            assert archive.read(name) != b"private", name


def test_a_source_archive_makes_the_same_wheel(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(installed.clone(tmp_path / "clone"))
    archive = tmp_path / build_meta.build_sdist(str(tmp_path))
    assert names(installed.wheel(archive, tmp_path)) == names(wheel)


def version() -> str:
    found: str = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    return found


# -- its imports -----------------------------------------------------------------------------------


class _Plain(ast.NodeTransformer):
    """Takes away how a folder of ours is named in an import."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        bare = (node.module or "").removeprefix(f"{ROOT}.")
        alone = bare.removeprefix("edge").removeprefix(".")
        node.module, node.level = (bare if bare.split(".")[0] in FOLDERS else alone), 0
        if bare.split(".")[0] == "edge":
            node.module = alone
        return node


@pytest.mark.parametrize("path", sources(), ids=Path.as_posix)
def test_nothing_but_where_our_modules_are_is_turned(path: Path) -> None:
    before = sources()[path]
    after = turned(before, alone=path.parts[0] == "edge")
    plain = [ast.dump(_Plain().visit(ast.parse(each))) for each in (before, after)]
    assert plain[0] == plain[1]
    assert len(before.splitlines()) == len(after.splitlines())  # as tracebacks say
    for node in ast.walk(ast.parse(after)):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert (node.module or "").split(".")[0] not in FOLDERS


@pytest.mark.parametrize(
    ("line", "then"),
    [
        ("from keys import store", "from pmail_deploy.keys import store"),
        ("    from keys.store import KeyStore", "    from pmail_deploy.keys.store import KeyStore"),
        ("from keys.store import (\n    A,\n)", "from pmail_deploy.keys.store import (\n    A,\n)"),
        ("from keyring import a", "from keyring import a"),
        ("x = 'from keys import store'", "x = 'from keys import store'"),
    ],
)
def test_an_import_of_ours_is_turned(line: str, then: str) -> None:
    head = "if True:\n" if line.startswith(" ") else ""
    assert turned(head + line) == head + then


def test_what_goes_to_mail_servers_imports_what_lies_beside_it() -> None:
    source = "from edge import auth\nfrom edge.door import PORTS\n"
    assert turned(source, alone=True) == "from . import auth\nfrom .door import PORTS\n"


def test_an_import_that_would_bind_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"line 1: .*keys\.store"):
        turned("import keys.store\n")


_EVERY_MODULE = f"""
import importlib, pathlib, pkgutil, sys
import {ROOT}
for each in pkgutil.walk_packages({ROOT}.__path__, "{ROOT}."):
    runbook = each.name.startswith("{ROOT}.deploys.") and each.name.count(".") == 2
    if each.name.endswith("__main__") or (runbook and not each.ispkg):
        continue
    if each.name in ("{ROOT}.config", "{ROOT}.inventories.example"):
        continue
    importlib.import_module(each.name)
files = dict()
for name, module in list(sys.modules.items()):
    path = getattr(module, "__file__", None) or ""
    if "/{ROOT}/" in path:
        assert files.setdefault(path, name) == name, (name, files[path])
print(len(files), *sorted(each for each in sys.modules if each.split(".")[0] in {FOLDERS!r}))
"""


def test_every_module_is_loaded_once_and_under_one_name(programs: Path, tmp_path: Path) -> None:
    said = run(programs, tmp_path, "python", "-P", "-c", _EVERY_MODULE).splitlines()[-1].split()
    assert int(said[0]) > 200 and said[1:] == []


# -- how it is used --------------------------------------------------------------------------------


def test_the_command_says_what_it_can_do_and_which_version_it_is(
    programs: Path, site: Path
) -> None:
    said = run(programs, site, "pmail-deploy", "--help")
    assert {each.name for each in VERBS if each.help} <= set(re.findall(r"^  (\S+)", said, re.M))
    assert version() in run(programs, site, "pmail-deploy", "--version")
    assert "Usage: pmail-deploy" in run(programs, site, "python", "-P", "-m", ROOT, "--help")


def test_the_example_of_an_inventory_is_there(programs: Path, site: Path) -> None:
    said = run(programs, site, "pmail-deploy", "init", "--example")
    assert said == (REPOSITORY / "inventories" / "example.py").read_text()


def inventory(folder: Path) -> None:
    """What init has written, for this machine."""
    path = folder / "inventory.py"
    here = path.read_text().replace("'127.0.0.1', {", "'@local', {'ipv4': '8.8.8.8',")
    path.write_text(turned(apart(folder, here)))


def kept_there(programs: Path) -> set[Path]:
    """What there is where packages are, but what Python itself compiles."""
    return {
        path
        for path in installed.site_packages(programs).rglob("*")
        if "__pycache__" not in path.parts
    }


def test_from_init_to_records_in_a_folder_of_the_users_own(programs: Path, site: Path) -> None:
    before = kept_there(programs)
    words = ("--host", "127.0.0.1", "--ssh-user", "root", "--domain", "example.com")
    run(programs, site, "pmail-deploy", "init", *words, "--provider", "manual")
    inventory(site)
    said = run(programs, site, "pmail-deploy", "dns", "policy")
    assert "nobody is asked; you enter the records yourself" in said
    run(programs, site, "pmail-deploy", *ABORT, "-y", status=1)
    assert (site / "state" / "site.lock").exists()
    assert kept_there(programs) == before


def test_an_editable_clone_works_beside_folders_of_its_names_too(
    site: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("editable")
    programs = installed.environment(folder, installed.clone(folder / "clone"), "-e")
    content = f"mail_servers = [('@local', {SERVER!r})]\nzones = [{ZONE!r}]\n"
    content = content.replace("example.com", "other.test")  # that site's state is in the clone
    (site / "inventory.py").write_text(apart(site, content))
    assert "nobody is asked" in run(programs, site, "pmail-deploy", "dns", "policy")


_THEIRS = """
import keys
from deploys.web import NAME
from pyinfra import host
from pmail_deploy.parts import mail_server, preflight
if "mail_servers" in host.groups:
    preflight(mail_server())
print("and", NAME, keys.NAME)
"""


def test_a_project_that_has_folders_of_our_names_uses_both(programs: Path, tmp_path: Path) -> None:
    for name in ("deploys/__init__.py", "deploys/web.py", "keys/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"NAME = {name!r}\n")
    (tmp_path / "deploy.py").write_text(_THEIRS)
    data = {**SERVER, "motd": "theirs", "resolvers": ["127.0.0.1"], "preflight_mx_domains": []}
    data |= {"tls": "files", "tls_cert_file": "/c", "tls_key_file": "/k"}
    content = f"mail_servers = [('@local', {data!r})]\nzones = [{ZONE!r}]\n"
    (tmp_path / "inventory.py").write_text(turned(apart(tmp_path, content)))
    words = ("python", "-m", "pyinfra", "inventory.py", "deploy.py", "--dry")
    said = run(programs, tmp_path, *words)
    assert "and deploys/web.py keys/__init__.py" in said
    assert "pmail-deploy preflight | Preflight" in said


def test_the_program_for_mail_servers_runs_as_it_is_packed(programs: Path, tmp_path: Path) -> None:
    packing = f"from {ROOT}.deploys.edge.configure import program\n"
    packing += f"open({str(tmp_path / 'edge.pyz')!r}, 'wb').write(program())"
    run(programs, tmp_path, "python", "-P", "-c", packing)
    alone = [sys.executable, "-I", "-S", str(tmp_path / "edge.pyz"), "--help"]
    done = subprocess.run(alone, capture_output=True, text=True)
    assert done.returncode == 0 and "serve" in done.stdout, done.stderr
