"""Replace DKIM keys so that no receiver notices: `pyinfra inventory.py deploys/rotate_dkim.py`.

A run does what is due and ends with what it waits for; the next run goes on from there. By
`--data`: rotate_action=status|abort|reveal, rotate_domains=a,b, rotate_emergency=1 (the key in use
has leaked), rotate_check_age=1 (only keys older than dkim_max_age: for cron), rotate_wait=1 (stay
until nothing is left to wait for).
"""

from deploys.cli.verbs import ROTATE
from deploys.rotation.operations import show, status
from deploys.rotation.revealing import reveal
from deploys.rotation.steps import rotate
from deploys.run.frame import frame
from deploys.zones import key_steps
from ground.words import text

with frame(ROTATE) as run:
    asked, site, server = run.asked, run.site, run.server

    if asked.action == "status":
        if server:
            status(name=text("rotation.name.status"), server=server, site=site, request=asked)
    elif asked.action == "reveal":
        if server:
            reveal(name=text("rotation.name.reveal"), server=server, site=site, request=asked)
            show(name=text("rotation.name.show"), site=site, server=server.host, first=False)
    else:
        if server:
            key_steps.keys_there(server)
        rotate(site, server, run.zone, asked)
