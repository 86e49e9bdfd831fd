"""Who walks at random: does the steps of `tests.lab.walk`, and sends mail and looks around between.

What has to be true is `Broken`'s names; where something is not, the walk ends there.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import shutil
import signal
import smtplib
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from deploys.host import pmail_layout as layout
from deploys.run.outcome import VARIABLE
from keys.journal import Journal
from keys.store import KeyStore, KeyStoreError
from tests.lab import binaries
from tests.lab.actors import second_controller
from tests.lab.operator import Operator, Run
from tests.lab.process import wait_for
from tests.lab.receiver import Receiver, Verdict
from tests.lab.walk import ACCOUNT, DOMAIN, Step
from tests.lab_tests import advice
from tests.lab_tests.rotation import DISTURBED, DKIM_FOLDER, ROTATE, Watched, data, is_published
from tests.lab_tests.rotation import signer_key as signing
from tests.lab_tests.site import UNLIMITED, Server, Site, deliver, inbox, marks, send
from tests.pmail_binary import pmail_binary

RECOVER, USERS = "deploys/recover.py", "deploys/users.py"
AWAY = "/root/pmail.db"
REMEMBERS = 86400  # seconds that one receiver's resolver keeps everything for
_TTL, _SLACK = 2, 2  # seconds
_LAST = 12  # lines of a run that did not end well
_MENDS = 12  # runs until all is well
_FIXED = "default"  # the selector of a signer that knows only one; its key is replaced in place

# What others have on the host and in the zone.
THEIR_FILES = {
    "/etc/cron.d/theirs": "# 5 4 * * * root true",
    "/etc/systemd/system/theirs.service": "[Service]\nExecStart=/bin/true",
    "/etc/postfix/theirs.cf": "theirs = yes",
    "/etc/pmail-deploy/dkim/theirs": "a note",
    "/root/notes": "notes",
}
THEIR_RECORDS = (
    "www.example.test. 2 A 192.0.2.1",
    'example.test. 2 TXT "somebody=1"',
    'theirs._domainkey.example.test. 2 TXT "v=DKIM1; k=rsa; p=Zm9yZWlnbg=="',
    '_dmarc.theirs.example.test. 2 TXT "v=DMARC1; p=none"',
    "theirs.example.test. 2 MX 10 mx.recv.test.",
)


class Broken(AssertionError):
    """Something that always has to be true is not. name: what."""

    def __init__(self, name: str, about: object) -> None:
        super().__init__(f"{name}: {about}")
        self.name = name


@dataclass(frozen=True)
class Seen:
    """All that a run could change, in parts: path or owner -> content."""

    host: dict[str, str]
    zones: dict[str, str]
    here: dict[str, str]

    def but(self, other: Seen) -> list[str]:
        """What is not the same."""
        pairs = ((self.host, other.host), (self.zones, other.zones), (self.here, other.here))
        return [key for a, b in pairs for key in sorted({*a, *b}) if a.get(key) != b.get(key)]


@dataclass
class Walker:
    """A walk through one site with one server.

    folder: for second controllers, old copies and programs. print: is told what is done. sent,
    taken: marks of messages that were accepted at submission and at port 25. excused: of those that
    an emergency gave up. revoked: fingerprints of keys that have leaked. unsure: until when a key
    that was revoked in place may be remembered, in Unix seconds. direct: PMail may be what sends,
    which tries once. theirs: what others have.
    """

    site: Site
    server: Server
    folder: Path
    print: Callable[[str], None] = print
    sent: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    excused: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)
    unsure: float = 0.0
    direct: bool = False
    theirs: dict[str, str] = field(default_factory=dict)
    number: Iterator[int] = field(default_factory=itertools.count)
    _aside: dict[str, object] = field(default_factory=dict)

    def begin(self) -> None:
        """Have a server with foreign files and records around it, and caches that know its keys."""
        server, site = self.server, self.site
        server.data |= {"dkim_keep_days": 0, "dkim_ttl_slack": _SLACK}
        for zone in site.operator.zones.values():
            zone["ttl"] = _TTL
        site.remembered["admin"] = site.password(server, "admin")
        for path, text in THEIR_FILES.items():
            server.host.run(f"mkdir -p $(dirname {path}); printf '{text}' > {path}", check=True)
        for record in THEIR_RECORDS:
            site.foreign("example.test", record)
        site.dns.start_caches(REMEMBERS)
        self.theirs = self._theirs()
        begun = self.run()
        if begun.status != 0:
            raise Broken("a site can be changed", begun.output)

    def walk(self, steps: Sequence[Step], title: str) -> None:
        """Do all steps, and look after each. Raises Broken."""
        self.print(f"{title}: {len(steps)} steps\n" + "\n".join(map(str, steps)))
        for number, step in enumerate(steps, 1):
            began = time.monotonic()
            self.send()
            self.do(step)
            self.look()
            took = time.monotonic() - began
            self.print(f"{title} step {number}/{len(steps)} {step}: {took:.0f} s")

    def do(self, step: Step) -> None:
        """Do one step."""
        name = step.name.replace("-", "_")
        getattr(self, name)(*step.words)

    # -- runs ----------------------------------------------------------------------------------

    def run(self, deploy: str = "deploy.py", *options: str) -> Run:
        """A run, after which is looked whether it had the right to change what it did."""
        operator, options = self.site.operator, options or ("-y",)
        old, before, keys = self._state_is_old(), self.seen(), self._keys_there()
        outcome = {VARIABLE: str(operator.folder / "outcome")}
        try:
            done = operator.run(deploy, *options, environment=outcome)
        except TimeoutError as late:
            raise Broken("a run comes to an end", late) from None
        self._clean(done.output)
        changed = before.but(self.seen())
        refused = advice.says(done.output, "flow.refused")
        stopped = done.status != 0 and not changed
        if old and deploy != RECOVER and not stopped:
            raise Broken("a run from an older state is refused", done.output)
        if refused and done.status == 0:
            raise Broken("a refused run does not end well", done.output)
        if changed and (refused or "--dry" in options):
            raise Broken("a refusal comes before the first change", (changed, done.output))
        if lost := keys.keys() & self._published().keys() - self._keys_there().keys():
            raise Broken("no run loses a private key", (lost, done.output))
        self._note_leaked()
        self.print(f"  {deploy} {' '.join(options)}: {done.status}, {done.changed} changed")
        if done.status != 0:
            self.print("\n".join(f"  | {line}" for line in done.output.splitlines()[-_LAST:]))
        return done

    def deploy(self, option: str = "-y") -> None:
        """As a user."""
        self.run("deploy.py", option)

    def verify(self) -> None:
        """As a user."""
        self.run("deploys/verify.py")

    def recover(self) -> None:
        """Also where nothing is lost."""
        self.run(RECOVER)

    def rotate(self, how: str = "normal") -> None:
        """Rotate; what waits when a key is revoked may fail."""
        if how == "abort":
            self.run(ROTATE, *data("rotate_action=abort", "rotate_domains=example.test"))
            return
        if how == "emergency":
            self._all_arrives(60)
            self.excused |= self.sent - set(self._received())
            self.unsure = float("inf")
        more = ["rotate_emergency=1"] if how == "emergency" else []
        self._go_on(*more)
        if how == "emergency":
            self.unsure = time.time() + _TTL + _SLACK

    def _go_on(self, *more: str) -> Run:
        """A rotation that stays until it has ended, where nobody has to be waited for."""
        stays = ["rotate_wait=1"] if Receiver().daemon.pid else []
        return self.run(ROTATE, *data(*stays, *more))

    def kill_deploy(self, after: str) -> None:
        """Kill a deploy when it begins so many operations."""
        run = self.site.operator.start()
        assert run.stdout
        printed, begun = [], 0
        for line in run.stdout:
            printed.append(line)
            begun += "Starting operation" in line
            if begun == int(after):
                os.killpg(run.pid, signal.SIGKILL)
                break
        printed.append(run.stdout.read())
        run.wait()
        self._clean("".join(printed))

    def kill_rotate(self, *moment: str) -> None:
        """Kill a rotation in a step."""
        if Receiver().daemon.pid is None:
            return  # it would wait for the queue for ever
        watched = Watched(self.site, DISTURBED, PMAIL_MOMENT=" ".join(moment))
        watched.ended()
        self._clean(watched.printed)
        self._note_leaked()

    # -- what is lost, copied and changed here --------------------------------------------------

    def lose(self, what: str, where: str = "0") -> None:
        """Lose a file, a folder, all; or half of a file. where: its path, or a place among all."""
        state, keys = self.site.operator.state, self.site.operator.keys
        if what in ("state", "keys"):
            shutil.rmtree(state if what == "state" else keys, ignore_errors=True)
            return
        found = [path for each in (state, keys) for path in sorted(each.rglob("*"))]
        wanted = [p for p in found if p.is_dir() == (what == "folder") and p.suffix != ".lock"]
        named = [p for p in wanted if str(p).endswith(where)]
        place = min(int(float(where) * len(wanted)), len(wanted) - 1) if not named else 0
        if not wanted:
            return
        path = (named or wanted)[place]
        self.print(f"  {what}: {path.relative_to(self.site.operator.folder)}")
        if what == "folder":
            shutil.rmtree(path)
        elif what == "cut":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        else:
            path.unlink()

    def forget(self) -> None:
        """The host loses what it remembers."""
        self.server.host.run(f"rm -f {layout.MANIFEST}")

    def keep(self) -> None:
        """Make a copy of state and keys."""
        _copied(self.site.operator, self.folder / "old")

    def back(self) -> None:
        """Put the copy back."""
        if (self.folder / "old").exists():
            _put_back(self.folder / "old", self.site.operator)

    def turn(self) -> None:
        """It is the other controller's turn; the first time that is a copy of this one."""
        ours = self.site.operator
        name = "second" if ours.folder.name != "second" else "site"
        folder = ours.folder.with_name(name)
        there = folder.exists()
        other = replace(ours, folder=folder) if there else second_controller(ours, folder)
        self.site.operator = other

    def domain(self, zone: str) -> None:
        """A domain leaves the inventory, or comes back. zone: `keep` it there, or `too`."""
        domains, zones = list(self._domains), self.site.operator.zones
        if DOMAIN in domains:
            domains.remove(DOMAIN)
            if zone == "too":
                self._aside = zones.pop(DOMAIN)
        else:
            domains.append(DOMAIN)
            zones.setdefault(DOMAIN, self._aside)
        self.server.data["domains"] = domains

    def withdraw(self) -> None:
        """A domain that has left goes from DNS too, by consent."""
        if DOMAIN not in self._domains:
            self.run("deploy.py", "-y", "--data", f"withdraw={DOMAIN}")

    def user(self) -> None:
        """An account leaves the inventory, or comes back."""
        users = self.server.data.get("users")
        self.server.data["users"] = [] if users else [ACCOUNT]

    def outbound(self, mode: str) -> None:
        """Mail goes out another way."""
        self.direct |= mode == "direct"
        self.server.data["outbound"] = mode
        self.server.data["mailbox_limits"] = None if mode == "direct" else UNLIMITED

    def pmail(self, which: str) -> None:
        """Another PMail is wanted."""
        programs = self.folder / which
        programs.mkdir(exist_ok=True)
        make = {
            "other": binaries.other_version,
            "false": binaries.ends_at_once,
            "spoiler": binaries.spoiler,
        }
        self.server.data["pmail_source"] = str(
            make[which](programs) if which in make else pmail_binary().path
        )

    # -- trouble on the host and around it --------------------------------------------------------

    def reboot(self) -> None:
        """As a user."""
        self.server.host.reboot()

    def power_cut(self) -> None:
        """While whatever is going on is going on."""
        self.server.host.power_cut()

    def dns_down(self, name: str) -> None:
        """A name server is down until things are mended."""
        if all(self.site.dns.daemons[each].pid for each in ("bind", "knot")):
            self.site.dns.daemons[name].stop()

    def far_down(self) -> None:
        """Nobody takes our mail until things are mended."""
        if not self.direct:
            Receiver().daemon.stop()

    def far_up(self) -> None:
        """They take mail again."""
        if Receiver().daemon.pid is None:
            Receiver().restart()
            self.server.host.run("postqueue -f")

    def database_away(self) -> None:
        """Somebody moves the database away."""
        self.server.host.run(
            f"systemctl stop pmail; [ -e {AWAY} ] || mv {layout.DATABASE} {AWAY}; "
            "systemctl start --no-block pmail"
        )

    # -- mending -------------------------------------------------------------------------------

    def mend(self, how: str) -> None:
        """End all trouble, run and do as is told until a run ends well; then nothing is to do.

        how: `copy` takes the state of the controller that wrote last where one is refused for an
        older state, `recover` makes it anew.
        """
        self.far_up()
        for name in ("bind", "knot"):
            if self.site.dns.daemons[name].pid is None:
                self.site.dns.restart(name)
        done = self._until_well(how)
        again = self.run()
        if (again.status, again.changed) != (0, 0):
            raise Broken("the run after mending says No changes", (done.output, again.output))
        self.direct = self.server.data["outbound"] == "direct"
        self.settled()

    def _until_well(self, how: str) -> Run:
        done = self.run()
        for _ in range(_MENDS):
            if done.status == 0 and not self._going_on():
                return done
            told = advice.of(done.output, going_on=bool(self._going_on()))
            self.print(f"  told: {told}")
            if told is None:
                raise Broken("what a run asks for can be done", done.output)
            did = self._follow(told, how)
            # What stands in the way of that comes first.
            stopped = did is not None and did.status != 0 and advice.of(did.output, going_on=False)
            done = did if did is not None and stopped else self.run()
        raise Broken("a site can be mended by doing what is told", done.output)

    def _follow(self, told: advice.Told, how: str) -> Run | None:
        """Do what a message says; the run that this was, if any."""
        match told.what:
            case advice.What.RECOVER:
                for each in told.paths:
                    _moved_away(Path(each))
                return self.run(RECOVER)
            case advice.What.OLDER if how == "copy" and (newest := self._newest()):
                _put_back(newest, self.site.operator)
            case advice.What.OLDER:
                for path in (self.site.operator.state, self.site.operator.keys):
                    _moved_away(path)
                return self.run(RECOVER)
            case advice.What.PASSWORD:
                return self._another_password()
            case advice.What.DATABASE:
                self.server.host.run(f"mv {AWAY} {layout.DATABASE}", check=True)
            case advice.What.ROTATE:
                return self._rotate_on()
            case advice.What.FORMER_PMAIL:
                self.pmail("usual")
            case advice.What.MOVE_AWAY:
                for each in told.paths:
                    _moved_away(Path(each))
            case advice.What.AGAIN:
                pass
        return None

    def _another_password(self) -> Run:
        """The administrator's is lost here: another one is set."""
        done = self.run(USERS, *data("users_action=password", "users_account=admin"))
        if done.status == 0:
            del self.site.remembered["admin"]
            self.site.remembered["admin"] = self.site.password(self.server, "admin")
        return done

    def _rotate_on(self) -> Run:
        """A rotation goes on; one of a domain that has left may need it back."""
        done = self._go_on()
        gone = ("rotation.no_zone", "rotation.no_server")
        if DOMAIN not in self._domains and any(advice.says(done.output, each) for each in gone):
            self.domain("keep")
        return done

    def _newest(self) -> Path | None:
        """The folder of the controller that wrote to the host last."""
        ours = self.site.operator.folder
        for each in (ours.with_name("site"), ours.with_name("second"), self.folder / "old"):
            if self._stamp() in _known_marks(each / "state"):
                return each
        return None

    # -- mail ----------------------------------------------------------------------------------

    def send(self) -> None:
        """Send one message out and one in for each domain; who is refused knows it."""
        for domain in self._domains:
            mark = f"mark-out-{next(self.number)}-{domain}"
            try:
                send(self.site, self.server, "a@recv.test", domain=domain, subject=mark)
                self.sent.add(mark)
            except (OSError, smtplib.SMTPException) as error:
                self.print(f"  not sent: {mark}: {error}")
            mark = f"mark-in-{next(self.number)}-{domain}"
            try:
                deliver(self.server, "friend@recv.test", f"admin@{domain}", mark)
                self.taken.add(mark)
            except (OSError, smtplib.SMTPException) as error:
                self.print(f"  not taken: {mark}: {error}")
        if self.direct:
            self._all_arrives(30)

    def _received(self) -> dict[str, Verdict]:
        """The receivers' verdicts by mark."""
        found = ((marks([each]), each) for each in Receiver().verdicts())
        return {mark: each for counted, each in found for mark in counted}

    def _all_arrives(self, seconds: float) -> bool:
        def there() -> bool:
            self.server.host.run("postqueue -f")
            return not self.sent - self.excused - set(self._received())

        return wait_for(there, seconds, 1.0)

    def _in_the_mailbox(self, seconds: float) -> set[str]:
        """What was taken and does not get into the mailbox."""
        left = set(self.taken)

        def there() -> bool:
            self.server.host.run("postqueue -f")
            box = set(re.findall(r"mark-in-\S+", inbox(self.site, self.server)))
            left.intersection_update(self.taken - box)
            return not left

        wait_for(there, seconds, 2.0)
        return left

    # -- what always has to be true -------------------------------------------------------------

    def look(self) -> None:
        """After each step. Raises Broken."""
        wrong = {
            mark: (each.dkim, each.caches, _selector(each))
            for mark, each in self._received().items()
            if not self._verifies(each) and mark not in self.excused
        }
        if wrong:
            raise Broken("what was accepted verifies at a cold and at a warm resolver", wrong)
        if (theirs := self._theirs()) != self.theirs:
            changed = {key for key in self.theirs if self.theirs[key] != theirs[key]}
            raise Broken("nothing of others changes", changed)

    def settled(self) -> None:
        """After mending. Raises Broken."""
        sent_before = (set(self.sent), set(self.taken))
        self.send()
        if (self.sent, self.taken) == sent_before:
            raise Broken("a mended server takes mail", self._queue())
        if not self._all_arrives(120):
            late = self.sent - self.excused - set(self._received())
            raise Broken("what was accepted is delivered", (late, self._queue()))
        if left := self._in_the_mailbox(120):
            raise Broken("what was accepted is in its mailbox", (left, self._queue()))
        self.look()
        self._keys_are_safe()

    def _keys_are_safe(self) -> None:
        private, published = self._private_keys(), self._published()
        selector, key = signing(self.site, self.server)
        if not is_published(self.site, self.server, selector, key):
            raise Broken("the key that signs is published", selector)
        if alive := {path for path, each in private.items() if each in self.revoked}:
            raise Broken("no private key outlives its revocation", alive)
        if alive := {owner for owner, each in published.items() if each in self.revoked}:
            raise Broken("no revoked key is published", alive)

    def _keys_there(self) -> dict[str, str]:
        """Owners of key records, of which there is the private key somewhere."""
        private = set(self._private_keys().values())
        return {owner: each for owner, each in self._published().items() if each in private}

    def _verifies(self, verdict: Verdict) -> bool:
        asked = ["cold", "warm", "stretching"]
        if _selector(verdict) == _FIXED:
            if verdict.when < self.unsure:
                return True
            asked.remove("stretching")  # it keeps records for longer than their TTL
        return verdict.dkim == "pass" and all(verdict.caches[each] == "pass" for each in asked)

    def _clean(self, output: str) -> None:
        if "Traceback" in output:
            raise Broken("no traceback is shown", output)
        if shown := [each for each in self._secrets() if each in output]:
            raise Broken("no secret is shown", shown)

    def _secrets(self) -> Iterator[str]:
        yield from self.site.remembered.values()
        yield from self.site.operator.secrets.values()
        for path in self.site.operator.keys.rglob("*.key"):
            yield from path.read_text().splitlines()[1:2]

    def _note_leaked(self) -> None:
        """Keys that an emergency has ended with."""
        journal = self.site.operator.state / "rotation" / "history.jsonl"
        for line in journal.read_text().splitlines() if journal.exists() else ():
            try:
                there = json.loads(line)
            except ValueError:
                continue
            if there["emergency"]:
                self.revoked.add(there["old"]["fingerprint"])

    def _private_keys(self) -> dict[str, str]:
        """Private keys here and on the host: path -> fingerprint."""
        store, found = KeyStore(self.site.operator.keys), dict[str, str]()
        for domain in sorted(path.name for path in self.site.operator.keys.glob("*")):
            with suppress(KeyStoreError):  # cut
                found |= {f"{domain}/{e.name}": e.fingerprint for e in store.kept(domain)}
        lines = self.server.host.run(
            f"for f in $(grep -lrs 'PRIVATE KEY' {DKIM_FOLDER} {layout.DKIM_FOLDER}); do "
            "echo $f $(openssl pkey -in $f -pubout -outform DER | sha256sum); done"
        )
        return found | {line.split()[0]: line.split()[1] for line in lines.splitlines()}

    def _published(self) -> dict[str, str]:
        """Keys that mail could be signed with, as the zones have them: owner -> fingerprint."""
        found = dict[str, str]()
        if self.site.dns.daemons["bind"].pid is None:
            return found
        for zone in ("example.test", DOMAIN):
            for line in self.site.records(zone).splitlines():
                owner = line.split()[0]
                if "._domainkey." not in owner or owner.startswith("theirs."):
                    continue
                (value,) = self.site.txt(owner)
                key = value.rpartition("p=")[2]
                if key:
                    found[owner] = hashlib.sha256(b64decode(key)).hexdigest()
        return found

    def _theirs(self) -> dict[str, str]:
        found = {}
        for path in THEIR_FILES:
            found[path] = self.server.host.run(f"stat -c '%A %U %G' {path}; cat {path}")
        if self.site.dns.daemons["bind"].pid is None:
            return found | {each: self.theirs[each] for each in THEIR_RECORDS}
        lines = self.site.records("example.test").splitlines()
        shown = {" ".join(line.split()).replace(" IN ", " ") for line in lines}
        return found | {each: str(each in shown) for each in THEIR_RECORDS}

    def seen(self) -> Seen:
        """All that a run could change."""
        zones = {}
        if self.site.dns.daemons["bind"].pid is not None:
            zones = {each: self.site.records(each) for each in ("example.test", DOMAIN)}
        operator = self.site.operator
        here = {
            str(path.relative_to(operator.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for each in (operator.state, operator.keys)
            for path in each.rglob("*")
            if path.is_file() and path.suffix != ".lock"
        }
        return Seen(self.site.tree(self.server), zones, here)

    # -- how things stand ------------------------------------------------------------------------

    @property
    def _domains(self) -> list[str]:
        domains = self.server.data["domains"]
        assert isinstance(domains, list)
        return domains

    def _stamp(self) -> str | None:
        """The mark of the last write to the host, as it remembers it."""
        text = self.server.host.run(f"cat {layout.MANIFEST} 2>/dev/null")
        return json.loads(text)["stamp"]["mark"] if text else None

    def _state_is_old(self) -> bool:
        stamp = self._stamp()
        return stamp is not None and stamp not in _known_marks(self.site.operator.state)

    def _going_on(self) -> list[str]:
        """Domains whose key is being replaced."""
        return list(Journal(self.site.operator.state).domains())

    def _queue(self) -> str:
        return self.server.host.run("postqueue -p; journalctl -q -n 30 --no-pager -o cat")


def _selector(verdict: Verdict) -> str:
    found = re.search(r"\bs=([^;\s]+)", verdict.message)
    return found[1] if found else ""


def _known_marks(state: Path) -> set[str]:
    """Marks of the writes that a state knows to be its own."""
    try:
        hosts = json.loads((state / "site.json").read_text())["hosts"].values()
    except (OSError, ValueError):
        return set()
    return {each[name] for each in hosts for name in ("mark", "pending") if each[name]}


def _copied(operator: Operator, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for each in (operator.state, operator.keys):
        if each.exists():
            shutil.copytree(each, folder / each.name)


def _put_back(folder: Path, operator: Operator) -> None:
    for each in (operator.state, operator.keys):
        if folder / each.name == each:
            continue
        shutil.rmtree(each, ignore_errors=True)
        if (folder / each.name).exists():
            shutil.copytree(folder / each.name, each)


def _moved_away(path: Path) -> None:
    if path.exists():
        path.rename(path.with_name(f"{path.name}.away-{time.time_ns()}"))
