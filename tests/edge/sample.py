"""What the tests of the edge share."""

from __future__ import annotations

from edge.config import Config, Forgeries, Guesses, Limits, Unknown


def config(unknown: Unknown = "reject", forgeries: Forgeries = "keep", state: str = "") -> Config:
    """Return the configuration of a small server."""
    return Config(
        mail_host="smtp.example.test",
        domains=("example.test", "second.test"),
        admin="admin",
        aliases=(
            ("info@example.test", ("bob", "Carol")),
            ("gone@example.test", ("nobody-here",)),
        ),
        unknown_recipients=unknown,
        forgeries=forgeries,
        always=("dmarc@example.test",),
        database="",
        state=state,
        limits=Limits(messages_hour=2, messages_day=3, recipients_hour=5, recipients_day=7),
        guesses=Guesses(free=3, most=10, within=600, hold=900),
        forwards_hour=2,
        chain="",
        key="",
        queue_life=172800,
        addresses=("203.0.113.10", "2001:db8::10"),
        receivers=(),
    )


def known(name: str) -> str | None:
    """Return the spelling of an account of that server."""
    return {"admin": "admin", "bob": "Bob", "carol": "carol", "c+c": "c+c"}.get(name.lower())
