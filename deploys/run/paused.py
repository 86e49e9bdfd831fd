"""Mail that a rotation has paused: other runs leave it alone until that has ended."""

from __future__ import annotations

from pyinfra.api import OperationError

from deploys.run.paths import state_dir
from ground.errors import DeployError
from ground.words import error_text, text
from keys.journal import Journal


def refuse_while_paused() -> None:
    """Raise OperationError while a rotation lets no mail in or out."""
    try:
        paused = [each.domain for each in Journal(state_dir()).going_on() if each.paused]
    except DeployError as error:
        raise OperationError(error_text(error)) from None
    if paused:
        raise OperationError(text("rotation.paused", domain=", ".join(paused)))
