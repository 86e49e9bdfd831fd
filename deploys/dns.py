"""DNS alone, by `--data dns_action=…`: `pyinfra inventory.py deploys/dns.py`.

publish (without an action): all records but MX, which needs servers that answer. plan: all
records, with `--dry`. undo: put back a backup's records, `--data undo=state/backups/FILE.json`.
adopt: take records that are as wished already into the ledger, write nothing. remove: take out
all that we wrote, and only that. Records are published without a mail server that is not reached;
the keys of its domains stay as they are.
"""

from deploys.cli.verbs import DNS
from deploys.run.flow import barrier
from deploys.run.frame import frame
from deploys.zones import key_steps
from deploys.zones import steps as dns_steps
from deploys.zones.remembering import remember, remember_beside
from postmaster.desired import BEFORE_MX

with frame(DNS) as run:
    site, asked, zone = run.site, run.asked, run.zone

    if run.server and asked.makes_keys:
        key_steps.dkim_keys(run.server)
        if asked.changes:
            remember(run.server, site)
    barrier("keys_ready", goes_on=asked.task == "publish")

    if zone:
        match asked.task:
            case "publish":
                published = dns_steps.publish_before_mx(site, zone)
                dns_steps.wait_until_visible(site, zone, BEFORE_MX, published)
            case "plan":
                dns_steps.publish_before_mx(site, zone)
                dns_steps.publish_mx(site, zone)
            case "undo" if asked.backup:
                dns_steps.undo(zone, asked.backup)
            case "adopt":
                dns_steps.adopt(site, zone)
            case "remove":
                dns_steps.remove(zone)

    if asked.changes:
        barrier("dns_published", goes_on=True)
        if run.server:
            remember(run.server, site)
        if zone:
            remember_beside(site, zone)
