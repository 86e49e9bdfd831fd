"""All records that the site wants, to enter by hand: `pyinfra inventory.py deploys/dns_export.py`.

`--data format=table` (or zonefile, json), `--data panel=NAME` (how a web panel takes them),
`--data output=FILE`. Printed on standard output, everything else goes to the other one. No provider
is asked. A DKIM key that is missing is made first, with `--dry` it is only named.
"""

from deploys.cli.verbs import EXPORT
from deploys.run.flow import barrier
from deploys.run.frame import frame
from deploys.zones import key_steps
from deploys.zones.export_steps import export
from ground.words import text

with frame(EXPORT) as run:
    if run.server:
        key_steps.dkim_keys(run.server)
    barrier("keys_ready")

    if run.zone:
        export(name=text("export.name"), site=run.site, asked=run.asked, dry=run.dry)
