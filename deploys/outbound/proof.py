"""Proof by a message: from each domain through signer and Postfix into a sink on the host.

It goes the way that PMail's mail goes (same listener, signer and delivery client) and is read
where another server would receive it, so it shows the signature and the greeting as they are.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from email.utils import formatdate

from pyinfra.api import Host

from deploys.outbound import layout
from deploys.outbound.configure import Signed
from deploys.remote import read
from probes.proof import Proof, parse, signatures

_WITHIN = 20  # seconds for all messages to arrive

_SCRIPT = r"""
umask 077
work=$(mktemp -d /tmp/pmail-deploy-proof.XXXXXX) || exit 1
trap 'kill $sink 2>/dev/null; rm -rf "$work"' EXIT
mkdir "$work/received"; chown nobody "$work/received"; chmod 711 "$work"
smtp-sink -u nobody -d "$work/received/m." 127.0.0.1:@port@ 20 2>/dev/null &
sink=$!
# Who comes before it listens is deferred, and tried again much later.
for i in $(seq 100); do ss -Hltn 'sport = :@port@' | grep -q . && break; sleep 0.1; done
while read -r domain message; do
    printf %s "$message" | base64 -d > "$work/message" || continue
    said=$(curl -sv --noproxy '*' --max-time 15 --mail-from "postmaster@$domain" \
        --mail-rcpt "proof@@sink_domain@" --upload-file "$work/message" \
        smtp://127.0.0.1:@relay@/@sink_domain@ 2>&1) \
        || printf '%s\n' "$said" | grep -e '^< [45]' -e '^curl: ' >&2
done
for i in $(seq @tries@); do
    [ "$(ls "$work/received" | wc -l)" -lt @count@ ] || break
    sleep 0.1
done
# What did not arrive is no mail: it shall not wait for days.
postqueue -j 2>/dev/null | grep -F '"proof@@sink_domain@"' \
    | sed -n 's/.*"queue_id": "\([A-Za-z0-9]*\)".*/\1/p' | postsuper -d - 2>/dev/null
for file in "$work"/received/*; do [ -f "$file" ] && echo "got $(base64 -w0 < "$file")"; done
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
        _SCRIPT.replace("@port@", str(layout.PROOF_PORT))
        .replace("@relay@", str(layout.PORT))
        .replace("@sink_domain@", layout.PROOF_DOMAIN)
        .replace("@tries@", str(_WITHIN * 10))
        .replace("@count@", str(len(domains)))
    )
    lines = (f"{domain} {_message(domain, mark)}" for domain in domains)
    reply = read(host, script, stdin="\n".join(lines) + "\n", timeout=120)
    found = (line.removeprefix("got ") for line in reply.stdout.splitlines() if "got " in line)
    messages = (parse(base64.b64decode(each)) for each in found)
    arrived = tuple(each for each in messages if mark.encode() in each.message)
    complaint = "" if len(arrived) == len(domains) else reply.stderr.strip()
    return Made(arrived, complaint)


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
        "This message proves that the server signs; it never leaves it.",
        "",
    )
    return base64.b64encode("\r\n".join(lines).encode()).decode("ascii")


def signed_by(messages: tuple[Proof, ...], wanted: Signed) -> bool:
    """Whether the message of a domain arrived with exactly the signature of this key."""
    found = [each for each in messages if each.domain == wanted.domain]
    return bool(found) and all(
        signatures(each.message) == ((wanted.domain, wanted.selector),) for each in found
    )
