"""pyinfra operations that install PMail, start it only when something changed, and prove it."""

from __future__ import annotations

import base64
import gzip
import json
import shlex
from collections.abc import Callable, Generator
from pathlib import Path

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation
from pyinfra.api.operation import OperationMeta

from deploys.accounts import passwords
from deploys.edge import layout as edge
from deploys.host import files as host_files
from deploys.host.files import link_script
from deploys.host.remote import read
from deploys.pmail_server import configure, database, layout, release
from deploys.pmail_server.api import Account, Api, ApiError
from deploys.run import flow
from deploys.run.paths import file_name, state_dir
from ground.private_files import write_private
from ground.words import error_text, text
from keys.store import KeyStore, KeyStoreError
from postmaster.outbound import SigningKey, mode_of
from postmaster.settings import MailServer, User

Commands = Generator[FunctionCommand, None, None]

PACKAGES = ("nftables", "curl", "ca-certificates", "openssl")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_READY_WITHIN = 90  # seconds; PMail itself waits as long for its web server


@operation()
def packages(
    names: tuple[str, ...], answers: tuple[str, ...] = (), afterwards: str = "true"
) -> Commands:
    """Ensure Debian packages, asking nothing and upgrading nothing.

    + names: package names
    + answers: to questions of theirs, lines for debconf-set-selections
    + afterwards: shell command, run only when something was installed
    """
    query = (
        f"dpkg-query -W -f='${{Package}} ${{db:Status-Status}}\\n' {' '.join(names)} 2>/dev/null"
    )
    there = read(host, query).stdout.splitlines()
    missing = [name for name in names if f"{name} installed" not in there]
    if not missing:
        host.noop(text("host.packages_there", packages=" ".join(names)))
        return
    for name in missing:
        host.log_styled(f"  + {name}", fg="green")
    answer = "".join(f"echo {shlex.quote(line)} | debconf-set-selections; " for line in answers)
    # Lists of the last hour will do; if they do not, they are fetched anew.
    install = (
        f"export DEBIAN_FRONTEND=noninteractive; {answer}"
        "put() { apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends "
        f"-o Dpkg::Options::=--force-confold {' '.join(missing)} </dev/null; }}; "
        "{ find /var/lib/apt/lists -name '*_Packages*' -mmin -60 | grep -q . && put; } || "
        f"{{ apt-get update -qq && put; }} && {afterwards}"
    )
    failure = text("host.packages_failed", packages=" ".join(missing))
    yield FunctionCommand(host_files.run, (install, failure), {})


@operation()
def system_user(user: str, home: str) -> Commands:
    """Ensure a system user and group that nobody can log in as.

    + user: name of both
    + home: its folder, not made here
    """
    if read(host, f"getent passwd {user} && getent group {user}").ok:
        host.noop(text("host.user_there", user=user))
        return
    host.log_styled(f"  + {user}", fg="green")
    script = (
        f"getent group {user} >/dev/null || groupadd --system {user}; "
        f"getent passwd {user} >/dev/null || useradd --system --gid {user} --home-dir {home} "
        f"--no-create-home --shell /usr/sbin/nologin {user}"
    )
    yield FunctionCommand(host_files.run, (script, text("host.user_failed", user=user)), {})


@operation()
def binary(server: MailServer) -> Commands:
    """Ensure PMail's binary in a folder of its own, and the link to the current one.

    + server: the mail server
    """
    arch = _ARCHITECTURES.get(read(host, "uname -m").stdout)
    if arch is None:
        yield from flow.fail(text("host.architecture"))
        return
    try:
        sha256, path = _wanted_binary(server, arch)
    except release.ReleaseError as error:
        yield from flow.fail(error_text(error))
        return
    if sha256 is None:
        where = release.location(server.source, arch)
        host.log_styled(f"  + {layout.BINARY} ({where})", fg="green")
        yield FunctionCommand(flow.refuse, (text("host.binary_failed"),), {})
        return
    folder = f"{layout.BINARIES}/{release.folder_name(server.source.version, sha256)}"
    there = read(host, f"readlink {layout.BINARY_CURRENT}; sha256sum < {layout.BINARY}")
    if there.stdout.splitlines() == [folder, f"{sha256}  -"]:
        host.noop(text("host.binary_right", version=server.source.version))
        return
    host.log_styled(f"  ~ {layout.BINARY} -> {server.source.version} ({sha256[:12]})", fg="green")
    yield FunctionCommand(_install_binary, (path, folder, sha256), {})


def _wanted_binary(server: MailServer, arch: str) -> tuple[str | None, Path | None]:
    """Sum of the binary, and where it is; it is fetched only while the run is carried out."""
    if state.is_executing:
        found = release.obtain(server.source, arch, _progress(host))
        return found.sha256, found.path
    known = release.known(server.source, arch)
    return (known.binary_sha256 if known else None), None


def _progress(host: Host) -> Callable[[int, int], None]:
    shown = [0]

    def report(done: int, size: int) -> None:
        if size and done * 10 // size > shown[0]:
            shown[0] = done * 10 // size
            host.log_styled(f"  {shown[0] * 10} %", fg="cyan")

    return report


def _install_binary(state: State, host: Host, path: Path, folder: str, sha256: str) -> bool:
    packed = base64.b64encode(gzip.compress(path.read_bytes(), 6)).decode("ascii")
    fresh, final = f"{folder}/.pmail.new", f"{folder}/pmail"
    script = (
        f"set -e; umask 022; mkdir -p {folder}; trap 'rm -f {fresh}' EXIT; "
        f"base64 -d | gunzip > {fresh}; "
        f"echo '{sha256}  {fresh}' | sha256sum --check --strict --status; "
        f"chmod 755 {fresh}; sync {fresh}; mv -f {fresh} {final}; trap - EXIT; "
        + link_script(layout.BINARY_CURRENT, folder)
    )
    reply = read(host, script, stdin=packed, timeout=900)
    if not reply.ok:
        message = text("host.file_failed", path=final, reason=reply.stderr.strip())
        return flow.refuse(state, host, message)
    return True


@operation()
def configuration(server: MailServer) -> Commands:
    """Ensure PMail's configuration and its sum, switched in together by one link.

    A run killed at any point leaves either the old pair or the new one.

    + server: the mail server
    """
    content = configure.config_json(server)
    folder = configure.config_version(content)
    files = (
        _root_file(f"{folder}/config.json", content),
        _root_file(f"{folder}/config.sha256", configure.config_sum(content)),
    )
    there = host_files.look(host, files)
    wrong = [wanted for wanted, found in zip(files, there, strict=True) if not found.right]
    linked = read(host, f"readlink {layout.CONFIG_CURRENT}").stdout == folder
    if linked and not wrong:
        host.noop(text("host.config_right"))
        return
    host.log_styled(f"  ~ {layout.CONFIG_CURRENT} -> {folder}", fg="green")
    yield FunctionCommand(_install_configuration, (folder, tuple(wrong)), {})


def _root_file(path: str, content: str) -> host_files.Wanted:
    return host_files.Wanted(path, content.encode(), "root", layout.USER, "640")


def _install_configuration(
    state: State, host: Host, folder: str, files: tuple[host_files.Wanted, ...]
) -> bool:
    make = f"install -d -o root -g {layout.USER} -m 750 {folder}"
    link = link_script(layout.CONFIG_CURRENT, folder)
    return (
        host_files.run(state, host, make, text("host.folder_failed", path=folder))
        and host_files.install_all(state, host, files)
        and host_files.run(state, host, link, text("host.config_failed"))
    )


@operation()
def first_database(server: MailServer) -> Commands:
    """Ensure that there is a database with the admin in it; one that is there stays as it is.

    + server: the mail server
    """
    if read(host, f"[ -s {layout.DATABASE} ]").ok:
        host.noop(text("host.database_there"))
        return
    host.log_styled(f"  + {layout.DATABASE} ({server.admin_account})", fg="green")
    yield FunctionCommand(_install_database, (server,), {})


def _install_database(state: State, host: Host, server: MailServer) -> bool:
    variable = passwords.admin_variable()
    password = passwords.known_or_made(server.host, server.admin_account, variable)
    content = database.seeded(server.admin_account, password)
    user = layout.USER
    wanted = host_files.Wanted(layout.DATABASE, content, user, user, "600")
    if not host_files.install_all(state, host, (wanted,)):
        return False
    _tell_password(host, server, server.admin_account)
    return True


def _tell_password(host: Host, server: MailServer, account: str) -> None:
    """Say where a password that we made is kept; one from the environment is the user's."""
    kept = passwords.path(server.host, account)
    if kept.exists():
        host.log_styled(f"  {text('users.password_kept', path=str(kept))}", fg="cyan")


@operation()
def firewall(server: MailServer, unit_changes: OperationMeta | None = None) -> Commands:
    """Ensure that our nftables tables are loaded as their files say.

    PMail is stopped and started with the table: it never runs without.

    + server: the mail server
    + unit_changes: the operation that writes the unit's file
    """
    unit = layout.FIREWALL_SERVICE
    held = read(
        host,
        f"systemctl is-enabled -q {unit} && systemctl is-active -q {unit} && "
        f"[ $(systemctl show -P NeedDaemonReload {unit}) = no ] && "
        f"nft list table inet pmail_deploy | grep -q 'input_{configure.firewall_version(server)} '",
    ).ok
    coming = not state.is_executing and unit_changes is not None and unit_changes.will_change
    if held and not coming:
        host.noop(text("host.firewall_right"))
        return
    ports = ", ".join(map(str, configure.closed_ports(server)))
    host.log_styled(f"  ~ {text('host.firewall_closes', ports=ports)}", fg="green")
    script = (
        f"systemctl enable -q --no-reload {unit}; systemctl daemon-reload; systemctl restart {unit}"
    )
    yield FunctionCommand(host_files.run, (script, text("host.firewall_failed")), {})


@operation()
def no_firewall() -> Commands:
    """Take our nftables tables away where PMail has a network of its own.

    The running PMail of an earlier version is bound to them: the next step starts the new one.
    """
    files = (
        layout.FIREWALL_RULES,
        layout.FIREWALL_GUARD,
        layout.FIREWALL_HOLDER,
        layout.FIREWALL_UNIT,
    )
    there = host_files.existing(host, files)
    if not there:
        host.noop(text("host.no_firewall"))
        return
    for path in there:
        host.log_styled(f"  - {path}", fg="red")
    script = (
        f"systemctl daemon-reload; systemctl disable -q --now {layout.FIREWALL_SERVICE}; "
        f"rm -f -- {' '.join(there)}; systemctl daemon-reload; "
        "nft delete table inet pmail_deploy_guard 2>/dev/null || true"
    )
    yield FunctionCommand(host_files.run, (script, text("host.firewall_failed")), {})


@operation()
def running(server: MailServer, inputs: tuple[OperationMeta, ...]) -> Commands:
    """Ensure that PMail runs with what is on the disk now: one restart when it differs, else none.

    What PMail has read is stamped by its unit when it starts, so a restart that an earlier,
    killed run owes is made up for.

    + server: the mail server
    + inputs: operations that may change what PMail reads
    """
    current = read(
        host,
        "systemctl is-enabled -q pmail && systemctl is-active -q pmail && "
        "[ $(systemctl show -P NeedDaemonReload pmail) = no ] && "
        f"sha256sum --check --strict --status {layout.STAMP}",
    )
    coming = not state.is_executing and any(each.will_change for each in inputs)
    if current.ok and not coming:
        host.noop(text("host.running"))
        return
    host.log_styled(f"  ~ {text('host.restart')}", fg="green")
    namespace = edge.NAMESPACE_FILE if mode_of(server).relayed else None
    yield FunctionCommand(_restart, (namespace,), {})


def _restart(state: State, host: Host, namespace: str | None) -> bool:
    started = read(
        host,
        "systemctl enable -q --no-reload pmail; systemctl daemon-reload; "
        "systemctl reset-failed pmail 2>/dev/null; systemctl restart pmail",
    )
    if started.ok and _ready(host, namespace):
        return True
    journal = read(host, "journalctl -u pmail -n 40 --no-pager -o cat").stdout.splitlines()
    # PMail prints its whole configuration when it starts; that stays on the host.
    shown = [line for line in journal if "Config File Info" not in line][-15:]
    return flow.refuse(state, host, "\n".join([text("host.not_ready"), *shown]))


def _ready(host: Host, namespace: str | None) -> bool:
    """Wait for the web server's pong, and for IMAP, which PMail opens last; where PMail is."""
    script = (
        f"for i in $(seq {_READY_WITHIN * 2}); do "
        f"curl -s --noproxy '*' --max-time 2 http://127.0.0.1:{layout.HTTP_PORT}/api/ping "
        "| grep -q pong && ss -Hltn 'sport = :993' | grep -q . && exit 0; "
        # It is started again and again for ever: after a few times the reason is in the journal.
        '[ "$(systemctl show -P NRestarts pmail)" -lt 3 ] || exit 1; sleep 0.5; done; exit 1'
    )
    if namespace:
        script = f"nsenter --net={namespace} sh -c {shlex.quote(script)}"
    return read(host, script, timeout=_READY_WITHIN * 3).ok


def admin_api(host: Host, server: MailServer) -> Api | None:
    """Return the API as the admin, or None when the password is not known here."""
    password = passwords.known(server.host, server.admin_account, passwords.admin_variable())
    if password is None:
        return None
    return Api(host, server.web_host, server.admin_account, password)


@operation()
def admin_works(server: MailServer) -> Commands:
    """Prove that the admin account works; changes nothing.

    + server: the mail server
    """
    if state.is_executing:
        problem = admin_problem(host, server)
        if problem:
            yield FunctionCommand(flow.refuse, (problem,), {})
            return
    host.noop(text("users.admin_works", account=server.admin_account))


def admin_problem(host: Host, server: MailServer) -> str | None:
    """Return why the admin cannot log in, or None."""
    api = admin_api(host, server)
    if api is None:
        path = passwords.path(server.host, server.admin_account)
        variable = passwords.admin_variable()
        return text("users.no_password", path=str(path), variable=variable)
    try:
        is_admin, _ = api.info()
    except ApiError as error:
        return error_text(error)
    return None if is_admin else text("users.no_admin", account=server.admin_account)


@operation()
def mailboxes(server: MailServer) -> Commands:
    """Ensure that every user of the inventory has a mailbox; nothing is ever deleted.

    + server: the mail server
    """
    api = admin_api(host, server)
    try:
        there = {each.account: each for each in api.users()} if api else {}
    except ApiError as error:
        # Before the first start there is nobody to ask; the run itself proves the login first.
        if state.is_executing:
            yield from flow.fail(error_text(error))
            return
        there = {}
    ours = _ours(server)
    new = [user for user in server.users if user.account not in there]
    back = [u.account for u in server.users if u.account in ours and _is_off(there, u.account)]
    gone = _removed(server, there)
    off = [each for each in gone if server.disable_removed_users and each in ours]
    _show_users(new, back, gone, off)
    if new or back or off:
        yield FunctionCommand(_change_mailboxes, (server, tuple(new), tuple(back), tuple(off)), {})
        return
    host.noop(text("users.right"))


def _is_off(there: dict[str, Account], account: str) -> bool:
    return account in there and there[account].disabled


def _removed(server: MailServer, there: dict[str, Account]) -> list[str]:
    """Active mailboxes that the inventory does not name."""
    wanted = {user.account for user in server.users} | {server.admin_account}
    return sorted(a.account for a in there.values() if a.account not in wanted and not a.disabled)


def _show_users(new: list[User], back: list[str], gone: list[str], off: list[str]) -> None:
    for user in new:
        host.log_styled(f"  + {user.account}", fg="green")
    for account in back:
        host.log_styled(f"  ~ {text('users.enabled', account=account)}", fg="green")
    for account in off:
        host.log_styled(f"  - {text('users.disabled', account=account)}", fg="red")
    for account in sorted(set(gone) - set(off)):
        host.log_styled(f"  {text('users.not_named', account=account)}", fg="yellow")


def _change_mailboxes(
    state: State,
    host: Host,
    server: MailServer,
    new: tuple[User, ...],
    back: tuple[str, ...],
    off: tuple[str, ...],
) -> bool:
    api = admin_api(host, server)
    if api is None:
        return flow.refuse(state, host, admin_problem(host, server) or "")
    try:
        for user in new:
            variable = passwords.user_variable(user.account)
            password = passwords.known_or_made(server.host, user.account, variable)
            _remember(server, user.account)
            api.create(user.account, user.name, password)
            _tell_password(host, server, user.account)
        for account in back:
            api.set_disabled(account, False)
        for account in off:
            api.set_disabled(account, True)
    except ApiError as error:
        return flow.refuse(state, host, error_text(error))
    return True


def _ours(server: MailServer) -> frozenset[str]:
    """Mailboxes that we made, by our own record."""
    path = _record(server)
    return frozenset(json.loads(path.read_text("utf-8"))) if path.exists() else frozenset()


def _record(server: MailServer) -> Path:
    return state_dir() / "users" / f"{file_name(server.host)}.json"


def _remember(server: MailServer, account: str) -> None:
    write_private(_record(server), json.dumps(sorted(_ours(server) | {account})).encode() + b"\n")


@operation()
def outgoing_key(store: KeyStore, key: SigningKey) -> Commands:
    """Ensure the DKIM key on the host, the public file first.

    PMail makes a 1024-bit key of its own, over ours, unless both files are there.

    + store: the key store
    + key: the one key that PMail signs with
    """
    try:
        public = store.public(key.domain, key.selector)
        pem = store.private_pem(key.domain, key.selector) if public else None
    except KeyStoreError as error:
        yield from flow.fail(error_text(error))
        return
    if pem is None or public is None:
        # Only while the run is prepared: an earlier step makes the key.
        host.log_styled(f"  + {layout.DKIM_PRIVATE} ({text('host.made_by_this_run')})", fg="green")
        message = text("host.no_content", path=layout.DKIM_PRIVATE)
        yield FunctionCommand(flow.refuse, (message,), {})
        return
    yield from host_files.ensure(
        (
            _root_file(layout.DKIM_PUBLIC, public.record + "\n"),
            _root_file(layout.DKIM_PRIVATE, pem.decode("ascii")),
        )
    )


def key_in_use(host: Host) -> str | None:
    """Return the public part (base64) of the key that PMail has read, None when that is not known.

    Its unit stamps what is on the disk when it starts.
    """
    stamped = f"sha256sum --check --strict --status {layout.STAMP}"
    seen = read(host, f"{stamped} && openssl pkey -in {layout.DKIM_PRIVATE} -pubout")
    lines = seen.stdout.splitlines()
    return "".join(line for line in lines if not line.startswith("-")) if seen.ok else None


# What stands in the public file of a key that never leaves the host.
_OWN_KEY = "made on this host, never published"


@operation()
def own_key() -> Commands:
    """Ensure a key of PMail's own, made on the host: it cannot start without one.

    Its signature is removed on the way; a key of the store does not stay where it is not used.
    """
    private, public = layout.DKIM_PRIVATE, layout.DKIM_PUBLIC
    right = f"regular file|root|{layout.USER}|640"
    look = f"stat -c '%F|%U|%G|%a' {private} {public}; cat {public}"
    if read(host, look).stdout.splitlines() == [right, right, _OWN_KEY]:
        host.noop(text("host.file_right", path=private))
        return
    host.log_styled(f"  ~ {private} ({_OWN_KEY})", fg="green")
    # The public file comes last: with it the pair is known to be whole.
    script = (
        f"set -e; umask 077; rm -f {public}; openssl genrsa -out {private}.new 2048 2>/dev/null; "
        f"echo '{_OWN_KEY}' > {public}.new; chown root:{layout.USER} {private}.new {public}.new; "
        f"chmod 640 {private}.new {public}.new; sync {private}.new {public}.new; "
        f"mv -f {private}.new {private}; mv -f {public}.new {public}"
    )
    failure = text("host.file_failed", path=private, reason="openssl")
    yield FunctionCommand(host_files.run, (script, failure), {})
