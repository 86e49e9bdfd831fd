"""What DNS has of a DKIM key: its record, and what stands in its place or beside it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass

from probes.world.dns import Answer, AskSoon


@dataclass(frozen=True, slots=True)
class KeySite:
    """What DNS has of a key at one owner name.

    domain: the signing domain (`d=`). texts: its TXT records. sibling: those of a name beside it
    that nobody made, asked for where it has some. doubled: those of the owner name with its domain
    twice, asked for where it has none. views: what each resolver shows.
    """

    domain: str
    texts: Answer
    sibling: Answer | None = None
    doubled: Answer | None = None
    views: tuple[Answer, ...] = ()

    @property
    def owner(self) -> str:
        """The owner name."""
        return self.texts.owner

    @property
    def selector(self) -> str:
        """The selector (`s=`)."""
        return self.owner.partition("._domainkey.")[0]


async def look(
    owner: str,
    domain: str,
    ask: AskSoon,
    views: Iterable[Awaitable[Answer]] = (),
    *,
    guessed: bool = False,
) -> KeySite:
    """Return what DNS has of the key of a domain at an owner name.

    views: what asks each resolver; they are asked when it is known that there is a record.
    guessed: nobody said that there is one.
    """
    texts = await ask(owner, "TXT")
    seen = tuple(await asyncio.gather(*views)) if texts.values else ()
    if texts.values:
        beside = f"{secrets.token_hex(8)}.{owner.partition('.')[2]}"
        return KeySite(domain, texts, sibling=await ask(beside, "TXT"), views=seen)
    if guessed or not texts.outcome.known:
        return KeySite(domain, texts)
    return KeySite(domain, texts, doubled=await ask(f"{owner}.{domain}", "TXT"))
