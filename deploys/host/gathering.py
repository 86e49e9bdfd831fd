"""One script that looks at many things on a host, and what each of them has shown; pure.

Files are looked at by the same few programs, however many they are. Every other look is a script of
its own: its output, its errors and its status are kept apart from all others'.
"""

from __future__ import annotations

import base64
import binascii
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from deploys.host.remote import START, Reply


@dataclass(frozen=True, slots=True)
class FileAt:
    """A look at what is at a path. mark: text that is looked for in a regular file."""

    path: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """A look by a POSIX sh script of root's, which changes nothing and reads no input.

    secret: something in it is, so it is never an argument of a process.
    """

    text: str = field(repr=False)
    secret: bool = False


Look = FileAt | Script


@dataclass(frozen=True, slots=True)
class Seen:
    """What is at a path. kind: as stat(1) says it, "" where nothing is.

    mode: octal. sha256: of a regular file, hex. marked: the mark that was looked for is in it.
    """

    kind: str = ""
    owner: str = ""
    group: str = ""
    mode: str = ""
    sha256: str = ""
    marked: bool = False

    @property
    def exists(self) -> bool:
        """Whether something is there."""
        return bool(self.kind)


def behind(act: str, looks: tuple[Look, ...]) -> str:
    """Return the script that does something, and looks then; it ends as `act` does."""
    return _BEHIND.format(act=f"{START}{act}", looks=script_of(looks))


def apart(written: str) -> tuple[str, str]:
    """Return what such an act has written, and what the looks behind it have."""
    act, there, looks = written.rpartition(f"{_LOOKS}\n")  # no Base64
    return (act.rstrip("\n"), looks) if there else (written, "")


_LOOKS = "! looks"
# The first ends by itself, whatever it has trapped or set.
_BEHIND = f"""(
{{act}}
)
ended=$?
printf '\\n{_LOOKS}\\n'
{{{{
{{looks}}
}}}} 2>/dev/null </dev/null | base64 -w 4000
exit $ended
"""
# Errors and output of each are caught apart, and told with their lengths: nothing that one of them
# says, ends with or sets is the next one's.
_EACH = r"""
export LC_ALL=C
see() {
    said=$({ wrote=$( (eval "$1") ); ended=$?; } 2>&1; printf '%s\n%s %s' "$wrote" ${#wrote} $ended)
    printf '%s\n%s' ${#said} "$said"
}
"""
# One program for all files: a fork for each would be most of what a look costs the host.
_FILES = r"""
stat -c '= %F|%U|%G|%a|%n' -- "$@" 2>/dev/null
for f do
    shift
    [ ! -f "$f" ] || set -- "$@" "$f"
done
[ $# -gt 0 ] || exit 0
sha256sum -- "$@" 2>/dev/null
"""


def script_of(looks: tuple[Look, ...]) -> str:
    """Return the script that sees several things."""
    scripts = [_files(looks), *(each.text for each in looks if isinstance(each, Script))]
    each = (f"see {shlex.quote(text)}" for text in scripts)
    return "\n".join((_EACH, *each))


def _files(looks: tuple[Look, ...]) -> str:
    paths = [each for each in looks if isinstance(each, FileAt)]
    if not paths:
        return ":"
    lines = [f"set -- {' '.join(dict.fromkeys(shlex.quote(each.path) for each in paths))}", _FILES]
    marks = dict.fromkeys(each.mark for each in paths if each.mark)
    for number, mark in enumerate(marks):
        lines.append(f"grep -lsF -e {shlex.quote(mark)} -- \"$@\" | sed 's/^/{number} /'")
    return "\n".join(lines)


def parse(printed: str, looks: tuple[Look, ...]) -> dict[Look, Reply | Seen]:
    """Return what a script has seen: each of the looks that it has come to the end of.

    printed: Base64 of what it wrote.
    """
    replies = list(_replies(_decoded(printed)))
    scripts = (each for each in looks if isinstance(each, Script))
    found: dict[Look, Reply | Seen] = dict(zip(scripts, replies[1:], strict=False))
    if replies:
        found |= _files_seen(replies[0].stdout, looks)
    return found


def _decoded(printed: str) -> bytes:
    """What was seen, whatever it is; nothing where it broke off."""
    try:
        return base64.b64decode("".join(printed.split()))
    except binascii.Error:
        return b""


def _replies(written: bytes) -> Iterator[Reply]:
    """Those that are whole: the length of each, then errors, output, its length and the status."""
    while written:
        length, _, rest = written.partition(b"\n")
        if not length.isdigit() or len(rest) < int(length):
            return
        said, written = rest[: int(length)], rest[int(length) :]
        both, _, end = said.rpartition(b"\n")
        size, status = map(int, end.split())
        stderr, stdout = both[: len(both) - size], both[len(both) - size :]
        yield Reply(status == 0, stdout.decode("utf-8", "replace"), _text(stderr))


def _text(errors: bytes) -> str:
    return errors.decode("utf-8", "replace").rstrip("\n")


def _files_seen(written: str, looks: tuple[Look, ...]) -> Mapping[Look, Seen]:
    paths = [each for each in looks if isinstance(each, FileAt)]
    stats, sums, marked = dict[str, Seen](), dict[str, str](), set[tuple[str, str]]()
    for line in written.splitlines():
        word, _, rest = line.partition(" ")
        if word == "=":
            kind, owner, group, mode, path = rest.split("|", 4)
            stats[path] = Seen(kind, owner, group, mode)
        elif len(word) == 64:
            sums[rest[1:]] = word
        else:
            marked.add((word, rest))
    marks = list(dict.fromkeys(each.mark for each in paths if each.mark))
    return {
        each: replace(
            stats.get(each.path, Seen()),
            sha256=sums.get(each.path, ""),
            marked=bool(each.mark) and (str(marks.index(each.mark)), each.path) in marked,
        )
        for each in paths
    }
