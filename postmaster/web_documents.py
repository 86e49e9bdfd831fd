"""Files that the web front serves beside web mail: under which names and paths; pure."""

from __future__ import annotations

from dataclasses import dataclass

from postmaster import client_setup, mta_sts
from postmaster.settings import MailServer

PAGE_FILE = "setup.html"
AUTOCONFIG_FILE = "config-v1.1.xml"


@dataclass(frozen=True, slots=True)
class WebDocument:
    """One file that the front serves, under names that serve nothing else.

    hosts: names (A-labels). path: absolute URL path, matched exactly, a query string is ignored.
    file: its name in deploys.host.web_layout.WEB_DOCUMENTS. media_type: of the answer, with its
    charset. plain_http: also served by http, without a redirect. download: file name for
    Content-Disposition, or "" for none.
    """

    hosts: tuple[str, ...]
    path: str
    file: str
    media_type: str
    plain_http: bool = False
    download: str = ""


def web_documents(server: MailServer) -> tuple[WebDocument, ...]:
    """Return what a server's front serves beside web mail."""
    if not client_setup.is_offered(server):
        return ()
    programs = (client_setup.autoconfig_name(server),)
    return (
        WebDocument(programs, "/", PAGE_FILE, "text/html; charset=utf-8"),
        WebDocument(
            programs,
            client_setup.AUTOCONFIG_PATH,
            AUTOCONFIG_FILE,
            client_setup.AUTOCONFIG_TYPE,
            plain_http=True,
        ),
        *(_profile(programs, domain.name) for domain in server.domains),
        *(_policy(each.domain) for each in server.sts),
    )


def _profile(hosts: tuple[str, ...], domain: str) -> WebDocument:
    name = client_setup.profile_file(domain)
    return WebDocument(hosts, f"/{name}", name, client_setup.PROFILE_TYPE, download=name)


def _policy(domain: str) -> WebDocument:
    hosts, file = (mta_sts.host(domain),), mta_sts.file(domain)
    return WebDocument(hosts, mta_sts.PATH, file, mta_sts.MEDIA_TYPE)
