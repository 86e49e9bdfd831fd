"""What a host remembers, and which site the state is of, as far as either can be read."""

from __future__ import annotations

from pyinfra.api import Host

from deploys.host.looked import MEMORY, looked
from deploys.run.identity import IdentityError, identity
from postmaster.manifest import Identity, Manifest, ManifestError


def manifest_of(host: Host) -> Manifest | None:
    """Return what a host remembers, None where it remembers nothing that can be read."""
    try:
        return looked(host).of(MEMORY).manifest
    except ManifestError:
        return None


def known_site() -> Identity | None:
    """Return which site the state is of, None where it says none that can be read."""
    try:
        return identity()
    except IdentityError:
        return None
