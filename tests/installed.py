"""A wheel of ours, and an environment that has nothing of ours but it.

The dependencies are those of the environment that the tests run in: nothing is downloaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from scripts.wheel import FOLDERS, ROOT
from tests.warm import REPOSITORY

_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
_TOLD = ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "config.py")


def clone(folder: Path) -> Path:
    """Make a copy of what a wheel is built from, with state and keys of a site that is in use."""
    left_out = shutil.ignore_patterns("__pycache__")
    for name in (*FOLDERS, ROOT, "scripts", "inventories"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=left_out, dirs_exist_ok=True)
    for name in _TOLD:
        shutil.copyfile(REPOSITORY / name, folder / name)
    for name in PRIVATE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("private")
    return folder


PRIVATE = (
    "inventory.py",
    "keys/store/example.com/pm202611a.key",
    "keys/store/example.com/pm202611a.toml",
    "state/passwords/vps1-admin",
    "inventories/state/site.json",
)


def wheel(source: Path, folder: Path) -> Path:
    """Return the wheel that pip builds from a folder or a source archive, put into a folder."""
    how = ("--no-deps", "--no-index", "--no-build-isolation", "-q", "-w", str(folder))
    _done(*_PIP, "wheel", *how, str(source))
    (found,) = folder.glob("*.whl")
    return found


def environment(folder: Path, install: Path, *how: str) -> Path:
    """Make an environment and install a wheel, or a clone, into it; return its folder of programs.

    how: options of pip.
    """
    venv.create(folder / "venv", with_pip=False)
    programs = folder / "venv" / "bin"
    others = folder / "dependencies"
    others.mkdir()
    for each in _dependencies():
        (others / each.name).symlink_to(each)
    packages = site_packages(programs)
    (packages / "dependencies.pth").write_text(f"{others}\n")
    always = ("--no-deps", "--no-index", "--no-build-isolation", "-q")
    _done(*_PIP, "--python", str(programs / "python"), "install", *always, *how, str(install))
    return programs


def site_packages(programs: Path) -> Path:
    """Return where an environment has what is installed."""
    (found,) = (programs.parent / "lib").glob("python*/site-packages")
    return found


def bare() -> dict[str, str]:
    """Return this process's variables without those that let our clone be imported."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "PMAIL_STATE", "PMAIL_KEYS")
    return {name: value for name, value in os.environ.items() if name not in hidden}


def _dependencies() -> list[Path]:
    """What is installed here, but us."""
    return [
        each
        for each in site_packages(Path(sys.prefix) / "bin").iterdir()
        if each.suffix != ".pth" and not each.name.startswith((ROOT, "__editable__", "__pycache__"))
    ]


def _done(*command: str) -> None:
    done = subprocess.run(command, env=bare(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
