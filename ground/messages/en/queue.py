"""The queue."""

TEXTS = {
    "queue.name": "The queue",
    "queue.none": "this outbound mode has no queue",
    "queue.listed": "recipients that wait: {count}",
    "queue.empty": "nothing waits",
    "queue.now": "now",
    "queue.why": "{queue}, next try {next}: {reason}",
    "queue.no_ids": "{action} needs the ids of messages (queue_ids); the list shows them",
    "queue.bad_ids": "no queue ids: {ids}",
    "queue.unknown": "not in the queue (any more): {ids}",
    "queue.failed": "could not {action}",
    "queue.delivered": "deliveries and attempts: {count}",
    "queue.none_delivered": "nothing was delivered or tried",
    "queue.clear": "in clear text",
    "queue.forged": "its author is an address of ours, and nothing proves it",
    "queue.kept": "messages kept aside: {count}",
    "queue.none_kept": "nothing is kept aside",
    "queue.unreadable": "the queue of {host} cannot be read: {reason}",
}
