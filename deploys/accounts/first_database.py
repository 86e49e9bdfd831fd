"""PMail's database: begun where there has been none, with the admin in it, before PMail starts."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State, operation

from deploys.accounts import database, passwords, record
from deploys.accounts.database_request import said_of
from deploys.host import files as host_files
from deploys.host import pmail_layout as layout
from deploys.host.looked import DATABASE, MEMORY, looked
from deploys.host.remote import read
from deploys.run.identity import identity
from deploys.run.refusals import Around, Refused, on_each
from ground.operations import fail, refuse
from ground.words import Words, say, text
from postmaster.database_choice import Choice, Fresh, Place, Refuse, Said, choose, predecessor
from postmaster.settings import MailServer


def database_lost(around: Around[Any]) -> Iterable[Refused]:
    """Refuse where a host's database is gone, unsound, older than it was or of another server."""

    def ask(host: Host, server: MailServer) -> Iterable[Words]:
        chosen = choice(host, server, said_of(around.asked, server.host))
        if isinstance(chosen, Refuse):
            yield chosen.words

    return on_each(around.servers(), ask)


def choice(host: Host, server: MailServer, said: Said) -> Choice:
    """Return what becomes of a host's database, by what there was when the run began.

    A run has written the host's manifest before it comes to the database. Raises DeployError,
    ManifestError, IdentityError.
    """
    if host.name not in _chosen:
        _chosen[host.name] = _choice(host, server, said)
    return _chosen[host.name]


_chosen: dict[str, Choice] = {}


def _choice(host: Host, server: MailServer, said: Said) -> Choice:
    look, site = looked(host), identity()
    known, former = site.hosts.get(server.host) if site else None, ""
    named = {each.name for each in host.state.inventory}
    if site and known is None and (before := predecessor(site, named, server)):
        known, former = site.hosts[before], before
    at = Place(server.host, layout.DATABASE, former)
    return choose(look.of(MEMORY).manifest, known, look.of(DATABASE), said, at)


@operation()
def first_database(server: MailServer, said: Said) -> Generator[FunctionCommand, None, None]:
    """Ensure that there is a database with the admin in it; one that is sound stays as it is.

    + server: the mail server
    + said: what was said of this host's database
    """
    chosen = choice(host, server, said)
    if isinstance(chosen, Refuse):
        yield from fail(say(chosen.words))
    elif isinstance(chosen, Fresh):
        host.log_styled(f"  + {layout.DATABASE} ({server.admin_account})", fg="green")
        yield FunctionCommand(_install_database, (server, chosen), {})
    elif chosen.taken:
        host.log_styled(f"  ~ {text('database.taken', path=layout.DATABASE)}", fg="green")
        yield FunctionCommand(_take_database, (server,), {})
    else:
        host.noop(text("host.database_there"))


def _install_database(state: State, host: Host, server: MailServer, chosen: Fresh) -> bool:
    # One that runs may still have a file open that has no name any more.
    read(host, "systemctl stop pmail 2>/dev/null")
    if chosen.aside and not _move_aside(host):
        return refuse(state, host, text("database.not_aside", path=layout.DATABASE))
    record.keep_only(server, ())
    variable = passwords.admin_variable()
    password = passwords.known_or_made(server.host, server.admin_account, variable)
    content = database.seeded(server.admin_account, password)
    if problem := host_files.put_as(host, layout.USER, layout.DATABASE, content):
        return refuse(state, host, problem)
    passwords.tell(host, server, server.admin_account)
    return True


_FILES = " ".join(f"{layout.DATABASE}{end}" for end in ("", "-journal", "-wal", "-shm"))
_ASIDE = f"""
now=$(date -u +%Y%m%dT%H%M%SZ)
{layout.AS_PMAIL} sh -c '
for file in {_FILES}; do
    [ ! -e "$file" ] || {{ mv -nT "$file" "$file.aside-$1" && [ ! -e "$file" ]; }} || exit 1
done' sh $now || exit 1
echo {layout.DATABASE}.aside-$now
"""
# Its owner may have another number on a system that was set up anew, so it is root who gives it
# back: meanwhile the folder is root's, and nobody else changes what the names in it mean.
_TAKE = f"""
set -e
systemctl stop pmail 2>/dev/null || true
trap 'chown {layout.USER}:{layout.USER} {layout.DATA}' EXIT
chown root:root {layout.DATA}
chmod 700 {layout.DATA}
for file in {_FILES}; do
    [ -e "$file" ] || [ -L "$file" ] || continue
    [ "$(stat -c '%F %h' "$file" | sed 's/^regular empty/regular/')" = 'regular file 1' ] \
        || {{ echo "$file is a link, or no file" >&2; exit 1; }}
    chown -h {layout.USER}:{layout.USER} "$file"
    chmod 600 "$file"
done
"""


def _move_aside(host: Host) -> bool:
    """Rename the database with what belongs to it; nothing is deleted."""
    moved = read(host, _ASIDE)
    if moved.ok:
        values = {"path": layout.DATABASE, "aside": moved.stdout}
        host.log_styled(f"  ~ {text('database.aside', **values)}", fg="yellow")
    return moved.ok


def _take_database(state: State, host: Host, server: MailServer) -> bool:
    """Have PMail run with the database that is there, and take no more accounts for ours."""
    accounts = looked(host).of(DATABASE).accounts or ()
    record.keep_only(server, [each.name for each in accounts])
    failure = text("host.file_failed", path=layout.DATABASE, reason="chown")
    return host_files.run(state, host, _TAKE, failure)
