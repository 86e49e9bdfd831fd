"""Renew certificates that are due: `pyinfra inventory.py deploys/tls.py -y`, daily from cron.

Needed for `acme-dns`, whose proof goes through this machine; the other methods renew (or warn)
here as well.
"""

import sys

from pyinfra import host

from deploys.outbound.steps import reload_outbound
from deploys.pmail_server.service import running
from deploys.run import flow
from deploys.run.site import current_site, server_of
from deploys.tls_certificate.steps import certificate_steps
from ground.words import text

flow.refuse_split_runs(sys.argv)
site = current_site()

flow.begin(name=text("flow.name.begin"))
if "mail_servers" in host.groups:
    server = server_of(site, host)
    inputs = certificate_steps(server, site)
    reload_outbound(server, inputs)
    running(name=text("host.name.running"), server=server, inputs=inputs)
