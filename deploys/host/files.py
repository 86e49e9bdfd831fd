"""pyinfra operations for files on the host: atomic, for the right eyes from the first moment.

Content travels on a command's standard input into a file of a random name, made under umask 077
beside its destination, is checked there, and takes the place of the old one by a rename. pyinfra's
own `files.put` uploads through a readable temporary file and shows secrets with `--diff`. Root
writes where only root can: what is in a service's own folder is put there by `put_as`.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State, operation

from deploys.host.remote import read
from ground.operations import fail, refuse
from ground.words import text
from probes.host.as_user import as_user


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
    script = _ROOT_ONLY + " && ".join(
        f"root_only {shlex.quote(str(PurePosixPath(each.path).parent))} && "
        f"install -d -o {each.owner} -g {each.group} -m {each.mode} {shlex.quote(each.path)}"
        for each in wrong
    )
    paths = ", ".join(each.path for each in wrong)
    yield FunctionCommand(run, (script, text("host.folder_failed", path=paths)), {})


def link_script(path: str, target: str) -> str:
    """Return the script that points a link to `target` in one step."""
    fresh = shlex.quote(f"{path}.new")
    return f"ln -sfn {shlex.quote(target)} {fresh} && mv -fT {fresh} {shlex.quote(path)}"


def prune_script(folder: str, name: str, current: str, keep: int) -> str:
    """Return the script that removes all versions of something but the newest and one in use.

    folder: with a folder for each version. name: pattern of their names (find). current: the one in
    use, or a link to it. keep: how many others stay.
    """
    return (
        f"used=$(readlink -f {shlex.quote(current)}); "
        f"find {shlex.quote(folder)} -mindepth 1 -maxdepth 1 -type d -name {shlex.quote(name)} "
        f"-printf '%T@ %p\\n' | sort -rn | cut -d' ' -f2- | grep -vxF \"$used\" "
        f'| tail -n +{keep + 1} | while read -r old; do rm -rf -- "$old"; done'
    )


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
        f"stat -c '%F|%U|%G|%a' {path}; "
        f"[ ! -f {path} ] || sha256sum < {path} | cut -d' ' -f1; "
    )
    if wanted.ours is not None:
        ours = f"[ -f {path} ] && grep -qF {shlex.quote(wanted.ours)} {path}"
        script += f"{ours} && echo ours || echo foreign; "
    return script + "}"


def _compare(wanted: Wanted, lines: list[str]) -> There:
    if not lines:
        return There(False, False, False)
    digest = _digest(wanted.content)
    kind = "regular file" if wanted.content else "regular empty file"
    right = lines[:2] == [f"{kind}|{wanted.owner}|{wanted.group}|{wanted.mode}", digest]
    return There(True, right, lines[-1] == "foreign")


# Whoever else could put something in a folder's place, or in it, could lead root elsewhere. By
# Debian's policy the group `staff` (50) has the rights of root in /usr/local.
_ROOT_ONLY = r"""
above() { p=$1; while [ -n "$p" ]; do printf '%s/.\0' "$p"; p=${p%/*}; done; printf '/.\0'; }
root_only() {
    others=$({ above "$1"; above "$(readlink -f "$1")"; } | xargs -0 stat -Lc '%u %g %A %n' \
        2>/dev/null | grep -m 1 -vE -e '^0 (0|50) .{8}[^w]. ' -e '^0 [0-9]+ .{5}[^w]..[^w]. ')
    [ -n "$others" ] || return 0
    others=${others%/.}
    echo "others may write to ${others##* }" >&2
    return 1
}
"""


def install(host: Host, wanted: Wanted) -> str:
    """Put a file in its place, atomically. Returns what went wrong, or an empty text."""
    folder = shlex.quote(str(PurePosixPath(wanted.path).parent))
    script = (
        f"{_ROOT_ONLY}root_only {folder} && mkdir -p {folder} || exit 1\n"
        + _put(wanted.path, wanted.content, wanted.mode)
        + _ROOT_PUT.format(owner=f"{wanted.owner}:{wanted.group}")
    )
    return _installed(host, wanted.path, wanted.content, script)


def put_as(host: Host, user: str, path: str, content: bytes) -> str:
    """Put a file for its user alone into a folder of that user's, as that user.

    Returns what went wrong, or an empty text.
    """
    script = _put(path, content, "600") + _PUT
    return _installed(host, path, content, f"{as_user(user)} sh -c {shlex.quote(script)}")


def _put(path: str, content: bytes, mode: str) -> str:
    """The beginning of a script: the content of standard input is beside its place, as $fresh."""
    place = PurePosixPath(path)
    # A name of its own, which no program takes for its file; those of killed runs go.
    start = shlex.quote(f"{place.parent}/.{place.name}.")
    return (
        f"set -e; umask 077; rm -f -- {start}??????????'~'; "
        f"fresh=$(mktemp --suffix='~' {start}XXXXXXXXXX); trap 'rm -f -- \"$fresh\"' EXIT; "
        f'base64 -d > "$fresh"; [ "$(sha256sum < "$fresh")" = "{_digest(content)}  -" ]; '
        f"path={shlex.quote(path)}; mode={mode}; "
    )


_PUT = 'chmod "$mode" "$fresh"; sync "$fresh"; mv -fT -- "$fresh" "$path"; trap - EXIT'
_ROOT_PUT = 'chown {owner} "$fresh"; ' + _PUT


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _installed(host: Host, path: str, content: bytes, script: str) -> str:
    reply = read(host, script, stdin=base64.b64encode(content).decode("ascii"), timeout=600)
    if reply.ok:
        return ""
    reason = reply.stderr.strip() or text("host.no_reason")
    return text("host.file_failed", path=path, reason=reason)


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
