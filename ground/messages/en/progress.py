"""What a run waits for, on the line that moves."""

TEXTS = {
    "progress.zone": "asks the name servers of {zone}",
    "progress.host": "looks at the host",
    "progress.live": "mail is sent, and waited for",
    "progress.world": "asks DNS, connects to the ports",
    "progress.relay": "sends a message through the relay, to its own end",
    "progress.receivers": "connects to big receivers from the host",
}
