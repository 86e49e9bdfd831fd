"""Publish all records but MX, or put a backup's back: `pyinfra inventory.py deploys/dns.py`.

With `--data undo=state/backups/FILE.json` the records of a backup are put back.
"""

import sys

from pyinfra import host

from deploys import dns_steps, flow, key_steps
from deploys.site import current_site, server_of, zone_of
from postmaster.desired import BEFORE_MX
from postmaster.messages import text

flow.refuse_split_runs(sys.argv)
site = current_site()

flow.begin(name=text("flow.name.begin"))
if "mail_servers" in host.groups and not host.data.get("undo"):
    key_steps.dkim_keys(server_of(site, host))
flow.barrier(name=text("flow.name.keys_ready"))

if "zones" in host.groups:
    zone = zone_of(site, host)
    if backup := host.data.get("undo"):
        dns_steps.undo(zone, backup)
    else:
        published = dns_steps.publish_before_mx(site, zone)
        dns_steps.wait_until_visible(site, zone, BEFORE_MX, published)
flow.end(name=text("flow.name.end"))
