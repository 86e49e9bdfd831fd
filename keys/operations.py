"""pyinfra operations: the DKIM key that was chosen, in the store on the operator's machine."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation

from ground.errors import Told
from ground.operations import fail, refuse
from ground.words import text
from keys.choice import Choice, Keep, Make, Refuse, Replace, TakeBack
from keys.dkim import BITS, public_key, read
from keys.rotation import KeyRef
from keys.store import KeyStore, KeyStoreError

FromHost = Callable[[Host], bytes]


@operation()
def dkim_key(
    store: KeyStore,
    domain: str,
    choice: Choice,
    from_host: FromHost,
    source: str | None = None,
    remember: bool = False,
    bits: int = BITS,
) -> Generator[FunctionCommand, None, None]:
    """Ensure that the store has the DKIM key that was chosen; no other is ever changed.

    + store: the key store
    + domain: signing domain
    + choice: which key
    + from_host: gives the private key that the host has, PEM
    + source: private key of an existing server to take in, instead of making one
    + remember: the selector is data, so the store remembers that it is the domain's current one
    + bits: length of a new key
    """
    if isinstance(choice, Refuse):
        yield from fail(str(choice.words))
        return
    try:
        if isinstance(choice, Keep):
            _keep(store, domain, choice, source, remember=remember)
            return
    except KeyStoreError as error:
        yield from fail(str(error))
        return
    path = store.file(domain, choice.name)
    form = text("keys.encrypted" if store.passphrase else "keys.plain")
    host.log_styled(f"  + {path} ({form})", fg="green")
    if isinstance(choice, TakeBack):
        host.log_styled(f"    {text('keys.taken_back', domain=domain)}", fg="cyan")
    if isinstance(choice, Replace):
        values = {"domain": domain, "lost": choice.lost.selector, "new": choice.selector}
        host.log_styled(f"    {text('keys.replaced', **values)}", fg="yellow")
    yield FunctionCommand(_bring_in, (store, domain, choice, from_host, source, remember, bits), {})


def _keep(
    store: KeyStore, domain: str, choice: Keep, source: str | None, *, remember: bool
) -> None:
    """The kept key must be usable now, and be the one that the inventory names."""
    pem = store.pem_of(domain, choice.name)
    path = store.file(domain, choice.name)
    if source is not None:
        named = public_key(read(store.check_source(Path(source))))
        if named != public_key(read(pem)):
            raise KeyStoreError("keys.different", source=source, path=path)
    current = store.current(domain)
    if remember and current not in (None, choice.selector):
        values = {"domain": domain, "selector": choice.selector, "current": current}
        host.log_styled(f"  {text('keys.mended', **values)}", fg="yellow")
    if state.is_executing:
        _use(store, domain, choice, remember=remember)
    host.noop(text("keys.there", path=str(path)))


def _use(
    store: KeyStore, domain: str, choice: Keep | TakeBack | Make | Replace, *, remember: bool
) -> None:
    store.public_of(domain, choice.name)  # made again where only the key is there
    store.use(domain, choice.selector, choice.name)
    if remember:
        store.set_current(domain, choice.selector)


def _bring_in(
    state: State,
    host: Host,
    store: KeyStore,
    domain: str,
    choice: TakeBack | Make | Replace,
    from_host: FromHost,
    source: str | None,
    remember: bool,
    bits: int,
) -> bool:
    selector, name = choice.selector, choice.name
    try:
        if isinstance(choice, TakeBack):
            store.take_back(domain, selector, name, from_host(host))
        elif isinstance(choice, Make) and source is not None:
            store.take_in(domain, selector, Path(source), name)
        else:
            store.create(domain, selector, name, bits)
        _use(store, domain, choice, remember=remember)
    except Told as error:
        return refuse(state, host, str(error))
    return True


@operation()
def unnamed_keys_wiped(
    store: KeyStore, domain: str, unnamed: Callable[[], tuple[KeyRef, ...]], gone: bool = False
) -> Generator[FunctionCommand, None, None]:
    """Delete private keys that nothing needs or names any more.

    + store: the key store
    + domain: signing domain
    + unnamed: gives them, right before they are deleted
    + gone: nothing is signed for the domain any more
    """
    paths = [store.file(domain, each.name) for each in unnamed()]
    for path in paths:
        host.log_styled(f"  - {text('keys.wiped', path=str(path))}", fg="red")
    if paths or (gone and not store.kept(domain)):
        yield FunctionCommand(_wipe, (store, domain, unnamed, gone), {})
    else:
        host.noop(text("keys.all_named"))


def _wipe(
    state: State,
    host: Host,
    store: KeyStore,
    domain: str,
    unnamed: Callable[[], tuple[KeyRef, ...]],
    gone: bool,
) -> bool:
    try:
        for each in unnamed():
            store.erase(domain, each.name, datetime.now(UTC), gone=gone)
        if gone:
            store.end_use(domain)
    except Told as error:
        return refuse(state, host, str(error))
    return True
