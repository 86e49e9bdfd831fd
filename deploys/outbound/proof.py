"""Proof by a message: from each domain through signer and Postfix into a sink on the host.

It goes the way that PMail's mail goes (same network, redirect, signer and delivery client) and is
read where another server would receive it, so it shows the signature and the greeting as they are.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from email.utils import formatdate

from pyinfra.api import Host

from deploys.host import edge_layout as edge
from deploys.host import outbound_layout as layout
from deploys.host.remote import read
from deploys.outbound.configure import Signed
from ground.words import text
from probes.host.as_user import as_user
from probes.host.proof import Proof, parse, signatures

_WITHIN = 60  # seconds for all messages to arrive
_EACH = 30  # seconds for Postfix to take one
_REACHED = 5  # seconds for Postfix to be reached, on the same host
_LAST = "This message proves that the server signs; it never leaves it."

_SCRIPT = r"""
umask 077
work=$(mktemp -d /tmp/pmail-deploy-proof.XXXXXX) || exit 1
trap 'kill $sink 2>/dev/null; rm -rf "$work" @proving@' EXIT
mkdir "$work/received"; chown nobody "$work/received"; chmod 711 "$work"
# What is in the sink's folder is read as its user.
as_sink() { timeout 20 @as_sink@ "$@"; }
queued() { postqueue -j 2>/dev/null | grep -F '"proof@@sink_domain@"'; }
field() { sed -n "s/.*\"$1\": \"\($2\)\".*/\1/p"; }
# What did not arrive is no mail: it shall not wait for days.
forget() { queued | field queue_id '[A-Za-z0-9]*' | postsuper -d - 2>/dev/null; }
deferred() { queued | field delay_reason '[^"]*'; }
# The sink makes the file when a message begins, and has written it when that has ended.
received() { as_sink grep -rlxF '@last@' "$work/received" 2>/dev/null; }
forget
smtp-sink -u nobody -d "$work/received/m." 127.0.0.1:@port@ 20 2>/dev/null &
sink=$!
# Who comes before it listens is deferred, and tried again much later.
for i in $(seq 100); do ss -Hltn 'sport = :@port@' | grep -q . && break; sleep 0.1; done
taken=0
while read -r domain message; do
    : > @proving@
    printf %s "$message" | base64 -d > "$work/message" || continue
    said=$(nsenter --net=@namespace@ curl -sv --noproxy '*' \
        --connect-timeout @reached@ --max-time @each@ \
        --mail-from "postmaster@$domain" --mail-rcpt "proof@@sink_domain@" \
        --upload-file "$work/message" \
        smtp://@relay@:25/@sink_domain@ 2>&1)
    status=$?
    [ $status -ne 0 ] || { taken=$((taken + 1)); continue; }
    printf '%s\n' "$said" | grep -e '^< [45]' -e '^curl: ' >&2
    # Who cannot be reached, or does not go on, would keep each of a hundred domains waiting.
    case $status in 7|28) break ;; esac
done
for i in $(seq @tries@); do
    arrived=$(received | wc -l)
    # Postfix has yet to be told that it has arrived, or would try again.
    [ "$arrived" -lt $taken ] || queued > /dev/null || break
    [ $((i % 10)) -ne 0 ] || [ $((arrived + $(deferred | wc -l))) -lt $taken ] || break
    sleep 0.1
done
deferred >&2
forget
received | while read -r file; do echo "got $(as_sink base64 -w0 "$file")"; done
exit 0
"""


@dataclass(frozen=True, slots=True)
class Made:
    """Messages that arrived, as they were received, and what the host said where one did not."""

    messages: tuple[Proof, ...] = ()
    complaint: str = ""


def made(host: Host, domains: tuple[str, ...]) -> Made:
    """Send a message of each domain."""
    if not domains:
        return Made()
    mark = secrets.token_hex(8)
    script = (
        _SCRIPT.replace("@as_sink@", as_user("nobody", "nogroup"))
        .replace("@port@", str(layout.PROOF_PORT))
        .replace("@relay@", edge.RELAY)
        .replace("@namespace@", edge.NAMESPACE_FILE)
        .replace("@proving@", edge.PROVING)
        .replace("@sink_domain@", layout.PROOF_DOMAIN)
        .replace("@each@", str(_EACH))
        .replace("@reached@", str(_REACHED))
        .replace("@tries@", str(_WITHIN * 10))
        .replace("@last@", _LAST)
    )
    lines = (f"{domain} {_message(domain, mark)}" for domain in domains)
    reply = read(
        host, script, stdin="\n".join(lines) + "\n", timeout=_WITHIN * 2 + _EACH * len(domains)
    )
    found = (line.removeprefix("got ") for line in reply.stdout.splitlines() if "got " in line)
    messages = (parse(base64.b64decode(each)) for each in found)
    arrived = tuple(each for each in messages if mark.encode() in each.message)
    if len(arrived) == len(domains):
        return Made(arrived)
    return Made(arrived, reply.stderr.strip() or text("relay.proof_late", seconds=_WITHIN))


def _message(domain: str, mark: str) -> str:
    lines = (
        f"From: postmaster@{domain}",
        f"To: proof@{layout.PROOF_DOMAIN}",
        "Subject: proof of signature",
        f"Date: {formatdate()}",
        f"Message-ID: <{mark}@{domain}>",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "",
        _LAST,
        "",
    )
    return base64.b64encode("\r\n".join(lines).encode()).decode("ascii")


def signed_by(messages: tuple[Proof, ...], wanted: Signed) -> bool:
    """Whether the message of a domain arrived with exactly the signature of this key."""
    found = [each for each in messages if each.domain == wanted.domain]
    return bool(found) and all(
        signatures(each.message) == ((wanted.domain, wanted.selector),) for each in found
    )
