"""pyinfra operations for the DKIM key that PMail starts with: a published one, or its own."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, operation

from deploys.host import files as host_files
from deploys.host import pmail_layout as layout
from deploys.host.gathering import FileAt, Script
from deploys.host.remote import read
from deploys.host.snapshot import look
from deploys.pmail_server.configuration import for_pmail
from ground.operations import fail, refuse
from ground.words import text
from keys.store import KeyStore, KeyStoreError
from postmaster.outbound import SigningKey

Commands = Generator[FunctionCommand, None, None]


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
        yield from fail(str(error))
        return
    if pem is None or public is None:
        # Only while the run is prepared: an earlier step makes the key.
        host.log_styled(f"  + {layout.DKIM_PRIVATE} ({text('host.made_by_this_run')})", fg="green")
        message = text("host.no_content", path=layout.DKIM_PRIVATE)
        yield FunctionCommand(refuse, (message,), {})
        return
    yield from host_files.ensure(
        (
            for_pmail(layout.DKIM_PUBLIC, public.record + "\n"),
            for_pmail(layout.DKIM_PRIVATE, pem.decode("ascii")),
        )
    )


def key_in_use(host: Host) -> str | None:
    """Return the public part (base64) of the key that PMail has read, None when that is not known.

    Its unit stamps what is on the disk when it starts.
    """
    stamped = f"systemctl is-active -q pmail && sha256sum --check --strict --status {layout.STAMP}"
    seen = read(host, f"{stamped} && openssl pkey -in {layout.DKIM_PRIVATE} -pubout")
    lines = seen.stdout.splitlines()
    return "".join(line for line in lines if not line.startswith("-")) if seen.ok else None


OWN_LOOK = Script(
    f"stat -c '%F|%U|%G|%a' {layout.DKIM_PRIVATE} {layout.DKIM_PUBLIC}; cat {layout.DKIM_PUBLIC}"
)
OUTGOING_LOOKS = (FileAt(layout.DKIM_PUBLIC), FileAt(layout.DKIM_PRIVATE))


@operation()
def own_key() -> Commands:
    """Ensure a key of PMail's own, made on the host: it cannot start without one.

    Its signature is removed on the way; a key of the store does not stay where it is not used.
    """
    private, public = layout.DKIM_PRIVATE, layout.DKIM_PUBLIC
    right = f"regular file|root|{layout.USER}|640"
    if look(host, OWN_LOOK).stdout.splitlines() == [right, right, layout.OWN_KEY]:
        host.noop(text("host.file_right", path=private))
        return
    host.log_styled(f"  ~ {private} ({layout.OWN_KEY})", fg="green")
    # The public file comes last: with it the pair is known to be whole.
    script = (
        f"set -e; umask 077; rm -f {public}; openssl genrsa -out {private}.new 2048 2>/dev/null; "
        f"echo '{layout.OWN_KEY}' > {public}.new; "
        f"chown root:{layout.USER} {private}.new {public}.new; "
        f"chmod 640 {private}.new {public}.new; sync {private}.new {public}.new; "
        f"mv -fT {private}.new {private}; mv -fT {public}.new {public}"
    )
    failure = text("host.file_failed", path=private, reason="openssl")
    yield FunctionCommand(host_files.run, (script, failure), {})
