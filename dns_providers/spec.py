"""What an adapter's file says of its provider: options, how it is opened, the least rights."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dns_providers.base import AuthError, Provider
from ground.secret_values import BadSecret, read_file, read_variable
from ground.words import Words

Options = Mapping[str, str]
Environ = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Option:
    """A provider's setting.

    kind: text, port, url (a secret is sent there), addresses (IP addresses with blanks between
    them), file (a path here), secret_file (the same, of a file with a secret), env (the name of a
    variable with a secret).
    """

    name: str
    kind: str = "text"
    required: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rights:
    """What credentials must be able to do in a zone.

    zone: its name in A-labels. options: the zone's, of its provider. names: owner names that we
    write, in A-labels. rtypes: their types. below: names that we write any name below of
    (`_domainkey.example.com`, as each new key has a name of its own). read_only: enough for a dry
    run.
    """

    zone: str
    options: Options
    names: tuple[str, ...] = ()
    rtypes: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    read_only: bool = False


def _no_problems(options: Options, environ: Environ, opening: bool) -> list[Words]:
    return []


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """A provider: its options, and of which groups exactly one must be given.

    open: makes the adapter of a zone (A-labels); it may raise ProviderError. problems: what else
    can be wrong with options and environment, see `registry.option_problems`. policy: the least
    rights as the provider's own policy (a JSON object), or where there is no such thing the message
    id that says them.

    A spec is loaded for every zone that has the provider, so its module leaves the provider's SDK
    to the functions that use it.
    """

    options: tuple[Option, ...]
    open: Callable[[str, Options, Environ], Provider]
    policy: Callable[[Rights], dict[str, Any]] | str
    one_of: tuple[tuple[str, ...], ...] = ()
    problems: Callable[[Options, Environ, bool], list[Words]] = _no_problems


def secret_options(name: str) -> tuple[Option, Option]:
    """Return the two options that say where a secret is: `<name>_env` and `<name>_file`."""
    return Option(f"{name}_env", "env"), Option(f"{name}_file", "secret_file")


def one_secret(name: str) -> tuple[str, ...]:
    """Return the group of a secret's two options, of which exactly one must be given."""
    return tuple(option.name for option in secret_options(name))


def secret(options: Options, environ: Environ, name: str) -> str:
    """Return the secret that `<name>_env` or `<name>_file` says. Raises AuthError."""
    try:
        if variable := options.get(f"{name}_env"):
            return read_variable(environ.get(variable, ""), variable)
        return read_file(Path(os.path.expanduser(options.get(f"{name}_file", ""))))
    except BadSecret as error:
        raise AuthError(error.words.id, **error.words.named) from None
    except OSError as error:
        raise unreadable(str(error.filename), error) from None


def unreadable(path: str, error: OSError) -> AuthError:
    """Return the error for a secret's file that cannot be read."""
    reason = error.strerror or ""
    return AuthError("dns.error.secret_file", path=path, reason=reason)


def addresses(text: str) -> tuple[str, ...]:
    """Return what an option of kind addresses lists, as it is written."""
    return tuple(text.replace(",", " ").split())
