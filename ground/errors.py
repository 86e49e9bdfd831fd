"""The root of errors that a deploy tells its user: a message id and the values in its text."""

from __future__ import annotations


class DeployError(Exception):
    """Something could not be done; the text is found by `message_id`."""

    def __init__(self, message_id: str, **values: str) -> None:
        super().__init__(message_id)
        self.message_id = message_id
        self.values = values
