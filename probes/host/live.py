"""What became of mail that was sent to prove that mail passes: observations, by the way it took."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from probes.host.proof import Signature
from probes.world.mailing import Taken


class Way(StrEnum):
    """How a message is sent, and to whom. The value is a part of a message id."""

    PROGRAM_OUT = "program_out"  # over 465, to another server
    WEB_OUT = "web_out"  # by the web mail, to another server
    PROGRAM_HOME = "program_home"  # over 465, between two own users
    WEB_HOME = "web_home"  # by the web mail, between two own users
    FROM_OUTSIDE = "from_outside"  # on port 25, from another server to an own user
    FAR = "far"  # over 465, to a mailbox that the caller names

    @property
    def leaves(self) -> bool:
        """Whether it ends in the sink on the host, as another server would get it."""
        return self in (Way.PROGRAM_OUT, Way.WEB_OUT)

    @property
    def home(self) -> bool:
        """Whether it ends in a mailbox of the server."""
        return self in (Way.PROGRAM_HOME, Way.WEB_HOME, Way.FROM_OUTSIDE)

    @property
    def web(self) -> bool:
        """Whether PMail builds it."""
        return self in (Way.WEB_OUT, Way.WEB_HOME)


@dataclass(frozen=True, slots=True)
class Carried:
    """A message that was sent. came: as it arrived, b"" where it did not.

    took: how the server took it. folder: of the mailbox that it is in, "" for the sink. unread: why
    the mailbox elsewhere could not be read. ehlo, signatures: as the sink got them.
    """

    way: Way
    to: str
    sent: bytes
    took: Taken
    came: bytes = b""
    folder: str = ""
    unread: str = ""
    ehlo: str = ""
    signatures: tuple[Signature, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveView:
    """A proof. reason: why there was none. unread: why the reader's mailbox could not be read.

    far_read: whether it is known how to read the mailbox elsewhere.
    """

    carried: tuple[Carried, ...] = ()
    reason: str = ""
    unread: str = ""
    far_read: bool = False
