"""Key rotations in the lab: run them, and see what DNS, hosts, store and history have of them."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keys.rotation import Step
from tests.lab.nameservers import CACHES, PRIMARY, SECONDARY
from tests.lab.operator import Run
from tests.lab.process import wait_while_it_moves
from tests.lab.receiver import Receiver, Verdict
from tests.lab_tests.site import Sent, Server, Site, marks, submit

ROTATE = "deploys/rotate_dkim.py"
DISTURBED = "tests/lab/rotate_disturbed.py"
KEY_TABLE = "/etc/pmail-deploy/dkim/KeyTable"
DKIM_FOLDER = "/etc/pmail-deploy/dkim"
PMAIL_KEY = "/var/lib/pmail/config/dkim/dkim.priv"
# How often what is killed or broken at every step is: CI does it once.
TIMES = int(os.environ.get("PMAIL_TIMES", "1"))


def data(*values: str) -> list[str]:
    """Options of a run with this `--data`."""
    return ["-y", *(word for each in values for word in ("--data", each))]


def rotate(site: Site, *values: str) -> Run:
    """Rotate, with this `--data`."""
    return site.operator.run(ROTATE, *data(*values))


def selectors(site: Site, domain: str) -> list[str]:
    """Selectors of the key records of a domain at the primary."""
    owner = rf"^([a-z0-9]+)\._domainkey\.{re.escape(domain)}\.\s.*\sTXT\s"
    return sorted(set(re.findall(owner, site.records(domain), re.MULTILINE)))


def going_on(site: Site, domain: str = "example.test") -> dict[str, Any] | None:
    """The journal of the rotation that is going on."""
    path = site.operator.state / "rotation" / f"{domain}.json"
    found: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
    return found


def a_day_passes(site: Site, domain: str) -> None:
    """Have a rotation that waits have waited for a day more."""
    path = site.operator.state / "rotation" / f"{domain}.json"
    there = json.loads(path.read_text())
    there["entered"] -= 86400
    path.write_text(json.dumps(there))


def history(site: Site, domain: str = "example.test") -> list[dict[str, Any]]:
    """Records of rotations that have ended."""
    path = site.operator.state / "rotation" / "history.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [each for each in map(json.loads, lines) if each["domain"] == domain]


def arrived(sent: Sent) -> list[Verdict]:
    """What was found of all accepted messages, once they have arrived."""

    def found() -> list[Verdict]:
        return [each for each in Receiver().verdicts() if marks([each]).keys() & sent.accepted]

    # Some may be tried again: where it is busy, a connection is lost now and then.
    assert wait_while_it_moves(lambda: len(sent.accepted - marks(found()).keys()), 120, pause=1.0)
    return found()


def has_sent(count: int) -> bool:
    """Wait until so many messages more have arrived."""
    wanted = Receiver().count() + count
    return wait_while_it_moves(lambda: wanted - Receiver().count(), 60)


@dataclass(frozen=True)
class Failure:
    """A signature that did not verify: when it came, how, and under which selector it was made."""

    when: float
    result: str
    selector: str


def failures(verdicts: list[Verdict]) -> dict[str, list[Failure]]:
    """Signatures that did not verify, by each of the three receivers' resolvers."""
    assert verdicts and all(set(each.caches) == set(CACHES) for each in verdicts)
    found: dict[str, list[Failure]] = {name: [] for name in CACHES}
    for each in verdicts:
        selector = re.search(r"\bs=([^;\s]+)", each.message)
        for name, result in each.caches.items():
            if result != "pass":
                found[name].append(Failure(each.when, result, selector[1] if selector else ""))
    return found


NONE: dict[str, list[Failure]] = {name: [] for name in CACHES}


# -- the key in use ----------------------------------------------------------------------------


def signer_key(site: Site, server: Server) -> tuple[str, str]:
    """Selector and key (base64) that the signer has on the host."""
    if server.data["outbound"] == "direct":
        path, selector = PMAIL_KEY, "default"
    else:
        table = server.host.run(f"cat {KEY_TABLE}")
        found = re.search(rf"{re.escape(server.domain)}:([a-z0-9]+):(\S+)", table)
        assert found, table
        selector, path = found[1], found[2]
    lines = server.host.run(f"openssl pkey -in {path} -pubout").splitlines()
    return selector, "".join(line for line in lines if not line.startswith("-"))


def in_use(server: Server) -> dict[str, str]:
    """Each domain's selector that the signer has."""
    table = server.host.run(f"cat {KEY_TABLE}")
    return dict(re.findall(r"^\S+\s+([^:\s]+):([^:\s]+):", table, re.MULTILINE))


def is_published(site: Site, server: Server, selector: str, key: str) -> bool:
    """Whether a key is what each name server that runs shows under its selector, alone."""
    owner, shown = f"{selector}._domainkey.{server.domain}", list[list[str]]()
    for name, address in (("bind", PRIMARY), ("knot", SECONDARY)):
        if site.dns.daemons[name].pid is not None:
            values = site.dns.records(owner, "TXT", address)
            shown.append([each.replace('" "', "").strip('"') for each in values])
    return all(len(values) == 1 and values[0].endswith(f"p={key}") for values in shown)


def assert_safe(site: Site, server: Server, where: str) -> None:
    """What is signed now can be verified, or nothing can be sent."""
    if server.answers(465):
        assert is_published(site, server, *signer_key(site, server)), where


def assert_one_key(site: Site, server: Server, rotations: int) -> None:
    """Nothing is going on; one key is active, everywhere, and no other private one is left."""
    domain = server.domain
    assert going_on(site, domain) is None
    selector, key = signer_key(site, server)
    # An emergency leaves a record that says so; in place, the new key's has taken it over.
    leaked = {each["old"]["selector"] for each in history(site, domain) if each["emergency"]}
    revoked = leaked - {selector}
    assert selectors(site, domain) == sorted({selector, *revoked})
    for each in revoked:
        assert site.txt(f"{each}._domainkey.{domain}") == ["v=DKIM1; p="]
    assert is_published(site, server, selector, key)
    verdict = submit(site, server, to="someone@recv.test")
    assert (verdict.dkim, verdict.dmarc) == ("pass", "pass")
    assert f"s={selector};" in verdict.message
    assert len(list((site.operator.keys / domain).glob("*.key"))) == 1
    kept = server.host.run(
        f"grep -lrs 'PRIVATE KEY' {DKIM_FOLDER} $(dirname {PMAIL_KEY}) | grep -c ."
    )
    # Beside a signer of its own PMail has a key that is nobody's.
    assert int(kept) == (1 if server.data["outbound"] == "direct" else 2)
    assert len(history(site, domain)) == rotations, history(site, domain)


# -- stopping and breaking it ------------------------------------------------------------------


class Watched:
    """A running rotation whose output is read as it comes."""

    def __init__(
        self, site: Site, deploy: str = ROTATE, *, emergency: bool = False, **environment: str
    ) -> None:
        options = data("rotate_wait=1", *(["rotate_emergency=1"] if emergency else []))
        self._run = site.operator.start(deploy, *options, environment=environment)
        self._printed: list[str] = []
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self._run.stdout
        for line in self._run.stdout:
            self._printed.append(line)

    @property
    def printed(self) -> str:
        """All that it printed so far."""
        return "".join(self._printed)

    def wait_until(self, true: Callable[[], bool]) -> None:
        """Wait until this is so, or it has ended."""
        while self._run.poll() is None and not true():
            time.sleep(0.01)

    def kill_when(self, true: Callable[[], bool]) -> None:
        """Kill it and all it has started as soon as this is so, unless it has ended before."""
        self.wait_until(true)
        with suppress(ProcessLookupError):
            os.killpg(self._run.pid, signal.SIGKILL)
        self.ended()

    def ended(self) -> int:
        """Wait for its end; its status."""
        status = self._run.wait()
        self._thread.join()
        return status


def is_doing(site: Site, step: Step) -> bool:
    """Whether a run is at work on this step now: it holds the rotation's lock."""
    there, lock = going_on(site), site.operator.state / "rotation" / "example.test.lock"
    if there is None or there["step"] != step or not lock.exists():
        return False
    return f":{lock.stat().st_ino} " in Path("/proc/locks").read_text()
