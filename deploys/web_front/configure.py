"""What the web front is configured with: nginx of ours, or what others include; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deploys.host import pmail_layout as pmail
from deploys.host import web_layout as layout
from deploys.host.templates import render
from deploys.web_front import neighbour
from postmaster.settings import MailServer
from postmaster.web import by_plain_http, web_of
from postmaster.web_documents import WebDocument, web_documents

_HERE = Path(__file__).parent
_RUNTIME = "/run/pmail-deploy-nginx"


@dataclass(frozen=True, slots=True)
class _Served:
    """A document as templates have it. pattern: its path as a regular expression."""

    path: str
    pattern: str
    file: str
    media_type: str
    plain_http: bool
    download: str


def _served(documents: Iterable[WebDocument]) -> tuple[_Served, ...]:
    return tuple(
        _Served(
            each.path,
            re.escape(each.path),
            each.file,
            each.media_type,
            each.plain_http,
            each.download,
        )
        for each in documents
    )


def web_names(server: MailServer) -> tuple[str, ...]:
    """Return the names that show web mail: the web host's, and those that it had before."""
    return (server.web_host, *(each for each in server.old_names if each != server.web_host))


def _values(server: MailServer, documents: tuple[WebDocument, ...]) -> dict[str, object]:
    """What the site's templates are filled in with."""
    names = web_names(server)
    others = dict.fromkeys(host for each in documents for host in each.hosts if host not in names)
    by_names: dict[tuple[WebDocument, ...], list[str]] = {}
    for name in others:
        by_names.setdefault(tuple(each for each in documents if name in each.hosts), []).append(
            name
        )
    asked = (*names, *server.certificate_names)
    return {
        "ours": web_of(server).ports == "ours",
        "ipv6": server.ipv6 is not None,
        "names": names,
        # Those that a challenge may come for; one with documents has a site of its own.
        "plain_names": tuple(each for each in dict.fromkeys(asked) if each not in others),
        "here": _served(each for each in documents if set(each.hosts) & set(names)),
        "sites": [(tuple(names), _served(found)) for found, names in by_names.items()],
        "endpoint": layout.ENDPOINT,
        "chain": pmail.TLS_CHAIN,
        "key": pmail.TLS_KEY,
        "challenges": layout.CHALLENGES,
        "documents": layout.WEB_DOCUMENTS,
        "public": layout.FOLDER,
    }


def nginx_conf(server: MailServer, documents: tuple[WebDocument, ...] | None = None) -> str:
    """Return the configuration of our nginx."""
    found = web_documents(server) if documents is None else documents
    return render(
        _HERE,
        "nginx.conf.j2",
        user=layout.USER,
        unit=layout.NGINX,
        runtime=_RUNTIME,
        cache=layout.CACHE,
        **_values(server, found),
    )


def sites(server: MailServer, documents: tuple[WebDocument, ...] | None = None) -> dict[str, str]:
    """Return what a web server of the user's includes, by path: one file for each kind."""
    found = web_documents(server) if documents is None else documents
    values = _values(server, found)
    marked = f"# {pmail.MARK}: changes are overwritten. Include this file in nginx's `http`.\n"
    return {
        layout.SITE_NGINX: marked + render(_HERE, "site.nginx.j2", **values),
        layout.SITE_APACHE: render(_HERE, "site.apache.j2", **values),
        layout.SITE_CADDY: render(_HERE, "site.caddy.j2", **values),
    }


def units(server: MailServer) -> dict[str, str]:
    """Return the units that the front needs, by name: sockets first."""
    found = {}
    if by_plain_http(server):
        found[layout.SOCKET] = render(
            _HERE,
            "endpoint.socket.j2",
            endpoint=layout.ENDPOINT,
            service=layout.PROXY,
            owned=layout.OWN_ENDPOINT,
            stamped=_stamped(layout.SOCKET),
        )
        found[layout.PROXY] = render(
            _HERE,
            "endpoint.service.j2",
            socket=layout.SOCKET,
            http_port=pmail.HTTP_PORT,
            user=pmail.USER,
        )
    if web_of(server).ports == "ours":
        found[layout.NGINX] = render(
            _HERE,
            "nginx.service.j2",
            conf=layout.NGINX_CONF,
            runtime=_RUNTIME,
            cache=layout.CACHE,
            stamped=_stamped(layout.NGINX, layout.NGINX_CONF, pmail.TLS_CHAIN),
        )
    return found


def reload_web() -> str:
    """Return the program that has a new certificate, and new files of ours, read."""
    return render(
        _HERE,
        "reload-web.sh.j2",
        nginx=layout.NGINX,
        kinds=neighbour.KINDS,
        includes=neighbour.INCLUDES,
        inputs=neighbour.READS,
        state=layout.FOLDER,
        loaded=layout.LOADED,
    )


def _stamped(unit: str, *inputs: str) -> str:
    noted = pmail.stamped(unit, (f"{pmail.UNITS}/{unit}", *inputs))
    return f"ExecStartPost=+/bin/sh -c '{noted}'"
