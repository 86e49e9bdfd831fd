"""CAA that lets one ACME account alone issue for the names of mail (RFC 8657); pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from dns_providers.publishing.ledger import LedgerState
from dns_providers.publishing.plan import Entry
from dns_providers.rrset import CAA, RRKey
from postmaster.caa import METHOD, authorities
from postmaster.settings import MailServer, Site

GROUP = "caa-account"
_URI = re.compile(rb"accounturi=([!-:<-~]+)")

Ledgers = Mapping[str, LedgerState]  # by zone


def names(server: MailServer) -> tuple[str, ...]:
    """Return the names that get such a record: those of the certificate, never a domain itself.

    At a domain it would bind the certificates of whatever else is in it: a website, a CDN.
    """
    apexes = {name for domain in server.domains for name in (domain.name, domain.zone)}
    every = (*server.certificate_names, *server.document_names)
    return tuple(each for each in dict.fromkeys(every) if each not in apexes)


def record(server: MailServer, uri: str) -> CAA:
    """Return the record that lets one account issue, in the way that the server proves names."""
    method = METHOD[server.tls.method]
    value = f"{authorities(server)[0]}; accounturi={uri}; validationmethods={method}"
    return CAA(0, "issue", value.encode("ascii"))


def with_accounts(site: Site, ledgers: Ledgers) -> Site:
    """Return the site with the account that each server's records name, as they were published."""
    servers = tuple(
        replace(server, account_uri=_published(server, ledgers)) for server in site.servers
    )
    return replace(site, servers=servers)


def _published(server: MailServer, ledgers: Ledgers) -> str | None:
    for state in ledgers.values():
        for entry in _of(server, state):
            for value in entry.values:
                found = _URI.search(value.value) if isinstance(value, CAA) else None
                if found:
                    return found[1].decode("ascii")
    return None


def _of(server: MailServer, state: LedgerState) -> Iterator[Entry]:
    group = f"{GROUP}:{server.primary}"
    yield from (entry for entry in state.entries.values() if entry.group == group)


def is_left_over(server: MailServer, value: CAA) -> bool:
    """Return whether a CAA value is one of ours that a deploy takes out before it orders."""
    found, uri = _URI.search(value.value), server.account_uri
    if found is None or uri is None or found[1].decode("ascii") != uri:
        return False
    return not (server.caa_account and value == record(server, uri))


def outdated(server: MailServer, state: LedgerState, uri: str | None) -> frozenset[RRKey]:
    """Return which of these records would keep a server from its next certificate.

    uri: of the account that it is going to be ordered with, None where that is yet to be made.
    """
    right = record(server, uri) if server.caa_account and uri else None
    return frozenset(entry.key for entry in _of(server, state) if entry.values != {right})
