"""The root of errors that are told to the user."""

from __future__ import annotations

from ground.words import Words


class Told(Exception):
    """Something could not be done; `words` say why. Its str() is the user's language."""

    def __init__(self, message_id: str, /, **values: object) -> None:
        self.words = Words.of(message_id, **values)
        super().__init__(self.words)


class DeployError(Told):
    """A step of a deploy could not be done."""
