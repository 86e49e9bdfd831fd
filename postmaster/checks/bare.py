"""What is seen of a host that is to become a mail server, or is one: what preflight judges."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from postmaster import vps
from postmaster.settings import MailServer
from probes.host.fitness import Fitness
from probes.host.past import Found
from probes.world.caa import CaaView
from probes.world.dns import Reverse


class Kept(StrEnum):
    """Where the password for a smarthost is."""

    KNOWN = "known"
    EXPOSED = "exposed"  # here, and others can read it
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Password:
    """A smarthost's password. source: the environment variable or the file that should have it."""

    smarthost: str
    user: str
    source: str
    kept: Kept


@dataclass(frozen=True, slots=True)
class Bare:
    """What was seen of a host that is to become `server`. now: our clock, Unix seconds.

    foreign: what is there of a PMail that is not ours. caa: for each name of the certificate.
    reverse: PTR names of the server's addresses.
    """

    server: MailServer
    fitness: Fitness
    now: float
    passwords: tuple[Password, ...] = ()
    foreign: tuple[Found, ...] = ()
    caa: tuple[CaaView, ...] = ()
    reverse: tuple[Reverse, ...] = ()

    @property
    def provider(self) -> str:
        """Who the machine is rented from, as `postmaster.vps` knows it."""
        return vps.provider_of(self.fitness.dmi)
