"""DNS alone, by `--data dns_action=…`: `pyinfra inventory.py deploys/dns.py`.

publish (without an action): all records but MX, which needs servers that answer. plan: all
records, with `--dry`. undo: put back a backup's records, `--data undo=state/backups/FILE.json`.
adopt: take records that are as wished already into the ledger, write nothing. remove: take out
all that we wrote, and only that.
"""

import sys

from pyinfra import host

from deploys.cli.dns_actions import ACTIONS, action_of
from deploys.run import flow
from deploys.run.site import current_site, server_of, zone_of
from deploys.zones import key_steps
from deploys.zones import steps as dns_steps
from ground.words import text
from postmaster.desired import BEFORE_MX

flow.refuse_split_runs(sys.argv)
site = current_site()
action = action_of(host.data.get("dns_action"), host.data.get("undo"), sys.argv)

flow.begin(name=text("flow.name.begin"))
if "mail_servers" in host.groups and ACTIONS[action].makes_keys:
    key_steps.dkim_keys(server_of(site, host))
flow.barrier(name=text("flow.name.keys_ready"))

if "zones" in host.groups:
    zone = zone_of(site, host)
    match action:
        case "publish":
            published = dns_steps.publish_before_mx(site, zone)
            dns_steps.wait_until_visible(site, zone, BEFORE_MX, published)
        case "plan":
            dns_steps.publish_before_mx(site, zone)
            dns_steps.publish_mx(site, zone)
        case "undo":
            dns_steps.undo(site, zone, host.data.undo)
        case "adopt":
            dns_steps.adopt(site, zone)
        case "remove":
            dns_steps.remove(zone)
flow.end(name=text("flow.name.end"))
