"""All records that the site wants, to enter by hand: `pyinfra inventory.py deploys/dns_export.py`.

`--data format=table` (or zonefile, json), `--data panel=NAME` (how a web panel takes them),
`--data output=FILE`. Printed on standard output, everything else goes to the other one. No provider
is asked. A DKIM key that is missing is made first, with `--dry` it is only named.
"""

import sys

from pyinfra import host

from deploys.run import flow
from deploys.run.site import current_site, server_of
from deploys.zones import key_steps
from deploys.zones.export_steps import export, refuse_wrong_choices
from ground.words import text

flow.refuse_split_runs(sys.argv)
form, panel = host.data.get("format") or "table", host.data.get("panel")
refuse_wrong_choices(form, panel)
site = current_site(opening=False)

flow.begin(name=text("flow.name.begin"))
if "mail_servers" in host.groups:
    key_steps.dkim_keys(server_of(site, host))
flow.barrier(name=text("flow.name.keys_ready"))

if "zones" in host.groups:
    export(
        name=text("export.name"),
        site=site,
        form=form,
        panel=panel,
        output=host.data.get("output"),
        dry="--dry" in sys.argv,
    )
flow.end(name=text("flow.name.end"))
