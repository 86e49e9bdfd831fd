"""State and keys anew, from hosts and DNS: `pyinfra inventory.py deploys/recover.py`.

For a new machine, a lost or damaged folder, a state that is older than a host's. Nothing in DNS
changes, and nothing on a host but whose state counts; `--data new_admin_password=1` sets another
one of the administrator. What cannot come back is listed.
"""

from deploys.cli.verbs import RECOVER
from deploys.recovery import steps
from deploys.run.flow import barrier
from deploys.run.frame import frame
from deploys.zones import key_steps

with frame(RECOVER) as run:
    site, server, zone = run.site, run.server, run.zone

    if server:
        steps.remember_back(server)
        key_steps.keys_there(server)
        steps.rotation_keys(server)
    barrier("keys_ready")

    if zone:
        steps.recover_ledger(site, zone)
    barrier("dns_visible")

    if server:
        steps.take_over(server, site, new_password=run.asked.new_admin_password)
