"""PMail's database as a host has it: the script that looks, and what it shows."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum

from ground.foreign import whole_number
from probes.host.as_user import SQLITE, as_user

# Every line of output is `database`, a name and a value. What is in PMail's folder is looked at as
# whoever has that folder, and what is said then is said by that user: no more than that is taken
# from it, and a file that is made to harm its reader harms no more than that.
_SCRIPT = r"""
export LC_ALL=C
say() { printf 'database %s %s\n' "$1" "$2"; }
say machine "$(cat /etc/machine-id 2>/dev/null)"
grep -qs @mark@ @unit@ && say unit ours
say link "$(readlink @link@)"
say free "$(df -Pk /var/lib | awk 'NR==2 {print $4}')"
# Places on the way that have a file system of their own, by fstab, and it is not there now.
awk '!/^[[:space:]]*#/ && NF > 2 {print $2}' /etc/fstab 2>/dev/null | while read -r place; do
    case @folder@/ in "${place%/}"/*) [ "$place" = / ] || mountpoint -q "$place" \
        || say unmounted "$place";; esac
done
[ -d @folder@ ] || exit 0
systemctl is-active -q pmail && runs=yes || runs=no
owner=$(stat -Lc %u @folder@) group=$(stat -Lc %g @folder@)
cd /
timeout 200 @as_owner@ sh -s $runs <<'END' \
    | grep -aE '^database (size|header|account|asked|email|problem) '
say() { printf 'database %s %s\n' "$1" "$2"; }
sqlite() { timeout 60 @sqlite@ "$@" @file@ 2>&1; }
# A journal that somebody's death has left is rolled back by whoever opens the file for writing.
ask() { answer=$(echo "$1" | sqlite -readonly) || answer=$(echo "$1" | sqlite); }
# Who writes to it just now has done no harm.
problem() { case $answer in *' locked '*) ;; *) say problem "$(echo "${answer:-no answer}" \
    | head -n 1)";; esac; }
if [ -e @file@ ] && [ ! -f @file@ ]; then
    say size 1
    say problem 'no file'
elif [ -e @file@ ]; then
    say size "$(stat -Lc %s @file@)"
    [ "$(head -c 15 @file@)" = 'SQLite format 3' ] && say header right
    if [ -s @file@ ] && command -v sqlite3 >/dev/null; then
        if ask "select 'account', is_admin, disabled, account from user;"
        then echo "$answer" | sed -n 's/^account|\(.\)|\(.\)|/account \1 \2 /p' \
            | while read -r name rest; do say "$name" "$rest"; done; say asked yes
        else problem; fi
        ask "select coalesce(max(seq), 0) from sqlite_sequence where name = 'email';" \
            && say email "$answer"
        # Who runs with it has it open; a big one would take its time, and every run asks.
        if [ $1 = no ]; then
            ask 'pragma quick_check(1);'
            [ "$answer" = ok ] || problem
        fi
    fi
fi
END
exit 0
"""


class Kind(StrEnum):
    """What the file is."""

    MISSING = "missing"
    EMPTY = "empty"
    OTHER = "other"  # no SQLite
    SQLITE = "sqlite"


@dataclass(frozen=True, slots=True)
class Account:
    """A row of PMail's accounts."""

    name: str
    admin: bool
    disabled: bool


@dataclass(frozen=True, slots=True)
class DatabaseSeen:
    """What was seen. size: octets. problem: why it cannot be read, or is not sound.

    accounts: None where nothing could ask (no sqlite3 on the host yet). email: the highest id that
    a message has had, 0 where there was none. unmounted: places on the way to it whose file system
    is not mounted. machine: /etc/machine-id. established: PMail's unit is ours, so there has been
    a database of ours. link: where the link to the binary in use leads. free: KiB where copies are
    kept, None: not seen.
    """

    kind: Kind
    size: int = 0
    problem: str = ""
    accounts: tuple[Account, ...] | None = None
    email: int = 0
    unmounted: tuple[str, ...] = ()
    machine: str = ""
    established: bool = False
    link: str = ""
    free: int | None = None


def script(*, file: str, unit: str, mark: str, link: str) -> str:
    """Return the script, for root.

    unit: PMail's, with `mark` in it where it is ours. link: to the binary in use.
    """
    values = {"unit": unit, "mark": mark, "link": link}
    values |= {"file": file, "folder": file.rpartition("/")[0]}
    made = _SCRIPT.replace("@as_owner@", as_user("$owner", "$group")).replace("@sqlite@", SQLITE)
    for name, value in values.items():
        made = made.replace(f"@{name}@", shlex.quote(value))
    return made


def parse(output: str) -> DatabaseSeen:
    """Return what the script's output says."""
    values, accounts, unmounted = dict[str, str](), list[Account](), list[str]()
    for line in output.splitlines():
        head, _, rest = line.partition(" ")
        name, _, value = rest.partition(" ")
        if head != "database":
            continue
        if name == "account":
            # PMail makes no account without a name; whoever has taken it over may.
            admin, _, rest = value.partition(" ")
            disabled, _, account = rest.partition(" ")
            accounts.append(Account(account, admin == "1", disabled == "1"))
        elif name == "unmounted":
            unmounted.append(value)
        else:
            values.setdefault(name, value)
    size = whole_number(values.get("size"))
    return DatabaseSeen(
        kind=_kind(size, values),
        size=size or 0,
        problem=values.get("problem", ""),
        accounts=tuple(accounts) if "asked" in values else None,
        email=whole_number(values.get("email")) or 0,
        unmounted=tuple(unmounted),
        machine=values.get("machine", ""),
        established="unit" in values,
        link=values.get("link", ""),
        free=whole_number(values.get("free")),
    )


def _kind(size: int | None, values: dict[str, str]) -> Kind:
    if size is None:
        return Kind.MISSING
    if not size:
        return Kind.EMPTY
    return Kind.SQLITE if "header" in values else Kind.OTHER
