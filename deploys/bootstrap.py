"""From a bare VPS and a domain to a mail server: `pyinfra inventory.py deploy.py`.

MX comes last. Nothing below a barrier starts before all above it is done on every host, so no
sender is ever pointed at a server that does not answer. `--data withdraw=a.test` takes what the
inventory no longer has out of DNS, MX first; `--data start_empty=HOST` and `keep_database=HOST` say
what becomes of a database that is not what it was.
"""

from pyinfra import host

from deploys.cli.verbs import DEPLOY
from deploys.edge.steps import install_edge
from deploys.host.reachable import reachable
from deploys.outbound.steps import install_outbound, leave_outbound, reload_outbound
from deploys.pmail_server.service import running
from deploys.pmail_server.steps import install_pmail, start_pmail
from deploys.run.flow import barrier
from deploys.run.frame import frame
from deploys.tls_certificate import account_steps
from deploys.tls_certificate.steps import certificate_steps, renewal_steps
from deploys.verification.foresight import steps_foreseen
from deploys.verification.preflight import preflight
from deploys.verification.steps import ProofWish, verify
from deploys.web_documents.steps import put_documents, serve_policies
from deploys.web_front.steps import leave_front, open_endpoint, prepare_front, start_front
from deploys.zones import key_steps, leaving_steps
from deploys.zones import steps as dns_steps
from deploys.zones.policy_publishing import has_policies, publish_policies
from deploys.zones.remembering import remember
from deploys.zones.turned_off_steps import withdraw_turned_off
from ground.words import text
from postmaster.database_choice import Said
from postmaster.desired import BEFORE_MX, MOVE_STAGE, MX_STAGE, POLICY_STAGE
from postmaster.leaving import without

with frame(DEPLOY) as run:
    site, zone, withdrawn = without(run.site, run.asked.withdrawn), run.zone, run.asked.withdrawn
    server = site.server(run.server.host) if run.server else None
    said = run.asked.said_of(server.host) if server else Said()

    if server:
        steps_foreseen(host, server)
    leaving_steps.told(name=text("leaving.name.told"), site=site)
    if server:
        preflight(name=text("preflight.name"), server=server)
    barrier("preflight_done")

    if server:
        key_steps.dkim_keys(server)
        remember(server, site, said)
    barrier("keys_ready")

    if zone:
        leaving_steps.remember(name=text("dns.name.former"), site=site, zone=zone)
        account_steps.withdraw_outdated(site, zone)
        published = dns_steps.publish_before_mx(site, zone)
    barrier("dns_published")

    if zone:
        dns_steps.wait_until_visible(site, zone, published, BEFORE_MX)
    barrier("dns_visible")

    if server:
        inputs = install_pmail(server, said)
        front = prepare_front(server)
        # A name that still points elsewhere cannot be proven here.
        certificate = certificate_steps(server, site, proven=not server.moves_from)
        put_documents(server)
        leave_front(server)
        install_edge(server)
        install_outbound(server, site)
        open_endpoint(server)
        start_pmail(server, inputs + certificate)
        start_front(server, front + certificate)
        renewal_steps(server)
        leave_outbound(server)
        reachable(name=text("reach.name"), server=server)
        serve_policies(server)
    barrier("servers_up")

    if site.moves:
        if zone:
            moved = dns_steps.publish_moves(site, zone)
            dns_steps.wait_until_visible(site, zone, moved, BEFORE_MX, MOVE_STAGE)
        barrier("addresses_moved")
        if server and server.moves_from:
            certificate = certificate_steps(server, site)
            reload_outbound(server, certificate)
            start_front(server, certificate)
            running(name=text("host.name.running"), server=server, inputs=certificate)

    if zone:
        if account_steps.has_accounts(site):
            account_steps.publish_accounts(site, zone)
        if has_policies(site, zone):
            told = publish_policies(site, zone)
            dns_steps.wait_until_visible(site, zone, told, POLICY_STAGE)
        mx_published = dns_steps.publish_mx(site, zone)
        dns_steps.wait_until_visible(site, zone, mx_published, MX_STAGE)
        leaving_steps.withdraw(site, zone, withdrawn)
        withdraw_turned_off(site, zone)
        dns_steps.retire_keys(site, zone)
    leaving_steps.forget(name=text("leaving.name.forget"), site=site, names=withdrawn)
    barrier("mx_published")

    if server:
        key_steps.wipe_unnamed(server, site)
        remember(server, site, said)
        proof = ProofWish.AFTER_CHANGES
        verify(name=text("report.name"), server=server, site=site, proof=proof)
