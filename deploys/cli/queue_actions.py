"""What can be shown of messages, done with those that wait or are kept, and the commands for it."""

from __future__ import annotations

COMMANDS = {
    "retry": "postqueue -i {id}",
    "hold": "postsuper -h {id}",
    "release": "postsuper -H {id}",
    "delete": "postsuper -d {id}",
}
# What was kept aside before it got into a mailbox is not in Postfix's queue.
KEPT_COMMANDS = {"deliver": "deliver {id}", "discard": "remove {id}"}
SHOWN = ("list", "deliveries", "kept")
ACTIONS = (*SHOWN, *COMMANDS, *KEPT_COMMANDS)
