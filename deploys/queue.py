"""What waits, and why: `pyinfra inventory.py deploys/queue.py`.

`--data queue_action=retry --data queue_ids=ID,ID` acts on named messages (retry, hold, release,
delete). `--data queue_action=kept` shows what was kept aside and not given to a mailbox, forged
mail above all (deliver, discard: act on named ones). `--data queue_action=deliveries` shows what
became of the mail of the last 24 hours (or `queue_hours`), with the receivers' words; `--data
queue_json=1` shows as JSON.
"""

from deploys.cli.verbs import QUEUE
from deploys.outbound.queue import queue
from deploys.run.frame import frame
from ground.words import text

with frame(QUEUE) as run:
    if run.server:
        queue(name=text("queue.name"), server=run.server, asked=run.asked)
