"""What is wrong, said on standard error."""

from __future__ import annotations

import click

from ground.words import text


def complain(message_id: str, **values: object) -> None:
    """Say what is wrong."""
    click.secho(text(message_id, **values), fg="red", err=True)
