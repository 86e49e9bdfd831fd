"""The recursive resolvers themselves: do they answer, and is it they who answer?"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

import dns.name

from dns_providers.rrset import owner_name
from probes.world.enquiry import Enquiry, Question
from probes.world.exchange import Reach

# No server is at this address (RFC 5737): who answers in its place takes questions from others.
NOBODY = "192.0.2.1"
_NOWHERE = f"x{secrets.token_hex(8)}.com"  # one for a run: nobody registers it meanwhile


@dataclass(frozen=True, slots=True)
class ResolverSeen:
    """One resolver. rewrites: it has an address for a name that does not exist."""

    address: str
    answers: bool
    rewrites: bool = False


@dataclass(frozen=True, slots=True)
class PathView:
    """How DNS is reached from here.

    resolvers: those that were asked. taken: somebody on the way answers for servers that are not
    there, so nothing that came by UDP port 53 proves anything.
    """

    resolvers: tuple[ResolverSeen, ...] = ()
    taken: bool = False

    @property
    def deaf(self) -> bool:
        """Whether no resolver answers."""
        return bool(self.resolvers) and not any(each.answers for each in self.resolvers)


class Watch:
    """Asks where nobody is while other questions are answered: who takes them is as quick."""

    def __init__(self, enquiry: Enquiry) -> None:
        """Begin; in the loop."""
        question = Question(NOBODY, dns.name.root, "NS", recursive=True)
        self._asked = asyncio.ensure_future(enquiry.reply(question))

    def taken(self) -> bool:
        """Whether somebody has answered by now."""
        if not self._asked.done():
            self._asked.cancel()
            return False
        return self._asked.result().reach is Reach.ANSWERED


async def look(enquiry: Enquiry, watch: Watch) -> PathView:
    """Look at the resolvers. watch: begun before all else."""
    seen = await asyncio.gather(*(_seen(enquiry, each) for each in enquiry.resolvers.addresses))
    return PathView(tuple(seen), watch.taken())


async def _seen(enquiry: Enquiry, address: str) -> ResolverSeen:
    nowhere = owner_name(_NOWHERE)
    root, none = await asyncio.gather(
        enquiry.at(Question(address, dns.name.root, "NS", recursive=True)),
        enquiry.at(Question(address, nowhere, "A", recursive=True)),
    )
    answers = any(each.reply.message is not None for each in (root, none))
    return ResolverSeen(address, answers, bool(none.answer.values))
