"""pyinfra operations for files on the host: atomic, for the right eyes from the first moment.

Content travels on a command's standard input into a file made under umask 077 beside its
destination, is checked there, and takes the place of the old one by a rename. pyinfra's own
`files.put` uploads through a readable temporary file and shows secrets with `--diff`.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Generator, Iterable
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State, operation

from deploys.host.remote import read
from ground.operations import fail, refuse
from ground.words import text


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as it shall be. `ours` must stand in a file that is there, or it is not touched."""

    path: str
    content: bytes
    owner: str
    group: str
    mode: str
    ours: str | None = None


@operation()
def file(
    path: str,
    content: str,
    owner: str = "root",
    group: str = "root",
    mode: str = "644",
    ours: str | None = None,
) -> Generator[FunctionCommand, None, None]:
    """Ensure a file with this content, owner and mode. Neither is ever shown.

    + path: absolute path on the host
    + content: text
    + owner, group, mode: as for `install`
    + ours: text that a file already there must contain; else it is somebody else's
    """
    yield from ensure((Wanted(path, content.encode(), owner, group, mode, ours),))


def ensure(
    files: tuple[Wanted, ...], unwanted: tuple[str, ...] = ()
) -> Generator[FunctionCommand, None, None]:
    """Ensure files, written in this order, and that none of ours is at `unwanted` paths.

    To be yielded from by an operation; ends it. All foreign files in the way are told at once.
    """
    there = look(host, files)
    foreign = [w.path for w, found in zip(files, there, strict=True) if found.foreign]
    if foreign:
        yield from fail("\n".join(text("host.foreign", path=path) for path in foreign))
        return
    wrong = tuple(w for w, found in zip(files, there, strict=True) if not found.right)
    gone = existing(host, unwanted)
    if not wrong and not gone:
        host.noop(text("host.file_right", path=", ".join(w.path for w in files)))
        return
    exists = {w.path for w, found in zip(files, there, strict=True) if found.exists}
    for wanted in wrong:
        mark = "~" if wanted.path in exists else "+"
        host.log_styled(f"  {mark} {wanted.path}", fg="green")
    for path in gone:
        host.log_styled(f"  - {path}", fg="red")
    yield FunctionCommand(install_all, (wrong, gone), {})


def existing(host: Host, paths: Iterable[str]) -> tuple[str, ...]:
    """Return those of the paths that exist on the host."""
    quoted = " ".join(map(shlex.quote, paths))
    if not quoted:
        return ()
    script = f'for f in {quoted}; do [ ! -e "$f" ] || echo "$f"; done'
    return tuple(read(host, script).stdout.splitlines())


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as it shall be."""

    path: str
    owner: str = "root"
    group: str = "root"
    mode: str = "755"


@operation()
def directories(folders: tuple[Folder, ...]) -> Generator[FunctionCommand, None, None]:
    """Ensure folders with their owners and modes, in this order: one look for all.

    + folders: with absolute paths on the host; owner, group, mode: as for `install`
    """
    quoted = " ".join(shlex.quote(each.path) for each in folders)
    shown = read(host, f"stat -c '%n|%F|%U|%G|%a' {quoted} 2>/dev/null").stdout.splitlines()
    there = dict(line.split("|", 1) for line in shown)
    wrong = [
        each
        for each in folders
        if there.get(each.path) != f"directory|{each.owner}|{each.group}|{each.mode}"
    ]
    if not wrong:
        host.noop(text("host.folder_right", path=", ".join(each.path for each in folders)))
        return
    for each in wrong:
        host.log_styled(f"  {'~' if each.path in there else '+'} {each.path}/", fg="green")
    script = " && ".join(
        f"install -d -o {each.owner} -g {each.group} -m {each.mode} {shlex.quote(each.path)}"
        for each in wrong
    )
    paths = ", ".join(each.path for each in wrong)
    yield FunctionCommand(run, (script, text("host.folder_failed", path=paths)), {})


def link_script(path: str, target: str) -> str:
    """Return the script that points a link to `target` in one step."""
    fresh = shlex.quote(f"{path}.new")
    return f"ln -sfn {shlex.quote(target)} {fresh} && mv -fT {fresh} {shlex.quote(path)}"


@dataclass(frozen=True, slots=True)
class There:
    """What is at a file's place."""

    exists: bool
    right: bool
    foreign: bool


def look(host: Host, files: Iterable[Wanted]) -> tuple[There, ...]:
    """Compare what is on the host with what is wanted: sum, owner, group and mode of each file."""
    wanted = tuple(files)
    script = "".join(f"echo @; {_look_script(each)}; " for each in wanted)
    blocks: list[list[str]] = []
    for line in read(host, script).stdout.splitlines():
        if line == "@":
            blocks.append([])
        else:
            blocks[-1].append(line)
    # A host that broke off shows less: what was not seen counts as not there.
    blocks += [[] for _ in wanted[len(blocks) :]]
    return tuple(_compare(each, block) for each, block in zip(wanted, blocks, strict=True))


def _look_script(wanted: Wanted) -> str:
    path = shlex.quote(wanted.path)
    script = (
        f"{{ [ ! -e {path} ] && [ ! -L {path} ]; }} || {{ "
        f"stat -c '%F|%U|%G|%a' {path}; sha256sum < {path} | cut -d' ' -f1; "
    )
    if wanted.ours is not None:
        script += f"grep -qF {shlex.quote(wanted.ours)} {path} && echo ours || echo foreign; "
    return script + "}"


def _compare(wanted: Wanted, lines: list[str]) -> There:
    if not lines:
        return There(False, False, False)
    digest = hashlib.sha256(wanted.content).hexdigest()
    kind = "regular file" if wanted.content else "regular empty file"
    right = lines[:2] == [f"{kind}|{wanted.owner}|{wanted.group}|{wanted.mode}", digest]
    return There(True, right, lines[-1] == "foreign")


def install(host: Host, wanted: Wanted) -> str:
    """Put a file in its place, atomically. Returns what went wrong, or an empty text."""
    path, fresh = shlex.quote(wanted.path), shlex.quote(f"{wanted.path}.new")
    digest = hashlib.sha256(wanted.content).hexdigest()
    script = (
        f"set -e; umask 022; mkdir -p $(dirname {path}); umask 077; trap 'rm -f -- {fresh}' EXIT; "
        f"base64 -d > {fresh}; "
        f"echo '{digest}  '{fresh} | sha256sum --check --strict --status; "
        f"chown {wanted.owner}:{wanted.group} {fresh}; chmod {wanted.mode} {fresh}; "
        f"sync {fresh}; mv -f {fresh} {path}; trap - EXIT"
    )
    reply = read(host, script, stdin=base64.b64encode(wanted.content).decode("ascii"), timeout=600)
    if reply.ok:
        return ""
    reason = reply.stderr.strip() or text("host.no_reason")
    return text("host.file_failed", path=wanted.path, reason=reason)


def install_all(
    state: State, host: Host, files: tuple[Wanted, ...], gone: tuple[str, ...] = ()
) -> bool:
    """Put files in their places, in this order, then remove others; a failure fails the host."""
    for wanted in files:
        if problem := install(host, wanted):
            return refuse(state, host, problem)
    if gone:
        script = f"rm -f -- {' '.join(map(shlex.quote, gone))}"
        return run(state, host, script, text("host.remove_failed", path=", ".join(gone)))
    return True


def run(state: State, host: Host, script: str, failure: str) -> bool:
    """Run a script as root; on failure show `failure` and what the script said."""
    reply = read(host, script, timeout=900)
    if reply.ok:
        return True
    lines = (reply.stderr or reply.stdout).splitlines()[-10:]
    return refuse(state, host, "\n  ".join([failure, *lines]))
