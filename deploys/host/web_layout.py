"""Where everything of the web front is on the host."""

from __future__ import annotations

FOLDER = "/var/lib/pmail-deploy-web"  # root's, and for all to read
WEB_DOCUMENTS = f"{FOLDER}/documents"
CHALLENGES = f"{FOLDER}/challenges"  # webroot: certbot writes .well-known/acme-challenge in it
