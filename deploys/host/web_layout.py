"""Where everything of the web front is on the host: what stands before PMail's web mail."""

from __future__ import annotations

from deploys.host.pmail_layout import OWN, TOOLS, UNITS

USER = "pmail-web"  # nothing else runs as it, so nothing else reaches PMail as it
FOLDER = "/var/lib/pmail-deploy-web"  # root's, and for all to read
WEB_DOCUMENTS = f"{FOLDER}/documents"
CHALLENGES = f"{FOLDER}/challenges"  # webroot: certbot writes .well-known/acme-challenge in it

CONFIG = f"{OWN}/web"
NGINX_CONF = f"{CONFIG}/nginx.conf"
# What a web server of the user's includes.
SITE_NGINX = f"{CONFIG}/site.nginx"
SITE_APACHE = f"{CONFIG}/site.apache"
SITE_CADDY = f"{CONFIG}/site.caddy"
SITES = (SITE_NGINX, SITE_APACHE, SITE_CADDY)
LOADED = f"{FOLDER}/loaded.sha256"  # what a web server of the user's has read of ours
RELOAD = f"{TOOLS}/reload-web"

# PMail's web mail, for root and for who is named in OWNER.
SOCKETS = "/run/pmail-deploy-web"
ENDPOINT = f"{SOCKETS}/pmail"
OWNER = f"{CONFIG}/owner"
OWN_ENDPOINT = f'chown "$(cat {OWNER})" {ENDPOINT}'

NGINX = "pmail-deploy-nginx.service"
NGINX_UNIT = f"{UNITS}/{NGINX}"
CACHE = "/var/cache/pmail-deploy-nginx"  # requests that are still coming
# Where there is no edge that listens there.
SOCKET = "pmail-deploy-endpoint.socket"
PROXY = "pmail-deploy-endpoint.service"
SOCKET_UNIT = f"{UNITS}/{SOCKET}"
PROXY_UNIT = f"{UNITS}/{PROXY}"

# Apple's profiles before they are signed, what they were signed from, and what signs them.
PROFILES = f"{FOLDER}/profiles"
PROFILES_SIGNED = f"{PROFILES}/.signed"
SIGN = f"{TOOLS}/sign-profiles"
