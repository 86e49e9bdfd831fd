"""When somebody who tries passwords has to wait: wrong logins by client address and by account."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import os
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from edge import config
from edge.events import event

_CAP = 8.0
_RECORDS = 10_000
_NAME = 64


@dataclass(frozen=True, slots=True)
class _Wrong:
    """A wrong login. other: its account in a place's record, its place in an account's.

    tried: what stands for the password, b"" where it is not known.
    """

    when: float
    other: str
    tried: bytes


@dataclass(slots=True)
class _Record:
    """Wrong logins of a place or for an account, oldest first."""

    wrong: deque[_Wrong] = field(default_factory=deque)
    until: float = 0.0


class _Table:
    """Records by key, at most 10,000 of them: the one that was longest without a guess goes."""

    def __init__(self, within: int, each: int) -> None:
        self._within = within
        self._each = each
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def get(self, key: str, now: float) -> _Record:
        """Return the record of a key without what is too old; an empty one is not kept."""
        record = self._records.get(key) or _Record()
        while record.wrong and record.wrong[0].when <= now - self._within:
            record.wrong.popleft()
        return record

    def add(self, key: str, wrong: _Wrong) -> _Record:
        """Note a wrong login and return the record."""
        record = self.get(key, wrong.when)
        record.wrong.append(wrong)
        if len(record.wrong) > self._each:
            record.wrong.popleft()
        self._records[key] = record
        self._records.move_to_end(key)
        if len(self._records) > _RECORDS:
            self._records.popitem(last=False)
        return record

    def forget(self, key: str, other: str, now: float) -> None:
        """Take back the wrong logins of a key that were for the other."""
        record = self.get(key, now)
        kept = [guess for guess in record.wrong if guess.other != other]
        record.wrong.clear()
        record.wrong.extend(kept)


class Guesses:
    """Wrong logins, and what follows from them. The clock is passed in: seconds, never backwards.

    A place is what one guesser has: an IPv4 address, the /64 of an IPv6 address.
    """

    def __init__(self, rule: config.Guesses) -> None:
        self._rule = rule
        self._crowd = 4 * rule.most
        self._places = _Table(rule.within, rule.most)
        self._accounts = _Table(rule.within, self._crowd + 1)

    def held(self, address: str, now: float) -> bool:
        """Return whether logins from an address are refused without a look at the password."""
        return self._places.get(place(address), now).until > now

    def wrong(self, address: str, account: str, now: float, tried: bytes = b"") -> int:
        """Note a wrong login.

        account: "" where it is not known. tried: what stands for the password, b"" where it is not
        known: the same again guesses nothing, as of programs that have an old password. Returns how
        many wrong logins the address had where this one is the reason that it is held from now on,
        0 otherwise.
        """
        where, who = place(address), _name(account)
        before = self._places.get(where, now).wrong
        if tried and any((each.other, each.tried) == (who, tried) for each in before):
            return 0
        if who:
            self._accounts.add(who, _Wrong(now, where, tried))
        if _loopback(where) or self.held(address, now):
            return 0
        record = self._places.add(where, _Wrong(now, who, tried))
        count = len(record.wrong)
        if count < self._rule.most:
            return 0
        record.wrong.clear()
        record.until = now + self._rule.hold
        return count

    def right(self, address: str, account: str, now: float) -> None:
        """Note a right login: the wrong ones of this address for this account were slips.

        Those for other accounts stay: a guesser may have an account here.
        """
        where, who = place(address), _name(account)
        if who:
            self._places.forget(where, who, now)
            self._accounts.forget(who, where, now)

    def delay(self, address: str, account: str, now: float) -> float:
        """Return how many seconds the answer to a login waits; ask after it was noted.

        0 for an address that has no wrong logins: so is that of somebody who knows the password.
        """
        where, who = place(address), _name(account)
        here = self._places.get(where, now).wrong
        there = self._accounts.get(who, now).wrong if who else deque()
        if not here and all(each.other != where for each in there):
            return 0.0
        if len(there) > self._crowd:
            return _CAP
        extra = len(here) - self._rule.free
        return min(2.0 ** (extra - 1), _CAP) if extra > 0 else 0.0


class Watch:
    """The guesses of this process: with its clock, its journal and real waiting."""

    def __init__(
        self,
        guesses: Guesses,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._guesses = guesses
        self._clock = clock
        self._sleep = sleep
        self._key = os.urandom(16)

    def now(self) -> float:
        """Return the time, in seconds since some start."""
        return self._clock()

    def held(self, address: str) -> bool:
        """Return whether an address is held off now."""
        return self._guesses.held(address, self._clock())

    async def settle(
        self, address: str, account: str, right: bool, since: float, password: bytes = b""
    ) -> bool:
        """Note how a login ended and wait until it may be answered.

        account, password: "", b"" where they are not known. since: `now()` when the login came.
        Returns False where it must not be answered: the address has become held meanwhile, by
        guesses side by side.
        """
        # Nothing of the password is kept that says anything about it elsewhere.
        tried = (
            hashlib.blake2b(password, digest_size=8, key=self._key).digest() if password else b""
        )
        now = self._clock()
        if right:
            self._guesses.right(address, account, now)
        elif count := self._guesses.wrong(address, account, now, tried):
            event("login_held", address=place(address), count=count)
        waited = now - since
        delay = self._guesses.delay(address, account, now)
        if delay > waited and not self.held(address):
            await self._sleep(delay - waited)
        return not self.held(address)


def place(address: str) -> str:
    """Return what stands for a client: its IPv4 address, its IPv6 /64, or the text as it is."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:_NAME]
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ip) if ip.is_loopback else str(ipaddress.ip_network((ip, 64), strict=False))


def _loopback(where: str) -> bool:
    return where == "::1" or where.startswith("127.")


def _name(account: str) -> str:
    return account.lower()[:_NAME]
