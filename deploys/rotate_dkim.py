"""Replace DKIM keys so that no receiver notices: `pyinfra inventory.py deploys/rotate_dkim.py`.

A run does what is due and ends with what it waits for; the next run goes on from there. By
`--data`: rotate_action=status|abort|reveal, rotate_domains=a,b, rotate_emergency=1 (the key in use
has leaked), rotate_check_age=1 (only keys older than dkim_max_age: for cron), rotate_wait=1 (stay
until nothing is left to wait for).
"""

import sys

from pyinfra import host

from deploys.rotation import operations, request
from deploys.rotation.revealing import reveal
from deploys.rotation.steps import domains_with_keys, rotate
from deploys.run import flow
from deploys.run.site import current_site, server_of, zone_of
from ground.words import text

flow.refuse_split_runs(sys.argv)
site = current_site()
asked = request.parse(
    {
        name: host.data.get(name)
        for name in (
            "rotate_action",
            "rotate_domains",
            "rotate_emergency",
            "rotate_check_age",
            "rotate_wait",
            "rotate_selector",
        )
    },
    frozenset(domain for each in site.servers for domain in domains_with_keys(each)),
)
server = server_of(site, host) if "mail_servers" in host.groups else None
zone = zone_of(site, host) if "zones" in host.groups else None

if asked.action == "status":
    if server:
        operations.status(name=text("rotation.name.status"), server=server, request=asked)
elif asked.action == "reveal":
    if server:
        domains = domains_with_keys(server)
        reveal(
            name=text("rotation.name.reveal"),
            server=server,
            site=site,
            domains=domains,
            request=asked,
        )
else:
    flow.begin(name=text("flow.name.begin"))
    rotate(site, server, zone, asked)
    flow.end(name=text("flow.name.end"))
