"""A verb: a deploy file, what it can be asked for, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from deploys.run.options import Request
from deploys.run.paused import mail_paused
from deploys.run.refusals import Refusal

R = TypeVar("R", bound=Request)


@dataclass(frozen=True, slots=True)
class Verb(Generic[R]):
    """What `pyinfra inventory.py FILE` does, and `pmail-deploy NAME`.

    help: message id; a verb without one is a word of another. groups: of hosts that it does
    something on. opening: it opens DNS providers, so their secrets must be there. while_paused: it
    may change something while a rotation pauses mail. refusals: asked before anything is changed.
    """

    name: str
    file: str
    request: type[R]
    help: str | None = None
    groups: tuple[str, ...] = ("mail_servers", "zones")
    opening: bool = True
    while_paused: bool = False
    refusals: tuple[Refusal, ...] = ()

    @property
    def asked_first(self) -> tuple[Refusal, ...]:
        """Its refusals, and that of all verbs that leave paused mail alone."""
        return self.refusals if self.while_paused else (mail_paused, *self.refusals)
