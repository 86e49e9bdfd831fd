"""Shell that asks systemd about several units at once; a program for each would take longer."""

from __future__ import annotations

_ENABLED = "enabled|enabled-runtime|static|alias|indirect|generated"


def active(units: str) -> str:
    """Return the command that tells whether all of some units are active."""
    return _all(f"systemctl is-active {units}", "active|reloading")


def enabled(units: str) -> str:
    """Return the command that tells whether all of some units are enabled."""
    return _all(f"systemctl is-enabled {units}", _ENABLED)


def in_order(units: str) -> str:
    """Return the command that tells whether all of some units are as they shall be.

    Active and enabled, and systemd has read their files as they are on the disk.
    """
    shown = "ActiveState UnitFileState NeedDaemonReload"
    asked = " ".join(f"-P {each}" for each in shown.split())
    return _all(f"systemctl show {asked} {units}", f"|active|reloading|{_ENABLED}|no")


def idle(units: str) -> str:
    """Return the command that tells whether none of some units is active or enabled."""
    shown = f"systemctl show -P ActiveState -P UnitFileState {units} 2>&1"
    return f"[ -z \"$({shown} | grep -xE 'active|reloading|{_ENABLED}')\" ]"


def _all(command: str, good: str) -> str:
    return f"[ -z \"$({command} 2>&1 | grep -vxE '{good}')\" ]"
