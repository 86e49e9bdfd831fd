"""What a run of `deploys/rotate_dkim.py` was asked to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deploys.run import options
from deploys.run.options import Choice, Flag, Names, Text, option
from ground.words import Words
from postmaster.outbound import mode_of
from postmaster.settings import MailServer, Site

ACTIONS = ("run", "status", "abort", "reveal")


@dataclass(frozen=True, slots=True)
class Request(options.Request):
    """action: run, status, abort or reveal. domains: only these, all when empty.

    emergency: the key in use has leaked. check_age: begin only where a key is older than the
    setting. wait: stay until nothing is left to wait for. selector: of the key to reveal.
    """

    action: str = option("rotate_action", Choice(ACTIONS), default="run")
    domains: tuple[str, ...] = option(
        "rotate_domains", Names(), "--domain", default=(), help="cli.rotate_domain"
    )
    emergency: bool = option(
        "rotate_emergency", Flag(), "--emergency", default=False, help="cli.rotate_emergency"
    )
    check_age: bool = option(
        "rotate_check_age", Flag(), "--check-age", default=False, help="cli.rotate_check_age"
    )
    wait: bool = option("rotate_wait", Flag(), "--wait", default=False, help="cli.rotate_wait")
    selector: str | None = option("rotate_selector", Text(), "--reveal", help="cli.rotate_reveal")

    @property
    def changes(self) -> bool:
        """All but a look at the status does."""
        return self.action != "status"

    @property
    def shown_dry(self) -> bool:
        """The status is shown by a run that is carried out."""
        return self.changes

    @property
    def groups(self) -> tuple[str, ...] | None:
        """What only looks asks no zone."""
        return ("mail_servers",) if self.action in ("status", "reveal") else None

    def problems(self, *, dry: bool) -> Iterable[Words]:
        """Return why this makes no sense."""
        if self.emergency and self.check_age:
            yield Words.of("rotation.bad_flags")
        if (self.action == "reveal") is not bool(self.selector):
            yield Words.of("rotation.bad_reveal")
        if self.action in ("abort", "reveal") and len(self.domains) != 1:
            yield Words.of("rotation.one_domain", action=self.action)

    def problems_in(self, site: Site, here: Site) -> Iterable[Words]:
        """Return which domains are none with a key of their own, nor one that is being replaced, or
        on no server of this run.
        """
        known, reached, replaced = _with_keys(site), _with_keys(here), _being_replaced()
        if unknown := [domain for domain in self.domains if domain not in known | replaced]:
            names = {"domains": ", ".join(unknown), "known": ", ".join(sorted(known))}
            yield Words.of("rotation.bad_domain", **names)
        if left_out := [each for each in self.domains if each in known - reached]:
            yield Words.of("flow.left_out", names=", ".join(left_out))

    def names(self, domain: str) -> bool:
        """Whether a domain is meant."""
        return not self.domains or domain in self.domains


def _being_replaced() -> frozenset[str]:
    """Domains whose key is being replaced; a damaged journal is told where it is needed."""
    from deploys.run.paths import state_dir  # not for who only asks what options there are
    from keys.journal import Journal, JournalError

    try:
        return frozenset(each.domain for each in Journal(state_dir()).going_on())
    except JournalError:
        return frozenset()


def _with_keys(site: Site) -> frozenset[str]:
    return frozenset(domain for server in site.servers for domain in domains_with_keys(server))


def domains_with_keys(server: MailServer) -> tuple[str, ...]:
    """Return the domains of a server that have a key of their own."""
    return tuple(signing.domain for signing in mode_of(server).signing_keys(server))
