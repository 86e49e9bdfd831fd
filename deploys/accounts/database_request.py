"""What a deploy can be told of a server's database, where it would not go on by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deploys.run.options import Request, Text, option
from ground.words import Words
from postmaster.database_choice import Said
from postmaster.settings import Site


@dataclass(frozen=True, slots=True)
class DatabaseRequest(Request):
    """start_empty: the host whose database is begun anew; what is there is moved aside.

    keep_database: the host whose database is the right one, though it is not as it was.
    """

    start_empty: str | None = option("start_empty", Text(), "--start-empty", help="cli.start_empty")
    keep_database: str | None = option(
        "keep_database", Text(), "--keep-database", help="cli.keep_database"
    )

    def said_of(self, host: str) -> Said:
        """Return what was said of a host. host: inventory name."""
        return Said(self.start_empty == host, self.keep_database == host)

    def problems_in(self, site: Site, here: Site) -> Iterable[Words]:
        """Return why this makes no sense for the servers that the run is for."""
        known = [each.host for each in here.servers]
        for word, given in (
            ("start_empty", self.start_empty),
            ("keep_database", self.keep_database),
        ):
            if given and given not in known:
                values = {"word": word, "given": given, "known": ", ".join(known)}
                yield Words.of("database.unknown_host", **values)
        if self.start_empty and self.start_empty == self.keep_database:
            yield Words.of("database.both", host=self.start_empty)


def said_of(asked: Request, host: str) -> Said:
    """Return what was said of a host's database, where a run can be told anything of it."""
    return asked.said_of(host) if isinstance(asked, DatabaseRequest) else Said()
