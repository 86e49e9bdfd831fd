"""Files of somebody else where ours are going to be."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api import Host

from deploys.host.gathering import FileAt
from deploys.host.pmail_layout import MARK
from deploys.host.snapshot import look_at


@dataclass(frozen=True, slots=True)
class Guarded:
    """A file that is written only where there is none, or one of ours.

    beside: without this other file it is nobody's. of: the program that it configures, where that
    is what somebody else has on the host, and files moved away would be no remedy.
    """

    path: str
    beside: str = ""
    of: str = ""

    @property
    def looks(self) -> tuple[FileAt, FileAt]:
        """What shows it."""
        return FileAt(self.path, MARK), FileAt(self.beside or self.path, MARK)


def foreign(host: Host, guarded: tuple[Guarded, ...]) -> tuple[Guarded, ...]:
    """Return where something is that is not ours. Raises DeployError."""
    looks = tuple(dict.fromkeys(look for each in guarded for look in each.looks))
    seen = dict(zip(looks, look_at(host, looks), strict=True))
    return tuple(
        each
        for each in guarded
        if all(seen[look].exists for look in each.looks) and not seen[each.looks[0]].marked
    )
