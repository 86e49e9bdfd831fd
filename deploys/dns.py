"""DNS alone, by `--data dns_action=…`: `pyinfra inventory.py deploys/dns.py`.

publish (without an action): all records but MX, which needs servers that answer;
`dns_withdraw=a.test` takes what the inventory no longer has out of DNS, MX first. plan: all
records, with `--dry`. undo: put back a backup's records, `--data undo=state/backups/FILE.json`.
adopt: take records that are as wished already into the ledger, write nothing. remove: take out
all that we wrote, and only that. Records are published without a mail server that is not reached;
the keys of its domains stay as they are.
"""

from deploys.cli.verbs import DNS
from deploys.run.flow import barrier
from deploys.run.frame import frame
from deploys.tls_certificate import account_steps
from deploys.tls_certificate.authority import foretold
from deploys.zones import key_steps, leaving_steps
from deploys.zones import steps as dns_steps
from deploys.zones.policy_publishing import has_policies, publish_policies
from deploys.zones.remembering import remember, remember_beside
from deploys.zones.turned_off_steps import withdraw_turned_off
from ground.words import text
from postmaster.desired import BEFORE_MX, MOVE_STAGE
from postmaster.leaving import without

with frame(DNS) as run:
    asked, zone = run.asked, run.zone
    site = without(run.site, asked.withdrawn)

    leaving_steps.told(name=text("leaving.name.told"), site=site)

    if run.server and asked.makes_keys:
        key_steps.dkim_keys(run.server)
        if asked.changes:
            remember(run.server, site)
    barrier("keys_ready", goes_on=asked.task == "publish")

    if run.server and asked.task == "plan":
        foretold(name=text("caa.name"), server=run.server)

    if zone:
        match asked.task:
            case "publish":
                leaving_steps.remember(name=text("dns.name.former"), site=site, zone=zone)
                published = dns_steps.publish_before_mx(site, zone)
                dns_steps.wait_until_visible(site, zone, published, BEFORE_MX)
                if site.moves:
                    moved = dns_steps.publish_moves(site, zone)
                    dns_steps.wait_until_visible(site, zone, moved, BEFORE_MX, MOVE_STAGE)
                leaving_steps.withdraw(site, zone, asked.withdrawn)
                withdraw_turned_off(site, zone)
            case "plan":
                leaving_steps.remember(name=text("dns.name.former"), site=site, zone=zone)
                dns_steps.publish_before_mx(site, zone)
                dns_steps.publish_moves(site, zone)
                if account_steps.has_accounts(site):
                    account_steps.publish_accounts(site, zone)
                if has_policies(site, zone):
                    publish_policies(site, zone)
                dns_steps.publish_mx(site, zone)
                leaving_steps.withdraw(site, zone, asked.withdrawn)
                withdraw_turned_off(site, zone)
            case "undo" if asked.backup:
                dns_steps.undo(site, zone, asked.backup)
            case "adopt":
                dns_steps.adopt(site, zone)
            case "remove":
                dns_steps.remove(zone)

    if asked.task == "publish":
        leaving_steps.forget(name=text("leaving.name.forget"), site=site, names=asked.withdrawn)
    if asked.changes:
        barrier("dns_published", goes_on=True)
        if run.server:
            remember(run.server, site)
        if zone:
            remember_beside(site, zone)
