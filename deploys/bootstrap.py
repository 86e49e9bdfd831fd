"""From a bare VPS and a domain to a mail server: `pyinfra inventory.py deploy.py`.

The MX record comes last. Nothing below a barrier starts before everything above it is done on
every host, so no sender is ever pointed at a server that does not answer.
"""

from pyinfra import host

from deploys import flow
from deploys.site import current_site
from postmaster.messages import text

site = current_site()
is_server = "mail_servers" in host.groups
is_zone = "zones" in host.groups

flow.begin(name=text("flow.name.begin"))
