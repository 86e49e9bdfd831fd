"""What can be done with messages that wait, and the commands of Postfix that do it."""

from __future__ import annotations

COMMANDS = {
    "retry": "postqueue -i {id}",
    "hold": "postsuper -h {id}",
    "release": "postsuper -H {id}",
    "delete": "postsuper -d {id}",
}
ACTIONS = ("list", *COMMANDS)
