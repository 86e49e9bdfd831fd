"""The queue."""

TEXTS = {
    "queue.name": "The queue",
    "queue.none": "this outbound mode has no queue",
    "queue.listed": "{count} recipients wait",
    "queue.empty": "nothing waits",
    "queue.now": "now",
    "queue.why": "{queue}, next try {next}: {reason}",
    "queue.no_ids": "{action} needs the ids of messages (queue_ids); the list shows them",
    "queue.bad_ids": "no queue ids: {ids}",
    "queue.unknown": "not in the queue (any more): {ids}",
    "queue.failed": "could not {action}",
    "queue.delivered": "{count} deliveries and attempts",
    "queue.none_delivered": "nothing was delivered or tried",
    "queue.clear": "in clear text",
    "queue.kept": "{count} messages are kept aside",
    "queue.none_kept": "nothing is kept aside",
}
