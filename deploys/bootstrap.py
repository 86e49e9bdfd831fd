"""From a bare VPS and a domain to a mail server: `pyinfra inventory.py deploy.py`.

MX comes last. Nothing below a barrier starts before all above it is done on every host, so no
sender is ever pointed at a server that does not answer.
"""

from deploys.cli.verbs import DEPLOY
from deploys.edge.steps import install_edge
from deploys.host.reachable import reachable
from deploys.outbound.steps import install_outbound, leave_outbound
from deploys.pmail_server.steps import install_pmail, start_pmail
from deploys.run.flow import barrier
from deploys.run.frame import frame
from deploys.tls_certificate.steps import certificate_steps
from deploys.verification.preflight import preflight
from deploys.verification.steps import verify
from deploys.zones import key_steps
from deploys.zones import steps as dns_steps
from deploys.zones.remembering import remember
from ground.words import text
from postmaster.desired import BEFORE_MX, MX_STAGE

with frame(DEPLOY) as run:
    site, server, zone = run.site, run.server, run.zone

    if server:
        preflight(name=text("preflight.name"), server=server)
    barrier("preflight_done")

    if server:
        key_steps.dkim_keys(server)
        remember(server, site)
    barrier("keys_ready")

    if zone:
        published = dns_steps.publish_before_mx(site, zone)
    barrier("dns_published")

    if zone:
        dns_steps.wait_until_visible(site, zone, BEFORE_MX, published)
    barrier("dns_visible")

    if server:
        inputs = install_pmail(server)
        inputs += certificate_steps(server, site)
        install_edge(server)
        install_outbound(server, site)
        start_pmail(server, inputs)
        leave_outbound(server)
        reachable(name=text("reach.name"), server=server)
    barrier("servers_up")

    if zone:
        mx_published = dns_steps.publish_mx(site, zone)
        dns_steps.wait_until_visible(site, zone, MX_STAGE, mx_published)
        dns_steps.retire_keys(site, zone)
    barrier("mx_published")

    if server:
        remember(server, site)
        verify(name=text("report.name"), server=server, site=site)
