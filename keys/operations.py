"""pyinfra operation: a DKIM key in the store on the operator's machine."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation

from ground.operations import fail, refuse
from ground.words import text
from keys.dkim import BITS, public_key, read
from keys.store import KeyStore, KeyStoreError


@operation()
def dkim_key(
    store: KeyStore,
    domain: str,
    selector: str,
    source: str | None = None,
    remember: bool = False,
    bits: int = BITS,
) -> Generator[FunctionCommand, None, None]:
    """Ensure that the store has a DKIM key; one that is there is never changed.

    + store: the key store
    + domain: signing domain
    + selector: selector
    + source: private key of an existing server to take in, instead of making one
    + remember: the selector is data, so the store remembers that it is the domain's current one
    + bits: length of a new key
    """
    path = store.path(domain, selector)
    try:
        there = store.exists(domain, selector)
        if there:
            _check_kept(store, domain, selector, source)
        elif source is not None:
            store.check_source(Path(source))
    except KeyStoreError as error:
        yield from fail(str(error))
        return
    if there:
        if remember and state.is_executing:
            store.set_current(domain, selector)
        host.noop(text("keys.there", path=str(path)))
        return
    form = text("keys.encrypted" if store.passphrase else "keys.plain")
    host.log_styled(f"  + {path} ({form})", fg="green")
    yield FunctionCommand(_make, (store, domain, selector, source, remember, bits), {})


def _check_kept(store: KeyStore, domain: str, selector: str, source: str | None) -> None:
    """The kept key must be usable now, and be the one that the inventory names."""
    pem = store.private_pem(domain, selector)
    store.public(domain, selector)
    if source is not None:
        named = public_key(read(store.check_source(Path(source))))
        if named != public_key(read(pem)):
            path = store.path(domain, selector)
            raise KeyStoreError("keys.different", source=source, path=path)


def _make(
    state: State,
    host: Host,
    store: KeyStore,
    domain: str,
    selector: str,
    source: str | None,
    remember: bool,
    bits: int,
) -> bool:
    try:
        if source is None:
            store.create(domain, selector, bits=bits)
        else:
            store.take_in(domain, selector, Path(source))
        if remember:
            store.set_current(domain, selector)
    except KeyStoreError as error:
        return refuse(state, host, str(error))
    return True
