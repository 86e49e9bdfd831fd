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
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State, operation

from deploys.host.gathering import FileAt, Seen
from deploys.host.remote import Reply, read
from deploys.host.snapshot import act, look_at, put
from ground.operations import fail, refuse
from ground.words import text
from probes.host.as_user import as_user


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as it shall be.

    ours: text that must stand in a file that is there, or it is not touched. seen: SHA-256 (hex) of
    the file that was looked at there, "" where there was none; another one is not touched either.
    """

    path: str
    content: bytes
    owner: str
    group: str
    mode: str
    ours: str | None = None
    seen: str | None = None

    @property
    def look(self) -> FileAt:
        """What shows it."""
        return FileAt(self.path, self.ours or "")


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
    wrong = tuple(
        replace(w, seen=found.sha256)
        for w, found in zip(files, there, strict=True)
        if not found.right
    )
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
    """Return those of the paths that exist on the host. Raises DeployError."""
    asked = tuple(paths)
    there = look_at(host, map(FileAt, asked))
    return tuple(path for path, found in zip(asked, there, strict=True) if found.exists)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as it shall be."""

    path: str
    owner: str = "root"
    group: str = "root"
    mode: str = "755"

    @property
    def look(self) -> FileAt:
        """What shows it."""
        return FileAt(self.path)

    def is_there(self, seen: Seen) -> bool:
        """Whether it is as it shall be."""
        return seen == Seen("directory", self.owner, self.group, self.mode)


@operation()
def directories(folders: tuple[Folder, ...]) -> Generator[FunctionCommand, None, None]:
    """Ensure folders with their owners and modes, in this order: one look for all.

    + folders: with absolute paths on the host; owner, group, mode: as for `install`
    """
    seen = look_at(host, (each.look for each in folders))
    wrong = [each for each, found in zip(folders, seen, strict=True) if not each.is_there(found)]
    there = {each.path for each, found in zip(folders, seen, strict=True) if found.exists}
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
    """What is at a file's place. sha256: hex, "" where it is no file."""

    exists: bool
    right: bool
    foreign: bool
    sha256: str


def look(host: Host, files: Iterable[Wanted]) -> tuple[There, ...]:
    """Compare what is on the host with what is wanted: sum, owner, group and mode of each file.

    Raises DeployError.
    """
    wanted = tuple(files)
    seen = look_at(host, (each.look for each in wanted))
    return tuple(_compare(each, found) for each, found in zip(wanted, seen, strict=True))


def _compare(wanted: Wanted, seen: Seen) -> There:
    kind = "regular file" if wanted.content else "regular empty file"
    right = Seen(kind, wanted.owner, wanted.group, wanted.mode, _digest(wanted.content))
    foreign = bool(wanted.ours) and seen.exists and not seen.marked
    return There(seen.exists, replace(seen, marked=False) == right, foreign, seen.sha256)


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


def install(host: Host, files: tuple[Wanted, ...]) -> str:
    """Put files in their places, in this order, each atomically, in one channel.

    Returns what went wrong, or an empty text; files before it are in their places then.
    """
    coded = [base64.b64encode(each.content).decode("ascii") for each in files]
    puts = (
        f"put {shlex.quote(each.path)} {each.mode} {each.owner}:{each.group} "
        f"{_digest(each.content)} {len(content)} {_seen(each)}"
        for each, content in zip(files, coded, strict=True)
    )
    script = "\n".join((_ROOT_ONLY, _ROOTS, _PUT, *puts))
    reply = put(host, [each.path for each in files], script, "".join(coded), timeout=600)
    return "" if reply.ok else _why_not(reply, reply.stdout.rpartition("\n")[2] or files[0].path)


def _seen(wanted: Wanted) -> str:
    return _ANY if wanted.seen is None else shlex.quote(wanted.seen)


def put_as(host: Host, user: str, path: str, content: bytes) -> str:
    """Put a file for its user alone into a folder of that user's, as that user.

    Returns what went wrong, or an empty text.
    """
    coded = base64.b64encode(content).decode("ascii")
    script = f"{_ANYS}{_PUT}put {shlex.quote(path)} 600 '' {_digest(content)} {len(coded)} {_ANY}"
    reply = read(host, f"{as_user(user)} sh -c {shlex.quote(script)}", stdin=coded, timeout=600)
    return "" if reply.ok else _why_not(reply, path)


_ANY = "any"
# What a folder must be like that something is put into: root makes one that others cannot write to.
_ROOTS = 'fit() { root_only "$1" && (umask 022; mkdir -p -- "$1"); }\n'
_ANYS = "fit() { :; }\n"
# A name of its own, which no program takes for its file; those of killed runs go.
_PUT = r"""
set -e
umask 077
trap '[ -z "$fresh" ] || rm -f -- "$fresh"' EXIT
fresh=
put() {
    echo "$1"
    fit "${1%/*}" || exit 1
    start=${1%/*}/.${1##*/}.
    rm -f -- "$start"??????????'~'
    fresh=$(mktemp --suffix='~' "${start}XXXXXXXXXX")
    head -c "$5" | base64 -d > "$fresh"
    [ "$(sha256sum < "$fresh")" = "$4  -" ]
    [ -z "$3" ] || chown "$3" "$fresh"
    chmod "$2" "$fresh"
    sync "$fresh"
    there=$([ ! -f "$1" ] || sha256sum < "$1")
    [ "$6" = any ] || [ "${there%% *}" = "$6" ] || { echo 'changed meanwhile' >&2; exit 1; }
    mv -fT -- "$fresh" "$1"
    fresh=
}
"""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _why_not(reply: Reply, path: str) -> str:
    reason = reply.stderr.strip() or text("host.no_reason")
    return text("host.file_failed", path=path, reason=reason)


def install_all(
    state: State, host: Host, files: tuple[Wanted, ...], gone: tuple[str, ...] = ()
) -> bool:
    """Put files in their places, in this order, then remove others; a failure fails the host."""
    if files and (problem := install(host, files)):
        return refuse(state, host, problem)
    if gone:
        script = f"rm -f -- {' '.join(map(shlex.quote, gone))}"
        return run(state, host, script, text("host.remove_failed", path=", ".join(gone)))
    return True


def run(state: State, host: Host, script: str, failure: str) -> bool:
    """Run a script as root; on failure show `failure` and what the script said."""
    reply = act(host, script)
    if reply.ok:
        return True
    lines = (reply.stderr or reply.stdout).splitlines()[-10:]
    return refuse(state, host, "\n  ".join([failure, *lines]))
