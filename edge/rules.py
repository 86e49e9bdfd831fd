"""What may pass: a message that Postfix shows in, a decision out; nothing is read or written here.

What a message may do depends on where it came in, which Postfix tells by `{daemon_name}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge import fields, sent
from edge.accounts import Unreadable
from edge.addresses import accounts_of, may_send_as, sendable, split
from edge.config import Config
from edge.fields import Headers

EDGE = "edge"
SUBMISSION = "submission"
PMAIL = "pmail"
INTERNAL = "internal"

# The deploy proves itself with mail to it (deploys/outbound/proof.py, verification/live.py).
_PROOF = "proof.invalid"
_MOST_TRACES = 5
_MOST_TEXT = 400
_UNPRINTABLE = re.compile(r"[^ -~]+")
_NO_SENDER = (
    "550 5.1.7 the envelope sender is no address that mail can come back to: it is too long, or has"
    " other characters than printable ASCII"
)
_NO_AUTHOR = (
    "550 5.7.1 From has to be one address, alone or in angle brackets after a name: without"
    " quotes in the address, other angle brackets, or another address in a name or comment"
)
_LATER = "450 4.3.0 the accounts of this server cannot be read now, try again later"


@dataclass(frozen=True, slots=True)
class Message:
    """A message as Postfix shows it after all milters before us.

    daemon: where it came in. login: who logged in, "" for nobody. sender: envelope sender without
    brackets, "" for the null one. recipients: how many were accepted that count. headers: from the
    top, as (name, value), values folded as they were. here: whether the client is this host itself.
    """

    daemon: str
    login: str
    sender: str
    recipients: int
    headers: Headers
    here: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done with a recipient or a message; nothing set: it passes as it is.

    reply: refusal, code and text in ASCII. discarded: the mailbox whose forward is dropped without
    a word to anybody but the journal, which is told why; why: "" where it has been told. sender:
    new envelope sender ("" for the null one), None: as it is. verdict: header to insert at the very
    top. delete: how many header fields of that verdict's name came with the message and have to go.
    doubtful: whether a host without DNS would decide the same on anything. free: whether a
    recipient does not count for the limits of a mailbox.
    """

    reply: str = ""
    discarded: str = ""
    why: str = ""
    sender: str | None = None
    verdict: str = ""
    delete: int = 0
    doubtful: bool = False
    free: bool = False


class Purses(Protocol):
    """Who counts what a mailbox sends; see edge/limits.py."""

    def spend(self, mailbox: str, recipients: int, message: str = "") -> str: ...
    def forward(self, mailbox: str) -> bool: ...


class Rules:
    """The decisions of one server."""

    def __init__(
        self,
        config: Config,
        known: Callable[[str], str | None],
        purses: Purses,
        proving: Callable[[], bool],
    ) -> None:
        """Bind them to what they have to ask.

        known: a name in any case -> the account as PMail spells it, or None; raises Unreadable.
        proving: whether a deploy is proving the host's signatures now.
        """
        self._config = config
        self._known = known
        self._purses = purses
        self._proving = proving
        self._by_daemon = {
            EDGE: self._from_world,
            SUBMISSION: self._from_program,
            PMAIL: self._from_pmail,
            INTERNAL: self._from_host,
        }

    def here(self, client: str, server: str) -> bool:
        """Return whether an SMTP client is on this host: its address is no proof of anything then.

        client, server: addresses of the connection, as Postfix tells them.
        """
        addresses = [each.lower().removeprefix("ipv6:") for each in (client, server)]
        loopback = any(each == "::1" or each.startswith("127.") for each in addresses)
        own = addresses[0] == addresses[1] or addresses[0] in self._config.addresses
        return loopback or (bool(client) and own)

    def recipient(self, daemon: str, address: str) -> Decision:
        """Return whether mail from there may go to an address."""
        proves = daemon in (PMAIL, SUBMISSION)
        if proves and split(address)[1] == _PROOF and self._proving():
            return Decision(free=True)
        try:
            return Decision(reply=self._refused(daemon, address))
        except Unreadable:
            return Decision(reply=_LATER)

    def message(self, message: Message) -> Decision:
        """Return what is done with a message."""
        decide = self._by_daemon.get(message.daemon)
        if decide is None:
            return _refuse(f"451 4.3.5 no rules for mail that comes in by {message.daemon!r}")
        try:
            return decide(message)
        except Unreadable:
            return Decision(reply=_LATER)

    def _refused(self, daemon: str, address: str) -> str:
        """Return the refusal of a recipient, "" for none."""
        if daemon == INTERNAL:
            # Postfix cannot refuse single recipients of what it makes itself.
            return ""
        if not sendable(address):
            # Refused further on, it would come back to whoever the sender claims to be.
            return (
                "553 5.1.3 the recipient is no address that mail can go to: it is too long, or has"
                " other characters than printable ASCII"
            )
        local, domain = split(address)
        # Sent copies go there, and Postfix adds those after all checks of recipients.
        if domain in (sent.DOMAIN, _PROOF):
            return "550 5.1.2 no such domain"
        if local.partition("+")[0] == sent.ACCOUNT and self._ours(domain):
            return "550 5.1.1 no such user here"
        if domain and not self._ours(domain):
            world = daemon == EDGE
            return "550 5.7.1 mail to that domain is not accepted here" if world else ""
        if self._config.unknown_recipients == "admin":
            return ""
        found = accounts_of(address, self._config, self._known)
        return "" if found else "550 5.1.1 no such user here"

    def _from_world(self, message: Message) -> Decision:
        config = self._config
        if not sendable(message.sender):
            return _refuse(_NO_SENDER)
        authors = fields.values(message.headers, "From")
        if len(authors) != 1 or not fields.has_address(authors[0]):
            return _refuse(
                "550 5.7.1 a message has exactly one From field, with an address in it"
                " (RFC 5322 section 3.6)"
            )
        if len(fields.traces(message.headers, config.mail_host)) > _MOST_TRACES:
            return _refuse("554 5.4.6 the message has come by here too often: a forwarding loop")
        verdict = self._verdict(message.headers, message.here)
        if verdict == "forged" and config.forgeries == "refuse":
            return Decision(
                reply="550 5.7.1 the From field names a domain of this server, and DMARC did not"
                " pass",
                doubtful=True,
            )
        doubtful = verdict != "trusted"
        return Decision(verdict=verdict, delete=_foreign_verdicts(message), doubtful=doubtful)

    def _verdict(self, headers: Headers, here: bool = False) -> str:
        found = fields.results(headers, self._config.mail_host)
        author = _author(headers)
        # One author, whom everybody reads alike, and whom the result is about: results that a
        # sender wrote himself, beside an author that OpenDMARC cannot read, count for nothing.
        # SPF passes for this host's own addresses, so for whoever has a login on it.
        passed = (
            not here
            and found.dmarc == {"pass"}
            and author is not None
            and found.claimed == {split(author)[1]}
        )
        if not passed and self._names_us(fields.values(headers, "From")):
            return "forged"
        alike = not here and found.dmarc <= {"none"} and found.spf == {"pass"}
        if author is None or not (passed or alike):
            return "untrusted"
        return "trusted" if self._agreed(headers, author) else "untrusted"

    def _agreed(self, headers: Headers, author: str) -> bool:
        """Return whether nobody of ours is shown as the sender of what another wrote."""
        agents = [fields.mailbox(value) for value in fields.values(headers, "Sender")]
        return not agents or (
            len(agents) == 1
            and agents[0] is not None
            and (split(agents[0]) == split(author) or not self._claims_us(split(agents[0])[1]))
        )

    def _from_program(self, message: Message) -> Decision:
        account = self._known(split(message.login)[0]) if message.login else None
        if account is None:
            return _refuse("550 5.7.1 nobody is logged in")
        if not sendable(message.sender):
            return _refuse(_NO_SENDER)
        if not may_send_as(account, message.sender, self._config):
            return _refuse(
                f"550 5.7.1 account {account} may not use the envelope sender <{message.sender}>:"
                " it has to be an own address"
            )
        reply = self._not_author(account, message.headers) or self._unsigned(message.headers)
        return self._counted(account, message, reply)

    def _not_author(self, account: str, headers: Headers) -> str:
        """Return why an account may not have written a message, "" where it may."""
        author = _author(headers)
        if author is None:
            one = len(fields.values(headers, "From")) == 1
            return _NO_AUTHOR if one else "550 5.7.1 a message needs exactly one From field"
        named = [author]
        for value in fields.values(headers, "Sender"):
            agent = fields.mailbox(value)
            if agent is None:
                return "550 5.7.1 the Sender field needs exactly one address, written like From"
            named.append(agent)
        for address in named:
            if split(address)[1] not in self._config.domains:
                return f"550 5.7.1 {address} is not an address of this server"
            if not may_send_as(account, address, self._config):
                return f"550 5.7.1 account {account} may not send as {address}"
        return ""

    def _unsigned(self, headers: Headers) -> str:
        """Return why a message is not signed for its author's domain, "" where it is."""
        domain = split(_author(headers) or "")[1]
        signer = fields.signing_domain(headers)
        if signer == domain:
            return ""
        return f"451 4.7.5 not signed: From is of {domain}, DKIM-Signature of {signer or 'nobody'}"

    def _counted(self, account: str, message: Message, reply: str) -> Decision:
        """Return a refusal, or that of a purse that is empty, or that the message passes."""
        if reply:
            return _refuse(reply)
        if not message.recipients:  # it is the deploy's own, whoever's name it bears
            return Decision(delete=_foreign_verdicts(message))
        # PMail gives us a message once for each domain that it goes to; its Message-ID is PMail's.
        once = message.daemon == PMAIL
        name = "".join(fields.values(message.headers, "Message-ID")) if once else ""
        limit = self._purses.spend(account, message.recipients, name[:_MOST_TEXT])
        if limit:
            return _refuse(f"450 4.7.1 mailbox {account} may send {limit}, try again later")
        return Decision(delete=_foreign_verdicts(message))

    def _from_pmail(self, message: Message) -> Decision:
        traces = fields.traces(message.headers, self._config.mail_host)
        if traces:
            return self._forward(message, traces)
        if fields.values(message.headers, "X-Forwarded-By"):
            return _refuse("550 5.7.1 a forwarded message was refused, and is not rebuilt")
        author = _author(message.headers)
        if author is None and len(fields.values(message.headers, "From")) == 1:
            return _refuse(_NO_AUTHOR)
        if author is None or split(author) != split(message.sender):
            return _refuse("550 5.7.1 the From field is not the envelope sender alone")
        if split(author)[1] not in self._config.domains:
            return _refuse(f"550 5.7.1 {author} is not an address of this server")
        account = self._mailbox(message.sender)
        agents = [fields.mailbox(each) for each in fields.values(message.headers, "Sender")]
        if any(each is None or split(each) != split(author) for each in agents):
            return _refuse("550 5.7.1 the Sender field is not the author in From")
        return self._counted(account, message, self._unsigned(message.headers))

    def _forward(self, message: Message, traces: tuple[str, ...]) -> Decision:
        """Decide on what a rule of a user forwards: raw, its envelope sender is the user."""
        try:
            mailbox = self._mailbox(message.sender)
        except Unreadable:  # refused for now, PMail would rebuild it
            mailbox = split(message.sender)[0]
        if len(traces) > _MOST_TRACES:
            return Decision(discarded=mailbox, why="a forwarding loop")
        if self._forged(message.headers):
            # Somebody has delivered a kept message. With the mailbox as its envelope sender, SPF
            # would make it pass DMARC elsewhere.
            return Decision(discarded=mailbox, why="a forged author")
        if not self._purses.forward(mailbox):
            # Refused, PMail would rebuild it in the user's name. The mailbox has it.
            return Decision(discarded=mailbox)
        # A bounce of a bounce would be forwarded, and bounce again.
        null = not traces[0] or fields.automatic(message.headers)
        return Decision(sender="" if null else None, delete=_foreign_verdicts(message))

    def _from_host(self, message: Message) -> Decision:
        domain = split(_author(message.headers) or "")[1]
        if not self._ours(domain):
            return _refuse("451 4.7.5 mail of this host needs one From field with its own address")
        signer = fields.signing_domain(message.headers)
        if signer not in (domain, self._config.primary):
            return _refuse(f"451 4.7.5 not signed: From is of {domain}")
        return Decision(delete=_foreign_verdicts(message))

    def _forged(self, headers: Headers) -> bool:
        """Return whether what came from the world only claims to be of ours."""
        found = fields.results(headers, self._config.mail_host)
        if not (found.dmarc or found.spf):
            return False  # nobody judged it: of an own user
        return self._verdict(headers) == "forged"

    def _mailbox(self, sender: str) -> str:
        """Return the account whose purse an envelope sender of PMail's spends from."""
        local, _ = split(sender)
        found = self._known(local) or self._known(local.partition("+")[0])
        return found or self._config.admin

    def _ours(self, domain: str) -> bool:
        return domain == self._config.mail_host or domain in self._config.domains

    def _names_us(self, authors: tuple[str, ...]) -> bool:
        """Return whether any reader could take an author for one of ours."""
        return any(self._claims_us(each) for value in authors for each in fields.domains(value))

    def _claims_us(self, domain: str) -> bool:
        below = domain.endswith(tuple(f".{own}" for own in self._config.domains))
        return below or self._ours(domain)


def _author(headers: Headers) -> str | None:
    """Return the one address in the one From field, None where there is not just that."""
    authors = fields.values(headers, "From")
    return fields.mailbox(authors[0]) if len(authors) == 1 else None


def _foreign_verdicts(message: Message) -> int:
    return len(fields.values(message.headers, fields.VERDICT))


def _refuse(reply: str) -> Decision:
    """Return a refusal; what of its text came from outside cannot break the reply."""
    return Decision(reply=_UNPRINTABLE.sub("?", reply)[:_MOST_TEXT])
