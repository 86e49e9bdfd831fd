"""Is every host fit to become a mail server? `pyinfra inventory.py deploys/preflight.py`."""

from pyinfra import host

from deploys.run.site import current_site, server_of
from deploys.verification.preflight import preflight
from ground.words import text

site = current_site()

if "mail_servers" in host.groups:
    preflight(name=text("preflight.name"), server=server_of(site, host))
