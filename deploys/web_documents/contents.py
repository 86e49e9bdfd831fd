"""The documents of a server, as they are put on its host; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploys.host.templates import render
from ground.words import LANGUAGES, catalogue, family
from postmaster import client_setup
from postmaster.settings import MailServer
from postmaster.web_documents import AUTOCONFIG_FILE, PAGE_FILE

_HERE = Path(__file__).parent
_ON_PAGE = family(
    "clients.page",
    (
        *("title", "automatic", "port", "user", "whole_address", "apple", "apple_how"),
        *("imap", "smtp", "pop"),
    ),
)


@dataclass(frozen=True, slots=True)
class _Line:
    """A server as the page names it. title: message id."""

    title: str
    host: str
    port: int


def documents(server: MailServer) -> Mapping[str, bytes]:
    """Return what a front serves as it stands, by file name: the page and autoconfig."""
    if not client_setup.is_offered(server):
        return {}
    return {
        PAGE_FILE: page(server).encode(),
        AUTOCONFIG_FILE: client_setup.autoconfig(server).encode(),
    }


def profiles(server: MailServer) -> Mapping[str, bytes]:
    """Return what is signed on the host before it is served, by file name: Apple's profiles."""
    if not client_setup.is_offered(server):
        return {}
    return {
        client_setup.profile_file(domain.name): client_setup.profile(server, domain.name)
        for domain in server.domains
    }


def page(server: MailServer) -> str:
    """Return the page for people: the same in all languages, one below the other."""
    servers = [
        _Line(_ON_PAGE["imap"], f"imap.{server.primary}", 993),
        _Line(_ON_PAGE["smtp"], f"smtp.{server.primary}", 465),
    ]
    if 995 in server.open_ports:
        servers.append(_Line(_ON_PAGE["pop"], f"pop.{server.primary}", 995))
    named = [domain.name for domain in server.domains]
    return render(
        _HERE,
        "setup.html.j2",
        primary=server.primary,
        languages=[(lang, catalogue(lang)) for lang in LANGUAGES],
        servers=servers,
        profiles=[(each, client_setup.profile_file(each)) for each in named],
    )
