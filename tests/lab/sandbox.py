"""The whole job on this machine: a fresh VPS, a real zone, the deploy, the report, a message.

`python -m tests.lab.sandbox` (scripts/sandbox). Everything is thrown away at the end; nothing of
the machine itself is touched.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab import __main__ as lab
from tests.lab.network import Network, state
from tests.lab.operator import Operator
from tests.lab_tests.site import OF_PMAIL_ALONE, OF_THE_LAB, Server, Site, acme, submit
from tests.pmail_binary import pmail_binary

DOMAINS = DOMAIN, SECOND = "example.test", "second.test"


def main() -> int:
    """Run the job twice and show what came of it. Returns the exit status."""
    binary = pmail_binary()
    kind = "the real binary" if binary.real else "the stand-in of tests/stand_in"
    say(f"PMail: {kind}")
    say("Starting the lab: name servers, certificate authority, receiver")
    with running():
        site = Site(Operator(state() / "site", Network().inside))
        site.operator.folder.mkdir()
        say("Booting a fresh Debian 12 with systemd and sshd")
        site.add_zone(SECOND)
        data = {**acme("acme-http"), "domains": [DOMAIN, SECOND]}
        server = site.add_server(DOMAIN, users=["bob"], **data)
        good = [in_mode(site, server, mode) for mode in ("relay", "direct")]
        return 0 if all(good) else 1


def in_mode(site: Site, server: Server, mode: str) -> bool:
    """Run the job twice in an outbound mode; whether all is as promised."""
    server.data["outbound"] = mode
    say(f"Outbound mode {mode}, first run: pyinfra inventory.py deploy.py -y")
    first = deploy(site)
    say("Second run: nothing should be left to do")
    second = deploy(site)
    return shown(site, server, first, second)


@contextmanager
def running() -> Iterator[None]:
    """The lab, up meanwhile."""
    lab.down()
    lab.up()
    try:
        yield
    finally:
        say("Ending everything")
        lab.down()


def deploy(site: Site) -> tuple[int, int]:
    """Run the deploy and show its output as it comes; returns exit status and changes."""
    site.operator.write_inventory()
    process = subprocess.Popen(
        site.operator.command("deploy.py", "-y"),
        env=site.operator.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    changes = 0
    for line in process.stdout:
        changes += line.rstrip().endswith("Success")
        print(line, end="", flush=True)
    return process.wait(), changes


def shown(site: Site, server: Server, first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Show the outcome; whether all is as promised."""
    mode = server.data["outbound"]
    verdicts = {each: submit(site, server, "someone@recv.test", domain=each) for each in DOMAINS}
    results = site.report(server)
    others = sorted({str(each["check"]) for each in results if each["status"] != "pass"})
    green = sum(each["status"] == "pass" for each in results)
    here = OF_THE_LAB | (OF_PMAIL_ALONE if mode == "direct" else frozenset())
    known = f", and as it must be here: {', '.join(others)}" if others and here >= {*others} else ""
    good = {
        f"first run: exit status {first[0]}, {first[1]} changes": first[0] == 0,
        f"second run: exit status {second[0]}, "
        + ("No changes" if second[1] == 0 else f"{second[1]} changes"): second == (0, 0),
        f"report: {green} of {len(results)} checks green{known}": green > 0 and here >= {*others},
    }
    for domain, verdict in verdicts.items():
        auth = f"spf={verdict.spf} dkim={verdict.dkim} dmarc={verdict.dmarc}"
        line = f"{mode}: a message of {domain} to another server: {auth}"
        good[line] = auth == "spf=pass dkim=pass dmarc=pass"
    print()
    for line, true in good.items():
        say(f"{'ok  ' if true else 'FAIL'} {line}")
    return all(good.values())


def say(line: str) -> None:
    """Tell what is going on."""
    print(f"==> {line}", flush=True)


if __name__ == "__main__":
    lab.prepare()
    sys.exit(main())
