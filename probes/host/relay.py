"""What the relay on the host shows: redirect, listeners, queue; the script, and its output."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ground.foreign import whole_number
from probes.host.as_user import as_user
from probes.host.delivery import Delivery
from probes.host.proof import Proof, Signature

# In PMail's network, as its user: an address that nobody has (RFC 5737) answers only where the
# redirect is.
_SCRIPT = r"""
export LC_ALL=C
inside() { timeout 10 nsenter --net=@namespace@ "$@"; }
counted() { inside nft list chain inet edge to_postfix 2>/dev/null | grep -o 'packets [0-9]*'; }
pid=$(systemctl show -P MainPID pmail)
[ "$(readlink /proc/$pid/ns/net)" = "$(stat -Lc 'net:[%i]' @namespace@)" ] && echo "apart yes"
for port in 465 587; do
    {
        inside @as_user@ bash -c "exec 3<>/dev/tcp/192.0.2.1/$port" 2>/dev/null
        echo "round $port $?"
    } &
done
echo "before $(counted)"
inside @as_user@ bash -c 'exec 3<>/dev/tcp/192.0.2.1/25; head -n 1 <&3' 2>/dev/null \
    | sed 's/^/redirect /'
echo "after $(counted)"
wait
# Postfix's listener, and whoever answers for it at the moment, have a port together.
ss -Hltnp | sed -n 's/.*:\(25\|465\) .*"master".*/listen \1 master/p; t
    s/.*:\(25\|465\) .*(("\([^"]*\)".*/listen \1 \2/p'
echo queue; postqueue -j 2>/dev/null
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message in the queue for one recipient: why, since when (Unix seconds)."""

    queue_id: str
    queue: str
    since: int
    sender: str
    recipient: str
    reason: str


@dataclass(frozen=True, slots=True)
class RelayView:
    """What was seen. apart: PMail runs in a network of its own. redirect: what its user is greeted
    with there at any port 25.

    counted: our table's counter has seen that. round: ports at which PMail's user gets past the
    relay. listeners: the public ports 25 and 465, and the process that has each. proofs: a message
    of each domain as it arrived, with its signatures. deliveries: of late, the oldest first.
    logins: smarthost, and the exit status of curl(1) for it.
    """

    reached: bool
    redirect: str = ""
    counted: bool = False
    round: tuple[int, ...] = ()
    listeners: tuple[tuple[int, str], ...] = ()
    waiting: tuple[Waiting, ...] = ()
    proofs: tuple[tuple[Proof, tuple[Signature, ...]], ...] = field(default=())
    deliveries: tuple[Delivery, ...] = ()
    logins: tuple[tuple[str, int], ...] = ()
    apart: bool = False


def script(user: str, namespace: str) -> str:
    """Return the script that looks. namespace: file of PMail's network namespace."""
    return _SCRIPT.replace("@as_user@", as_user(user)).replace("@namespace@", namespace)


def parse(output: str) -> RelayView:
    """Return the observation in the script's output."""
    head, _, queue = output.partition("\nqueue")
    redirect, past, apart = "", list[int](), False
    listeners = list[tuple[int, str]]()
    counts: dict[str, str] = {}
    for line in head.splitlines():
        name, _, rest = line.partition(" ")
        if name == "redirect":
            redirect = rest
        elif name == "round" and rest.endswith(" 0"):
            past += filter(None, (whole_number(rest.partition(" ")[0]),))
        elif name in ("before", "after"):
            counts[name] = rest
        elif name == "listen":
            port, _, process = rest.partition(" ")
            listeners.append((whole_number(port) or 0, process))
        elif name == "apart":
            apart = True
    raised = counts.get("after", "") != counts.get("before")
    return RelayView(
        True, redirect, raised, tuple(past), tuple(listeners), waiting(queue), apart=apart
    )


def waiting(lines: str) -> tuple[Waiting, ...]:
    """Return what `postqueue -j` lists, one entry for each recipient."""
    found: list[Waiting] = []
    for line in lines.splitlines():
        if line.startswith("{"):
            found += _entries(json.loads(line))
    return tuple(found)


def _entries(record: dict[str, Any]) -> list[Waiting]:
    return [
        Waiting(
            record["queue_id"],
            record["queue_name"],
            int(record["arrival_time"]),
            record["sender"],
            each["address"],
            each.get("delay_reason", ""),
        )
        for each in record["recipients"]
    ]


def next_tries(listing: str) -> dict[str, int]:
    """Return when each deferred message is tried next (Unix seconds), by queue id.

    listing: `queue-id seconds` of the files in Postfix's deferred queue: qmgr(8) keeps the time
    of the next attempt as their time of modification.
    """
    rows = (line.split() for line in listing.splitlines())
    times = ((row[0], whole_number(row[1].partition(".")[0])) for row in rows if len(row) == 2)
    return {queue_id: time for queue_id, time in times if time is not None}
