"""Which resolvers are asked whether they show the records: receivers ask theirs, everywhere."""

from __future__ import annotations

from postmaster.settings_table import RESOLVERS

# Quad9, 114DNS and Baidu beside the resolvers that are asked where nobody names any.
_MORE = ("9.9.9.9", "114.114.114.114", "180.76.76.76")


def witnesses(resolvers: tuple[str, ...]) -> tuple[str, ...]:
    """Return the resolvers that propagation is judged by. resolvers: those of the setting."""
    return (*resolvers, *_MORE) if resolvers == RESOLVERS else resolvers
