"""Publish all records but MX, or put a backup's back: `pyinfra inventory.py deploys/dns.py`.

With `--data undo=state/backups/FILE.json` the records of a backup are put back.
"""

import sys

from pyinfra import host

from deploys import dns_steps, flow
from deploys.site import current_site, zone_of
from postmaster.desired import BEFORE_MX
from postmaster.messages import text

flow.refuse_split_runs(sys.argv)
site = current_site()

flow.begin(name=text("flow.name.begin"))
if "zones" in host.groups:
    zone = zone_of(site, host)
    if backup := host.data.get("undo"):
        dns_steps.undo(zone, backup)
    else:
        published = dns_steps.publish_before_mx(site, zone)
        dns_steps.wait_until_visible(site, zone, BEFORE_MX, published)
flow.end(name=text("flow.name.end"))
