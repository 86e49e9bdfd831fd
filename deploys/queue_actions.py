"""What can be shown of messages, done with those that wait, and Postfix's commands for it."""

from __future__ import annotations

COMMANDS = {
    "retry": "postqueue -i {id}",
    "hold": "postsuper -h {id}",
    "release": "postsuper -H {id}",
    "delete": "postsuper -d {id}",
}
SHOWN = ("list", "deliveries")
ACTIONS = (*SHOWN, *COMMANDS)
