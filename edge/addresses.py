"""Whose an address is: pure decisions over addresses, aliases and accounts."""

from __future__ import annotations

import re
from collections.abc import Callable

from edge.config import Config

# Between the angle brackets of MAIL and RCPT (RFC 5321 section 4.1.2); a quoted local part may hold
# > and blanks.
PATH = r'(?:"(?:[^"\\]|\\.)*"|[^<>"])*'

# Of one mailbox at most, and without what Postfix would write in another way further on.
_SENDABLE = re.compile(
    r'(?:"(?:[^"\\]|\\.)*"|[^\s<>()\[\],;:\\"@]+)'
    r"(?:@(?:[A-Za-z0-9._-]+|\[[A-Za-z0-9.:-]+\]))?"
)
# RFC 5321 section 4.5.3.1.3: 256 with the brackets.
_LONGEST = 254
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# RFC 2142 section 5 and RFC 5321 section 4.5.1: somebody reads these at every domain.
_DUTIES = frozenset({"postmaster", "abuse"})
# Whom programs of the host write to or as: /etc/aliases of Debian.
_SYSTEM = frozenset(
    {"root", "mailer-daemon", "nobody", "hostmaster", "webmaster", "security", "noc", "daemon"}
)


def split(address: str) -> tuple[str, str]:
    """Return local part and domain of an address, both in lower case.

    address: with or without angle brackets; a quoted local part is unquoted (RFC 5321 section
    4.1.2). ("", "") for the null address, ("name", "") for a name without a domain.
    """
    bare = address.strip()
    if bare.startswith("<") and bare.endswith(">"):
        bare = bare[1:-1].strip()
    local, at, domain = bare.rpartition("@")
    if not at:
        local, domain = domain, ""
    if len(local) >= 2 and local.startswith('"') and local.endswith('"'):
        local = _ESCAPED.sub(r"\1", local[1:-1])
    return local.lower(), domain.rstrip(".").lower()


def printable(text: str) -> bool:
    """Return whether a part of a command of SMTP is in ASCII, and has no control characters."""
    return text.isascii() and text.isprintable()


def sendable(address: str) -> bool:
    """Return whether an address can go all the way: Postfix takes more than LMTP and PMail do.

    address: as the client wrote it, with or without angle brackets; the null one can.
    """
    bare = address.removeprefix("<").removesuffix(">")
    if not bare:
        return True
    return len(bare) <= _LONGEST and printable(bare) and _SENDABLE.fullmatch(bare) is not None


def accounts_of(
    address: str, config: Config, known: Callable[[str], str | None]
) -> tuple[str, ...]:
    """Return the accounts that mail to an address goes to, () for nobody.

    known: a name in any case -> the account as PMail spells it, or None. In this order: an alias
    (of that domain only), the account of the local part at any own domain, the same without
    `+suffix`, and for what has to be read by somebody, the administrator. A name without a domain
    (RFC 5321 section 4.1.1.3: `<Postmaster>`) is one of the mail host.
    """
    local, domain = split(address)
    domain = domain or config.mail_host.lower()
    spellings = _spellings(local)
    found = _alias(spellings, domain, config, known)
    if not found and _own(domain, config):
        found = tuple(name for name in map(known, spellings) if name is not None)[:1]
    if not found and _for_admin(spellings, domain, config):
        found = (config.admin,)
    return found


def may_send_as(account: str, address: str, config: Config) -> bool:
    """Return whether an account may write in the name of an address.

    Its own name at any own domain, with or without `+suffix`; an alias that leads to it; the
    administrator: anything at an own domain.
    """
    local, domain = split(address)
    if not local or not _own(domain, config):
        return False
    who = account.lower()
    spellings = _spellings(local)
    alias = (name.lower() for name in _to(spellings, domain, config))
    return who == config.admin.lower() or who in spellings or who in alias


def _spellings(local: str) -> tuple[str, ...]:
    """Return the local part as written, then without its `+suffix`; () for none."""
    base = local.partition("+")[0]
    return tuple(dict.fromkeys(name for name in (local, base) if name))


def _own(domain: str, config: Config) -> bool:
    return domain in (own.lower() for own in config.domains)


def _to(spellings: tuple[str, ...], domain: str, config: Config) -> tuple[str, ...]:
    """Return the accounts that the alias of an address names, known or not."""
    aliases = {split(address): accounts for address, accounts in config.aliases}
    for local in spellings:
        if (local, domain) in aliases:
            return aliases[local, domain]
    return ()


def _alias(
    spellings: tuple[str, ...],
    domain: str,
    config: Config,
    known: Callable[[str], str | None],
) -> tuple[str, ...]:
    named = (known(name) for name in _to(spellings, domain, config))
    return tuple(dict.fromkeys(name for name in named if name is not None))


def _for_admin(spellings: tuple[str, ...], domain: str, config: Config) -> bool:
    """Return whether an address that is nobody's has to be read by the administrator."""
    host = domain == config.mail_host.lower()
    always = {split(address) for address in config.always}
    return any(
        (local, domain) in always
        or (local in _DUTIES and (host or _own(domain, config)))
        or (local in _SYSTEM and host)
        for local in spellings
    )
