"""Files that the web front serves beside web mail: under which names and paths; pure."""

from __future__ import annotations

from dataclasses import dataclass

from postmaster.settings import MailServer


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
    return ()
