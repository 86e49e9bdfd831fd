"""A verb: a deploy file, what it can be asked for, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from deploys.run.options import Request

PROGRAM = Path(__file__).resolve().parents[2]  # config.py and the deploy files are there
R = TypeVar("R", bound=Request)


@dataclass(frozen=True, slots=True)
class Verb(Generic[R]):
    """What `pyinfra inventory.py FILE` does, and `pmail-deploy NAME`.

    help: message id; a verb without one is a word of another. groups: of hosts that it does
    something on. opening: it opens DNS providers, so their secrets must be there. while_paused: it
    may change something while a rotation pauses mail.
    """

    name: str
    file: str
    request: type[R]
    help: str | None = None
    groups: tuple[str, ...] = ("mail_servers", "zones")
    opening: bool = True
    while_paused: bool = False

    @property
    def path(self) -> Path:
        """Its deploy file."""
        return PROGRAM / self.file
