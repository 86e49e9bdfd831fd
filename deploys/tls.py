"""Renew certificates that are due: `pyinfra inventory.py deploys/tls.py -y`, daily from cron.

Needed for `acme-dns`, whose proof goes through this machine; the other methods renew (or warn)
here as well.
"""

from deploys.cli.verbs import TLS
from deploys.outbound.steps import reload_outbound
from deploys.pmail_server.service import running
from deploys.run.frame import frame
from deploys.tls_certificate.steps import certificate_steps
from deploys.web_front.steps import reload_front
from ground.words import text

with frame(TLS) as run:
    if run.server:
        inputs = certificate_steps(run.server, run.site)
        reload_outbound(run.server, inputs)
        reload_front(run.server, inputs)
        running(name=text("host.name.running"), server=run.server, inputs=inputs)
