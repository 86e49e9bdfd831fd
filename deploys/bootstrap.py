"""From a bare VPS and a domain to a mail server: `pyinfra inventory.py deploy.py`.

The MX record comes last. Nothing below a barrier starts before everything above it is done on
every host, so no sender is ever pointed at a server that does not answer.
"""

from pyinfra import host

from deploys import dns_steps, flow, preflight_steps, reachable_steps, verify_steps
from deploys.pmail_server import steps as pmail_server
from deploys.site import current_site, server_of, zone_of
from deploys.tls_certificate import steps as tls_certificate
from postmaster.messages import text

site = current_site()
is_server = "mail_servers" in host.groups
is_zone = "zones" in host.groups

flow.begin(name=text("flow.name.begin"))
