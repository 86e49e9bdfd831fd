"""A web server of the user's on the same host: which it is, and what it has to be told; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploys.host import pmail_layout as pmail
from deploys.host import web_layout as layout


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of web server.

    unit: its name without `.service`. folder: where its configuration is. site: what we have for
    it. file: where the line goes; a name that is read after all others, or the server's own file.
    line: what to put there. test: command that tells whether its configuration is right.
    """

    name: str
    unit: str
    folder: str
    site: str
    file: str
    line: str
    test: str

    @property
    def command(self) -> str:
        """What does all of it: for somebody to paste."""
        ready = "a2enmod -q ssl proxy proxy_http headers && " if self.name == "apache" else ""
        return (
            f"{ready}echo '{self.line}' >> {self.file} && {self.test} && "
            f"systemctl reload {self.unit}"
        )


NGINX = Kind(
    "nginx",
    "nginx",
    "/etc/nginx",
    layout.SITE_NGINX,
    "/etc/nginx/sites-enabled/zz-pmail",
    f"include {layout.SITE_NGINX};",
    "nginx -t -q",
)
APACHE = Kind(
    "apache",
    "apache2",
    "/etc/apache2",
    layout.SITE_APACHE,
    "/etc/apache2/sites-enabled/zz-pmail.conf",
    f"Include {layout.SITE_APACHE}",
    "apache2ctl -t",
)
CADDY = Kind(
    "caddy",
    "caddy",
    "/etc/caddy",
    layout.SITE_CADDY,
    "/etc/caddy/Caddyfile",
    f"import {layout.SITE_CADDY}",
    "caddy validate --config /etc/caddy/Caddyfile",
)
KINDS = (NGINX, APACHE, CADDY)

# What a server that includes our file has to read anew when it changes.
READS = (*layout.SITES, pmail.TLS_CHAIN)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What was seen. user: whose processes connect to PMail. included: it has our line.

    current: it was reloaded since what it includes has changed.
    """

    kind: Kind
    user: str
    included: bool
    current: bool


# In files that are links, too, but not where sites lie that are not enabled; not in a comment.
INCLUDES = "grep -Rqs --exclude-dir=sites-available --"
_INCLUDED = "\n".join(
    f"{INCLUDES} '^[^#]*{each.site}' {each.folder} && echo included {each.name}" for each in KINDS
)
# The one that has a web port, by its processes that are not root's; else one that runs, or is
# installed.
SCRIPT = f"""
kind() {{
    case $1 in nginx*) echo nginx;; apache2*|httpd*) echo apache;; caddy*) echo caddy;; esac
}}
running() {{
    for pid in $(ss -Hltnp 'sport = :80 or sport = :443' | grep -o 'pid=[0-9]*' | cut -d= -f2); do
        grep -qsF {layout.NGINX} /proc/$pid/cgroup && continue
        name=$(kind "$(cat /proc/$pid/comm)"); user=$(stat -c %U /proc/$pid)
        [ -z "$name" ] || [ "$user" = root ] || {{ echo "$name $user"; return; }}
    done
    for each in apache2:apache:www-data caddy:caddy:caddy nginx:nginx:www-data; do
        systemctl is-active -q ${{each%%:*}} || continue
        each=${{each#*:}}; echo "${{each%:*}} ${{each#*:}}"; return
    done
    if command -v apache2; then echo apache www-data
    elif command -v caddy; then echo caddy caddy
    elif getent passwd www-data; then echo nginx www-data
    else echo nginx nginx; fi
}}
running 2>/dev/null | grep -xE '(nginx|apache|caddy) [a-z_][a-z0-9_-]*' | head -n 1
{_INCLUDED}
there=$(sha256sum {" ".join(READS)} 2>/dev/null)
[ "$there" != "$(cat {layout.LOADED} 2>/dev/null)" ] || echo current
exit 0
"""


def parse(written: str) -> Neighbour:
    """Return what the script has seen; nothing that is known is taken for nginx."""
    lines = written.splitlines()
    by_name = {each.name: each for each in KINDS}
    first = next((each for each in lines if re.fullmatch(r"(nginx|apache|caddy) \S+", each)), "")
    name, _, user = first.partition(" ")
    included = [each for each in KINDS if f"included {each.name}" in lines]
    kind = by_name.get(name) or (included[0] if included else NGINX)
    return Neighbour(kind, user or "www-data", kind in included, "current" in lines)
