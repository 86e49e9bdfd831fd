"""Signatures of what waits: each message's own, from its headers only, however they are folded."""

from __future__ import annotations

import subprocess
from pathlib import Path

from probes.host import queued

MESSAGES = {
    "4ABC01": (
        "Received: from a (d=no.test; s=no)\n"
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=example.test;\n"
        "\ts=pm202611a; t=1764200000; i=@example.test;\n"
        "\th=From:To; b=d=wrong\n"
        "Subject: d=other.test; s=other\n"
    ),
    "4ABC02": (
        "dkim-signature : V=1; s = PM202611B ; d = EXAMPLE.\n test; b=x\n"
        "DKIM-Signature: v=1; d=second.test; s=pm202611a; b=y\n"
    ),
    "4ABC03": "Subject: none\n",
    "4ABC05": "DKIM-Signature: v=1; d=example.test; b=no selector\n",
}
SIGNERS = {
    "4ABC01": {("example.test", "pm202611a")},
    "4ABC02": {("example.test", "pm202611b"), ("second.test", "pm202611a")},
    "4ABC03": set[tuple[str, str]](),
    "4ABC04": set[tuple[str, str]](),  # has left meanwhile
    "4ABC05": set[tuple[str, str]](),
}


def test_each_message_shows_who_signed_it(tmp_path: Path) -> None:
    program = tmp_path / "postcat"
    program.write_text(f'#!/bin/sh\n[ "$1" = -hq ] && exec cat {tmp_path}/$2.eml\n')
    program.chmod(0o755)
    for queue_id, headers in MESSAGES.items():
        (tmp_path / f"{queue_id}.eml").write_text(headers)
    ids = (*SIGNERS, "; touch /tmp/never", "")
    found = subprocess.run(
        ["sh", "-c", queued.script(ids)],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert queued.parse(found.stdout) == {each: frozenset(who) for each, who in SIGNERS.items()}
    assert queued.parse("") == {}
