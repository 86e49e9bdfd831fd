"""Is there a PMail that is not ours on a host, running or not: how to look, and what shows.

It looks only where we have put nothing yet: a host with our unit, or with our folder, is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# Every line of output is `past`, a kind, a path and a detail, with tabs between them. Of a
# configuration only what is no secret leaves the host.
_SCRIPT = r"""
export LC_ALL=C
line() { printf '%s' "$1" | tr '\t\n' '  '; }
past() { printf 'past\t%s\t%s\t%s\n' "$1" "$(line "$2")" "$(line "$3")"; }
# Files of others: what they put in their place meanwhile, a link or a pipe, is not read.
peek() { timeout 5 dd if="$1" iflag=nofollow,nonblock bs=64k count=16 2>/dev/null; }
is_pmail() { case ${1##*/} in pmail|pmail_*|pmail-*) return 0;; esac
    [ -f "${2:-$1}" ] && timeout 10 grep -qaF github.com/Jinnrry/pmail "${2:-$1}" 2>/dev/null; }
value() { peek "$1" | grep -ao "\"$2\" *: *\"[^\"]*\"" | head -n 1 | sed 's/^[^:]*: *"//; s/"$//'; }
size() { stat -c '%s octets' "$1"; }
absolute() { case $1 in '') ;; /*) echo "$1";; *) echo "$2/${1#./}";; esac; }
units() { echo /etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system \
    /usr/lib/systemd/system /lib/systemd/system /root/.config/systemd/user \
    /home/*/.config/systemd/user; }
search() {
    known=' '
    for folder in /proc/[0-9]*; do
        program=$(readlink "$folder/exe" 2>/dev/null) || continue
        case $known in *" $program:no "*) continue;; *" $program:yes "*) ;;
        *) if is_pmail "${program%' (deleted)'}" "$folder/exe"
           then known="$known$program:yes "; else known="$known$program:no "; continue; fi;; esac
        past process "$program" "pid ${folder#/proc/}, in $(readlink "$folder/cwd")"
    done
    for unit in $(for each in $(units); do find "$each" -maxdepth 2 -type f -name '*.service' \
            2>/dev/null; done | sort -u); do
        peek "$unit" | grep -q '@mark@' && continue
        command=$(peek "$unit" | sed -n 's/^ExecStart=[-@:+!]*//p' | head -n 1)
        program=${command%% *}
        # Of the distribution's own the name has to do.
        case $unit in /lib/*|/usr/lib/*) program=${program##*/};; esac
        if is_pmail "$program" || echo "$command" | grep -qE '(^|[^a-z])pmail([^a-z]|$)'
        then past unit "$unit" "$command"; fi
    done
    for file in /etc/rc.local /etc/init.d/* /etc/crontab /etc/cron.d/* /var/spool/cron/crontabs/* \
            /etc/supervisor/conf.d/* /etc/supervisord.d/*; do
        command=$(timeout 10 grep -m 1 -sE '^[^#]*(^|[^a-z])pmail([^a-z]|$)' "$file") &&
            past start "$file" "$command"
    done
    for engine in docker podman; do
        command -v $engine >/dev/null 2>&1 || continue
        format='{{.Names}}|{{.Image}} {{.Command}}|{{.Status}}'
        timeout 10 $engine ps -a --no-trunc --format "$format" 2>/dev/null | grep -i pmail \
            | while IFS='|' read -r name image status; do
            past container "$engine:$name" "$image ($status)"; done
    done
    places=$(df -lP 2>/dev/null | awk 'NR>1 && $1 !~ /^(tmpfs|devtmpfs|shm|udev)$/ {print $6}')
    # As deep as /home/somebody/mail/pmail/config/config.json; containers have theirs deeper.
    { timeout 30 find ${places:-/} -xdev -maxdepth 6 \( -path /proc -o -path /sys -o -path /dev \
        -o -path /run -o -path /usr/share -o -path /usr/lib -o -path /var/cache \) -prune -o \
        -name config.json -type f -size -64k -print
      ls -d /var/lib/docker/volumes/*/_data/config.json \
        /var/lib/docker/volumes/*/_data/config/config.json \
        /var/lib/docker/overlay2/*/diff/work/config/config.json \
        /var/lib/containers/storage/*/*/diff/work/config/config.json
    } 2>/dev/null | while read -r config; do
        peek "$config" | grep -q dkimPrivateKeyPath && echo "$config"; done \
        | sort -u | while read -r config; do
        root=$(dirname "$(dirname "$config")")
        kind=$(value "$config" dbType)
        if [ "$kind" = sqlite ]; then
            file=$(absolute "$(value "$config" dbDSN | sed 's/?.*//')" "$root")
            # A container's volume is the folder itself.
            [ -e "$file" ] || file=${config%/*}/${file##*/}
            [ -e "$file" ] || continue  # a copy of its source has a configuration, too
            past database "$file" "$(size "$file")"
        else past database "$kind" "$config"; fi
        past config "$config" "$(value "$config" domain)"
        file=$(absolute "$(value "$config" dkimPrivateKeyPath)" "$root")
        [ -e "$file" ] && past key "$file" "$(size "$file")"
        file=$(absolute "$(value "$config" SSLPublicKeyPath)" "$root")
        [ -e "$file" ] && past certificate "$file" "$(size "$file")"
    done
    for folder in @folders@; do
        there=$(ls -A "$folder" 2>/dev/null | head -n 5)
        [ -n "$there" ] && past folder "$folder" "$there"
    done
    [ -e '@unit@' ] && ! grep -qs '@mark@' '@unit@' && past unit '@unit@' pmail.service
    return 0
}
if grep -qs '@mark@' '@unit@' || { [ ! -e '@unit@' ] && [ -d '@own@' ]; }; then echo past ours
else search; fi
"""


class Kind(StrEnum):
    """What was found."""

    PROCESS = "process"
    UNIT = "unit"
    START = "start"  # a line that starts it: of cron, rc.local, supervisor
    CONTAINER = "container"
    CONFIG = "config"
    DATABASE = "database"
    KEY = "key"
    CERTIFICATE = "certificate"
    FOLDER = "folder"  # one that would be ours, and has something in it


@dataclass(frozen=True, slots=True)
class Found:
    """Something of a PMail. path: where; of a container its name, of another database its kind.

    detail: for people, as the host has it.
    """

    kind: Kind
    path: str
    detail: str


@dataclass(frozen=True, slots=True)
class Past:
    """What was found. ours: we have been on the host before, so nothing was looked for."""

    ours: bool
    found: tuple[Found, ...] = ()


def script(*, own: str, unit: str, mark: str, folders: tuple[str, ...]) -> str:
    """Return the script, for root.

    own: folder that only we make. unit: PMail's, with `mark` in it where it is ours. folders: what
    we would take over.
    """
    values = {"own": own, "unit": unit, "mark": mark, "folders": " ".join(folders)}
    made = _SCRIPT
    for name, value in values.items():
        made = made.replace(f"@{name}@", value)
    return made


def parse(output: str) -> Past:
    """Return what the script's output says; each thing once."""
    found = dict[tuple[str, str], Found]()
    for line in output.splitlines():
        fields = line.split("\t")
        if len(fields) == 4 and fields[0] == "past" and fields[1] in set(Kind):
            each = Found(Kind(fields[1]), fields[2], fields[3])
            found.setdefault((each.kind, each.path), each)
    return Past("past ours" in output.splitlines(), tuple(found.values()))
