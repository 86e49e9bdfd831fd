"""What waits, and why: `pyinfra inventory.py deploys/queue.py`.

`--data queue_action=retry --data queue_ids=ID,ID` acts on named messages (retry, hold, release,
delete). `--data queue_action=kept` shows what was kept aside and not given to a mailbox, forged
mail above all (deliver, discard: act on named ones). `--data queue_action=deliveries` shows what
became of the mail of the last 24 hours (or `queue_hours`), with the receivers' words; `--data
queue_json=1` shows as JSON.
"""

from pyinfra import host

from deploys.outbound.queue import queue
from deploys.run.site import current_site, server_of
from ground.words import text

site = current_site()

if "mail_servers" in host.groups:
    queue(
        name=text("queue.name"),
        server=server_of(site, host),
        action=str(host.data.get("queue_action") or "list"),
        ids=tuple(filter(None, str(host.data.get("queue_ids") or "").split(","))),
        hours=str(host.data.get("queue_hours") or "24"),
        as_json=bool(host.data.get("queue_json")),
    )
