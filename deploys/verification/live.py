"""The live proof: mail as users and other servers send it, by accounts that are there meanwhile.

Two accounts are made on the host, and taken away again with all their mail: at the end, by a timer
of the host where nobody comes to that, and before the next proof. What leaves goes into a sink on
the host, by the way that all mail takes; nobody else gets any.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from pyinfra.api import Host

from deploys.accounts.database import stored_password
from deploys.accounts.stored import PROOF_NAME
from deploys.host import edge_layout as edge
from deploys.host import outbound_layout as relay
from deploys.host import pmail_layout as layout
from deploys.host.remote import read
from deploys.verification.far import Far
from postmaster import live_mail
from postmaster.live_mail import Letter
from postmaster.outbound import mode_of
from postmaster.settings import MailServer
from probes.host.as_user import as_user
from probes.host.live import Carried, LiveView, Way
from probes.host.proof import Proof, parse, verified
from probes.world import mailing
from probes.world.dns import Resolvers
from probes.world.mailing import Account, Imap, Reached, Taken

_FOLDER = "/run/pmail-deploy-live"
_UNIT = "pmail-deploy-live.service"
_LASTS = 900  # seconds, after which the host takes everything away by itself
_ARRIVES = 60.0  # seconds
_PROOFS = f"select id from user where name = '{PROOF_NAME}' and account glob 'proof-[0-9a-f]*'"

# One statement a line. A message that is in somebody else's mailbox, too, stays.
_WIPE_SQL = f"""begin immediate;
delete from email where send_user_id in ({_PROOFS}) and id not in (select email_id from user_email where user_id not in ({_PROOFS}));
delete from email where id in (select email_id from user_email where user_id in ({_PROOFS})) and id not in (select email_id from user_email where user_id not in ({_PROOFS}));
delete from user_email where user_id in ({_PROOFS});
delete from user where name = '{PROOF_NAME}' and account glob 'proof-[0-9a-f]*';
commit;
"""  # noqa: E501 - a statement is a line

# What is run when the unit ends, however it does.
_WIPE = r"""#!/bin/sh
rm -f @proving@
if command -v postqueue >/dev/null 2>&1; then
    postqueue -j 2>/dev/null \
        | grep -E '"(proof-[0-9a-f]{12}[wr]@[^"]*|[^"]*@@sink_domain@)"' \
        | sed -n 's/.*"queue_id": "\([A-Za-z0-9]*\)".*/\1/p' | postsuper -d - 2>/dev/null
fi
cd /
@sqlite@ -bail @database@ < @folder@/wipe.sql
rm -rf @folder@
"""

# Standard input: what makes the accounts. An earlier proof is taken away first.
_OPEN = r"""
umask 077
systemctl stop @unit@ 2>/dev/null
systemctl reset-failed @unit@ 2>/dev/null
command -v sqlite3 >/dev/null || { echo no sqlite3 >&2; exit 1; }
mkdir -p -m 711 @folder@ && mkdir -p @folder@/received || exit 1
chown nobody @folder@/received
cat > @folder@/wipe.sql <<'END'
@wipe_sql@END
cat > @folder@/wipe <<'END'
@wipe@END
cd /
@sqlite@ -bail @database@ < @folder@/wipe.sql || exit 1
systemd-run -q --collect --unit=@unit@ -p RuntimeMaxSec=@lasts@ \
    -p ExecStopPost='/bin/sh @folder@/wipe' @serves@ || exit 1
@sqlite@ -bail @database@ || exit 1
@begin@
"""
# In modes with Postfix: a sink, that has to listen before anything is sent.
_SINK = (
    "smtp-sink -u nobody -d @folder@/received/m. 127.0.0.1:@port@ 20",
    ": > @proving@\n"
    "for i in $(seq 100); do ss -Hltn 'sport = :@port@' | grep -q . && break; sleep 0.1; done",
)
_NO_SINK = ("sleep @lasts@", "")

# Prints each message that is in the sink with one of the marks, waiting for those that are late.
_COLLECT = r"""
as_sink() { timeout 20 @as_sink@ "$@"; }
there() { as_sink grep -rlF -e '@mark@' @folder@/received 2>/dev/null; }
# The sink makes the file when a message begins, and closes it when that has ended.
pid=$(systemctl show -P MainPID @unit@)
open() { ls -l /proc/$pid/fd 2>/dev/null | grep -c @folder@/received; }
for i in $(seq @tries@); do
    [ $(there | wc -l) -lt @count@ ] || [ $(open) -gt 0 ] || break
    sleep 0.2
done
there | while read -r file; do echo "got $(as_sink base64 -w0 "$file")"; done
exit 0
"""


# PMail and the program before it still note what they have done with a message.
_CLOSE = r"""
for i in $(seq 50); do
    postqueue -j 2>/dev/null | grep -q 'proof-@mark@' || break
    sleep 0.2
done
sleep 1
systemctl stop @unit@
"""


def proven(host: Host, server: MailServer, far: Far | None) -> LiveView:
    """Send mail by every way that the server has, and return what became of it.

    far: a mailbox elsewhere that is sent to as well.
    """
    proof = _Proof(host, server)
    if reason := proof.open():
        return LiveView(reason=reason)
    try:
        return proof.carry(far)
    finally:
        proof.close()


@dataclass(slots=True)
class _Proof:
    """One proof: its accounts, the messages of its ways, how the server is reached."""

    host: Host
    server: MailServer
    mark: str = field(default_factory=lambda: secrets.token_hex(6))

    @property
    def writer(self) -> str:
        return f"proof-{self.mark}w"

    @property
    def reader(self) -> str:
        return f"proof-{self.mark}r"

    def account(self, name: str) -> Account:
        """Return an account, with a password that is made once."""
        password = self._passwords.setdefault(name, secrets.token_urlsafe(24))
        return Account(name, f"{name}@{self.server.primary}", password)

    _passwords: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def _relayed(self) -> bool:
        return mode_of(self.server).relayed

    def open(self) -> str:
        """Make the accounts and the sink; returns why that could not be, "" where it could."""
        serves, begin = _SINK if self._relayed else _NO_SINK
        script = self._filled(
            _OPEN.replace("@wipe@", _WIPE)
            .replace("@serves@", serves)
            .replace("@begin@", begin)
            .replace("@wipe_sql@", _WIPE_SQL)
        )
        rows = ", ".join(
            f"('{each.name}', '{PROOF_NAME}', '{stored_password(each.password)}', 0, 0)"
            for each in map(self.account, (self.writer, self.reader))
        )
        columns = "account, name, password, disabled, is_admin"
        made = read(self.host, script, stdin=f"insert into user ({columns}) values {rows};\n")
        return "" if made.ok else (made.stderr.strip().splitlines() or ["-"])[-1]

    def close(self) -> None:
        """Take all of it away, when what is on its way to a mailbox has come there."""
        read(self.host, self._filled(_CLOSE).replace("@mark@", self.mark))

    def _filled(self, script: str) -> str:
        values = {
            "folder": _FOLDER,
            "unit": _UNIT,
            "lasts": str(_LASTS),
            "sqlite": layout.SQLITE,
            "database": layout.DATABASE,
            "proving": edge.PROVING,
            "sink_domain": relay.PROOF_DOMAIN,
            "port": str(relay.PROOF_PORT),
            "as_sink": as_user("nobody", "nogroup"),
        }
        for name, value in values.items():
            script = script.replace(f"@{name}@", value)
        return script

    # -- the ways ------------------------------------------------------------------------------

    def carry(self, far: Far | None) -> LiveView:
        """Send everything, and see what came."""
        letters = self._letters(far)
        took = self._sent(letters)
        outwards = [way for way in letters if way.leaves and not took[way].reason]
        home = [way for way in letters if way.home and not took[way].reason]
        with ThreadPoolExecutor(2) as pool:
            in_mailbox = pool.submit(self._read, [letters[way] for way in home])
            elsewhere = pool.submit(far.read, letters[Way.FAR]) if far and _came(took) else None
            sunk = self._collected([letters[way] for way in outwards])
            found = in_mailbox.result()
        carried = [self._carried(way, letters[way], took[way], sunk, found) for way in letters]
        if elsewhere:
            carried = [_far(each, elsewhere) for each in carried]
        unread = found if isinstance(found, str) else ""
        return LiveView(tuple(carried), unread=unread, far_read=bool(far and far.imap))

    def _letters(self, far: Far | None) -> dict[Way, Letter]:
        """The message of each way, by the way."""
        writer, reader = self.account(self.writer), self.account(self.reader)
        to = {Way.PROGRAM_HOME: reader.address, Way.WEB_HOME: reader.address}
        to |= {Way.FROM_OUTSIDE: reader.address}
        if self._relayed:
            # The mark is there for whoever does not decode a Subject.
            ways = (Way.PROGRAM_OUT, Way.WEB_OUT)
            to |= {way: f"{self._mark(way)}@{relay.PROOF_DOMAIN}" for way in ways}
        if far:
            to[Way.FAR] = far.address
        return {
            way: live_mail.letter(
                mark=self._mark(way),
                author=live_mail.OUTSIDER if way is Way.FROM_OUTSIDE else writer.address,
                to=to[way],
                web=way.web,
                big=way in (Way.PROGRAM_HOME, Way.FROM_OUTSIDE, Way.PROGRAM_OUT),
            )
            for way in Way
            if way in to
        }

    def _mark(self, way: Way) -> str:
        return f"{way.value}-{self.mark}"

    def _sent(self, letters: Mapping[Way, Letter]) -> dict[Way, Taken]:
        """Bring each on its way. PMail alone cuts what takes long: then one after the other."""
        with ThreadPoolExecutor(len(letters) if self._relayed else 1) as pool:
            work: dict[Way, Future[Taken]] = {
                way: pool.submit(self._way(way, letter)) for way, letter in letters.items()
            }
            return {way: each.result() for way, each in work.items()}

    def _way(self, way: Way, letter: Letter) -> Callable[[], Taken]:
        server = self.server
        reached = Reached(server.ipv4, server.mail_host, server.web_host, server.tls.trust_file)
        writer = self.account(self.writer)
        if way is Way.FROM_OUTSIDE:
            return lambda: mailing.by_server(reached, letter.to, letter.message)
        if way.web:
            stored = stored_password(writer.password)
            return lambda: mailing.by_web(reached, writer, stored, letter.to, letter.content)
        return lambda: mailing.by_program(reached, writer, letter.to, letter.message)

    def _read(self, letters: list[Letter]) -> dict[str, mailing.Found] | str:
        server, reader = self.server, self.account(self.reader)
        host = server.mail_host.replace("smtp.", "imap.", 1)
        mailbox = Imap(host, reader.name, reader.password, server.ipv4, server.tls.trust_file)
        return mailing.read(mailbox, (each.mark for each in letters), _ARRIVES)

    def _collected(self, letters: list[Letter]) -> dict[str, Proof]:
        """What is in the sink, by the marks."""
        if not letters:
            return {}
        script = (
            self._filled(_COLLECT)
            .replace("@count@", str(len(letters)))
            .replace("@mark@", self.mark)
            .replace("@tries@", str(int(_ARRIVES * 5)))
        )
        reply = read(self.host, script, timeout=int(_ARRIVES) + 60)
        lines = (each.removeprefix("got ") for each in reply.stdout.splitlines() if "got " in each)
        proofs = [parse(base64.b64decode(each)) for each in lines]
        marks = [each.mark for each in letters]
        return {mark: proof for proof in proofs for mark in marks if mark.encode() in proof.message}

    def _carried(
        self,
        way: Way,
        letter: Letter,
        took: Taken,
        sunk: Mapping[str, Proof],
        found: Mapping[str, mailing.Found] | str,
    ) -> Carried:
        carried = Carried(way, letter.to, letter.message, took)
        if letter.mark in sunk:
            proof = sunk[letter.mark]
            signatures = verified(proof.message, Resolvers(self.server.resolvers))
            return replace(carried, came=proof.message, ehlo=proof.ehlo, signatures=signatures)
        if not isinstance(found, str) and letter.mark in found:
            there = found[letter.mark]
            return replace(carried, came=there.message, folder=there.folder)
        return carried


def _came(took: Mapping[Way, Taken]) -> bool:
    return Way.FAR in took and not took[Way.FAR].reason


def _far(carried: Carried, elsewhere: Future[mailing.Found | str | None]) -> Carried:
    """What was found in the mailbox elsewhere, of the message that went there."""
    found = elsewhere.result()
    if carried.way is not Way.FAR or found is None:
        return carried
    if isinstance(found, str):
        return replace(carried, unread=found)
    return replace(carried, came=found.message, folder=found.folder)
