"""Secrets as they are read: one line, printable, no blanks; from then on they are shown nowhere."""

from __future__ import annotations

from pathlib import Path

from ground.errors import Told
from ground.shown import keep_secret
from ground.words import Words

_PEM = "-----BEGIN "  # a private key, where an API takes one


class BadSecret(Told):
    """What should be a secret cannot be one; it is not in the message."""


def read_variable(value: str, variable: str, *, chosen: bool = False) -> str:
    """Return the secret that an environment variable has. Raises BadSecret.

    value: what is in it. variable: its name. chosen: by people, so it may have blanks inside of
    it, and letters beyond ASCII.
    """
    if problem := what_is_wrong(value, variable, chosen=chosen):
        raise BadSecret(problem.id, **problem.named)
    return value.strip("\r\n")


def read_file(path: Path, *, chosen: bool = False) -> str:
    """Return the secret that a file has, see `read_variable`. Raises BadSecret, OSError."""
    try:
        return read_variable(path.read_text("utf-8"), str(path), chosen=chosen)
    except UnicodeDecodeError:
        raise BadSecret("secret.unprintable", where=path) from None


def what_is_wrong(value: str, where: str, *, chosen: bool = False) -> Words | None:
    """Return why a text can be no secret, None where it can.

    where: the variable or file that it is from. An end of line after it does no harm.
    """
    secret = keep_secret(value).strip("\r\n")
    if not secret.strip():
        return Words.of("secret.empty", where=where)
    if secret.startswith(_PEM):
        return None if _printable(secret) else Words.of("secret.unprintable", where=where)
    if len(secret.splitlines()) > 1:
        return Words.of("secret.lines", where=where)
    inside = secret.replace(" ", "") if chosen and secret == secret.strip() else secret
    if any(char.isspace() for char in inside):
        return Words.of("secret.blanks", where=where)
    seen = _printable(secret) and (chosen or secret.isascii())
    return None if seen else Words.of("secret.unprintable", where=where)


def _printable(secret: str) -> bool:
    return all(line.isprintable() for line in secret.splitlines())
