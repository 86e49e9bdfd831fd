"""Which keys the messages in the queue were signed with: the script, and its output."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# The queue of a Postfix that is down is read, too; one that never was holds nothing.
LIST = "command -v postqueue >/dev/null || exit 0; exec postqueue -j"
# A message that has left since is no matter.
_SCRIPT = r"""
for id in @ids@; do
    echo "@$id"
    postcat -hq "$id" 2>/dev/null \
        | awk '/^[^ \t]/ { ours = tolower($0) ~ /^dkim-signature[ \t]*:/ } ours'
done
"""
_ID = re.compile(r"[A-Za-z0-9]+")
_TAG = re.compile(r"(?:^|;)([ds])=([^;]*)")

Signer = tuple[str, str]  # d=, s=


def script(ids: Iterable[str]) -> str:
    """Return the script that shows the signatures of messages. ids: Postfix's, of its queue."""
    return _SCRIPT.replace("@ids@", " ".join(each for each in ids if _ID.fullmatch(each)))


def parse(output: str) -> Mapping[str, frozenset[Signer]]:
    """Return the signing domain and selector of each signature, by queue id."""
    found: dict[str, frozenset[Signer]] = {}
    for part in re.split(r"^@", output, flags=re.MULTILINE):
        queue_id, _, headers = part.partition("\n")
        if _ID.fullmatch(queue_id):
            found[queue_id] = frozenset(_signers(headers))
    return found


def _signers(headers: str) -> Iterable[Signer]:
    for each in re.split(r"\n(?![ \t])", headers):
        tags = dict(_TAG.findall(re.sub(r"\s", "", each.partition(":")[2])))
        if {"d", "s"} <= tags.keys():
            yield tags["d"].lower(), tags["s"].lower()
