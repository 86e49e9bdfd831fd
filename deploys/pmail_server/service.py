"""pyinfra operation that has PMail run with what is on the disk, and restarts it only for that."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation
from pyinfra.api.operation import OperationMeta

from deploys.host import edge_layout as edge
from deploys.host import pmail_layout as layout
from deploys.host.gathering import Script
from deploys.host.remote import read
from deploys.host.snapshot import act, look
from deploys.host.systemd import in_order
from ground.operations import refuse
from ground.words import text
from postmaster.outbound import mode_of
from postmaster.settings import MailServer

# What the binary calls itself, as it has written it into the database: no more than a name counts.
_NOTE_VERSION = (
    f"seen=$(echo 'select info from version limit 1;' | timeout 60 {layout.SQLITE} -readonly "
    f"{layout.DATABASE} | head -n 1 | tr -cd '[:alnum:]._+-' | cut -c -40); "
    f'[ -z "$seen" ] || echo "$seen" > {layout.BINARY_VERSION}'
)
# Of earlier versions: systemd takes it away with the unit that made it, and ours makes none.
_NO_FORMER_FOLDER = (
    f'[ "$(stat -c %U /run/pmail 2>/dev/null)" != {layout.USER} ] || rm -rf /run/pmail'
)
_READY_WITHIN = 90  # seconds; PMail itself waits as long for its web server


# As `sha256sum --check`, which takes five times as long for a binary.
RIGHT = Script(
    f"{in_order('pmail')} && [ -s {layout.STAMP} ] && "
    f'[ "$(cut -c67- {layout.STAMP} | xargs openssl dgst -sha256 -r)" = '
    f"\"$(sed 's/  / */' {layout.STAMP})\" ]"
)


@operation()
def running(
    server: MailServer, inputs: tuple[OperationMeta, ...]
) -> Generator[FunctionCommand, None, None]:
    """Ensure that PMail runs with what is on the disk now: one restart when it differs, else none.

    What PMail has read is stamped by its unit when it starts, so a restart that an earlier,
    killed run owes is made up for.

    + server: the mail server
    + inputs: operations that may change what PMail reads
    """
    current = look(host, RIGHT)
    coming = not state.is_executing and any(each.will_change for each in inputs)
    if current.ok and not coming:
        host.noop(text("host.running"))
        return
    host.log_styled(f"  ~ {text('host.restart')}", fg="green")
    namespace = edge.NAMESPACE_FILE if mode_of(server).relayed else None
    yield FunctionCommand(_restart, (namespace,), {})


def _restart(state: State, host: Host, namespace: str | None) -> bool:
    where = f"nsenter --net={namespace}" if namespace else ""
    script = (
        "systemctl enable -q --no-reload pmail; systemctl daemon-reload; "
        "systemctl reset-failed pmail 2>/dev/null; systemctl restart pmail || exit 1; "
        f"{_NO_FORMER_FOLDER}; "
        f"{ready_function()}; ready pmail {_READY_WITHIN * 2} {where} || exit 1; "
        f"{_NOTE_VERSION} || true"
    )
    if act(host, script, timeout=_READY_WITHIN * 5).ok:
        return True
    journal = read(host, "journalctl -u pmail -n 40 --no-pager -o cat").stdout.splitlines()
    # PMail prints its whole configuration when it starts; that stays on the host.
    shown = [line for line in journal if "Config File Info" not in line][-15:]
    return refuse(state, host, "\n".join([text("host.not_ready"), *shown]))


def ready_function() -> str:
    """Return a shell function: `ready UNIT TRIES [COMMAND...]` waits for PMail, two tries a second.

    It waits for the web server's pong, and for IMAP, which PMail opens last. COMMAND: goes before
    what looks, to be where PMail is.
    """
    return (
        "ready() { unit=$1; tries=$2; shift 2; for i in $(seq $tries); do "
        "\"$@\" curl -s --noproxy '*' --max-time 2 "
        f"http://127.0.0.1:{layout.HTTP_PORT}/api/ping | grep -q pong "
        "&& \"$@\" ss -Hltn 'sport = :993' | grep -q . && return 0; "
        # It is started again and again for ever: after a few times the reason is in the journal.
        '[ "$(systemctl show -P NRestarts $unit)" -lt 3 ] || return 1; '
        "case $(systemctl show -P ActiveState $unit) in inactive|failed) return 1;; esac; "
        "sleep 0.5; done; return 1; }"
    )
