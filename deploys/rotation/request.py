"""What a run of `deploys/rotate_dkim.py` was asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyinfra.api import OperationError

from ground.words import text

ACTIONS = ("run", "status", "abort", "reveal")
_FLAGS = ("emergency", "check_age", "wait")


@dataclass(frozen=True, slots=True)
class Request:
    """action: run, status, abort or reveal. domains: only these, all when empty.

    emergency: the key in use has leaked. check_age: begin only where a key is older than the
    setting. wait: stay until nothing is left to wait for. selector: of the key to reveal.
    """

    action: str = "run"
    domains: tuple[str, ...] = ()
    emergency: bool = False
    check_age: bool = False
    wait: bool = False
    selector: str | None = None

    def names(self, domain: str) -> bool:
        """Whether a domain is meant."""
        return not self.domains or domain in self.domains


def parse(data: Mapping[str, object], known: frozenset[str]) -> Request:
    """Return the request in a run's `--data`. known: domains that have a key of their own.

    Raises OperationError with every reason.
    """
    given = {name.removeprefix("rotate_"): str(value) for name, value in data.items() if value}
    action = given.get("action", "run")
    domains = tuple(filter(None, given.get("domains", "").split(",")))
    reasons = []
    if action not in ACTIONS:
        reasons.append(text("rotation.bad_action", action=action, actions=", ".join(ACTIONS)))
    if unknown := [domain for domain in domains if domain not in known]:
        names = ", ".join(sorted(known))
        reasons.append(text("rotation.bad_domain", domains=", ".join(unknown), known=names))
    if given.get("emergency") and given.get("check_age"):
        reasons.append(text("rotation.bad_flags"))
    if (action == "reveal") is not bool(given.get("selector")):
        reasons.append(text("rotation.bad_reveal"))
    if action in ("abort", "reveal") and len(domains) != 1:
        reasons.append(text("rotation.one_domain", action=action))
    if reasons:
        raise OperationError("\n".join(reasons))
    flags = {name: bool(given.get(name)) for name in _FLAGS}
    return Request(action, domains, selector=given.get("selector"), **flags)
