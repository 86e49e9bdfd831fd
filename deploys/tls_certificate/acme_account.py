"""Which ACME account a server's certificates are ordered with, as the authority names it."""

from __future__ import annotations

import json
import shlex
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from pyinfra.api import Host

from deploys.host.snapshot import look
from deploys.run.paths import keys_dir
from deploys.tls_certificate.operations import LINEAGE
from postmaster.settings import MailServer

_CERTBOT = "/etc/letsencrypt"


def account_uri(host: Host, server: MailServer) -> str | None:
    """Return the URI of the account that the next certificate is ordered with, None for none yet.

    host: the server's.
    """
    if server.tls.method == "acme-dns":
        from deploys.tls_certificate import acme_dns

        return acme_dns.account(keys_dir(), server.tls.directory).uri()
    reply = look(host, certbot_script(server))
    try:
        found = json.loads(reply.stdout)["uri"] if reply.ok else None
    except (ValueError, LookupError, TypeError):
        return None
    return found if isinstance(found, str) else None


def certbot_script(server: MailServer) -> str:
    """Return the script that shows certbot's account with the server's authority.

    Certbot keeps its accounts by directory; with several it takes the one that renews our
    certificate.
    """
    directory = urlsplit(server.tls.directory)
    folder = PurePosixPath(_CERTBOT, "accounts", directory.netloc, directory.path.strip("/"))
    conf = f"{_CERTBOT}/renewal/{LINEAGE}.conf"
    quoted = shlex.quote(str(folder))
    return (
        f"id=$(sed -n 's/^account = //p' {conf} 2>/dev/null); cd {quoted} 2>/dev/null || exit 1; "
        '[ -n "$id" ] && [ -f "$id/regr.json" ] || '
        '{ [ "$(ls | wc -l)" = 1 ] && id=$(ls); }; cat "$id/regr.json"'
    )
