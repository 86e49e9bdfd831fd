"""The key store: `<root>/<domain>/<selector>.key` for the owner only, and its public part beside.

KeyStoreError
├── Exposed          others could read a key, or own it; says what to run
├── Locked           encrypted, and the passphrase is missing or wrong
├── Damaged          no usable key in the file
├── InUse            the key that was to be deleted is in use
└── Different        another key is in the store already; nothing is ever overwritten

The public part (`<selector>.json`) makes planning DNS possible without the passphrase.
"""

from __future__ import annotations

import itertools
import json
import string
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ground.errors import Told
from ground.private_files import exposed, sync_folder, write_new, write_private
from keys.dkim import (
    BITS,
    DkimPublicKey,
    KeyFormatError,
    WrongPassphrase,
    encrypted_pem,
    is_encrypted,
    make,
    plain_pem,
    public_key,
    read,
)
from keys.rotation import KeyRef

VERSION = 1
_IN_USE = ("current", "*.in-use")  # files that say which key is
MIN_BITS = 1024  # RFC 8301 section 3.2: verifiers must not accept less


class KeyStoreError(Told):
    """A key could not be read or kept."""


class Exposed(KeyStoreError):
    """A key file or folder can be read by others."""


class Locked(KeyStoreError):
    """The key is encrypted, and the passphrase is missing or wrong."""


class Damaged(KeyStoreError):
    """The file holds no usable key."""


class Different(KeyStoreError):
    """Another key is there already."""


class InUse(KeyStoreError):
    """The key is in use."""


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a key, without the key. Times are None where it has not come to that."""

    name: str
    selector: str
    public: DkimPublicKey
    created: datetime
    published: datetime | None = None
    first_used: datetime | None = None
    retired: datetime | None = None
    erased: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyStore:
    """The keys of one site. `passphrase` encrypts new keys and opens encrypted ones."""

    root: Path
    passphrase: str | None = field(default=None, repr=False)

    def path(self, domain: str, selector: str) -> Path:
        """Where the private key that is in use under a selector is kept."""
        return self.file(domain, self.name(domain, selector))

    def file(self, domain: str, name: str) -> Path:
        """Where the private key of a name is kept."""
        return self.root / domain / f"{name}.key"

    def name(self, domain: str, selector: str) -> str:
        """Return the name of the key in use under a selector: the selector itself, unless a signer
        that knows one selector only has been given another key since.
        """
        pointer = self._pointer(domain, selector)
        return pointer.read_text("ascii").strip() if pointer.exists() else selector

    def use(self, domain: str, selector: str, name: str) -> None:
        """Put another key in use under a selector, in one step."""
        if self.name(domain, selector) != name:
            write_private(self._pointer(domain, selector), name.encode("ascii") + b"\n")

    def _pointer(self, domain: str, selector: str) -> Path:
        return self.root / domain / f"{selector}.in-use"

    def free_name(self, domain: str, stem: str, taken: Collection[str] = ()) -> str:
        """Return the first of `stem`a, `stem`b, … that no key has or ever had.

        stem: the beginning of a selector, or `selector@…` for a key under a selector that has one.
        taken: what others than the store know to be taken.
        """
        numbers = itertools.count()
        names = (f"{stem}{_letters(number)}" for number in numbers)
        files = ((name, self.file(domain, name)) for name in names if name not in taken)
        return next(name for name, file in files if not (_about(file).exists() or file.exists()))

    def exists(self, domain: str, selector: str) -> bool:
        """Whether there is a key."""
        return self.path(domain, selector).exists()

    def current(self, domain: str) -> str | None:
        """Return the selector of the key that a domain is signed with, None before its first."""
        path = self._current(domain)
        return path.read_text("ascii").strip() if path.exists() else None

    def set_current(self, domain: str, selector: str) -> None:
        """Remember the selector of the key that a domain is signed with."""
        if self.current(domain) != selector:
            write_private(self._current(domain), selector.encode("ascii") + b"\n")

    def _current(self, domain: str) -> Path:
        return self.root / domain / "current"

    def public(self, domain: str, selector: str) -> DkimPublicKey | None:
        """Return the public part of the key in use under a selector, or None when there is none.

        Needs no passphrase. Raises KeyStoreError.
        """
        return self.public_of(domain, self.name(domain, selector))

    def public_of(self, domain: str, name: str) -> DkimPublicKey | None:
        """Return a key's public part, or None when there is none. Raises KeyStoreError."""
        path = _about(self.file(domain, name))
        if not self.file(domain, name).exists() and path.exists():
            known = _read_about(path)  # of a key that is lost, not of one that was erased
            return None if known.erased else known.public
        about = self.about(domain, name)
        return about.public if about else None

    def about(self, domain: str, name: str) -> About | None:
        """Return what is known of a key, None where there is no such key. Raises KeyStoreError."""
        path = self.file(domain, name)
        if not path.exists():
            return None
        refuse_exposed(path)
        if not _about(path).exists():
            # A run was killed between the key and its public part.
            self._write_about(domain, name.partition("@")[0], name, "made", self._open(path))
        return _read_about(_about(path))

    def history(self, domain: str) -> tuple[About, ...]:
        """Return what is known of all keys that a domain has or had, the oldest first."""
        records = (self.root / domain).glob("*.json")
        return tuple(sorted(map(_read_about, records), key=lambda each: (each.created, each.name)))

    def kept(self, domain: str) -> tuple[KeyRef, ...]:
        """Return the private keys of a domain, the oldest first; nothing is written.

        Raises KeyStoreError.
        """
        known = {each.name: each for each in self.history(domain)}
        files = {path.stem for path in (self.root / domain).glob("*.key")}
        others = sorted(files - known.keys())
        return (
            *(
                KeyRef(each.name, each.selector, each.public.fingerprint)
                for each in known.values()
                if each.name in files
            ),
            *(KeyRef(n, n.partition("@")[0], self._fingerprint(domain, n)) for n in others),
        )

    def domains(self) -> tuple[str, ...]:
        """Return the domains that there are private keys of, or one is in use of."""
        names = {path.parent.name for path in self.root.glob("*/*.key")}
        names |= {path.parent.name for each in _IN_USE for path in self.root.glob(f"*/{each}")}
        # Beside them are others' keys, as of ACME accounts: no domain is a single label.
        return tuple(sorted(name for name in names if "." in name))

    def erased(self, domain: str) -> tuple[About, ...]:
        """Return what is known of the keys that were erased. Raises KeyStoreError."""
        return tuple(each for each in self.history(domain) if each.erased)

    def _fingerprint(self, domain: str, name: str) -> str:
        return public_key(read(self._open(self.file(domain, name)))).fingerprint

    def note(self, domain: str, name: str, **times: datetime) -> None:
        """Remember when a key was `published`, `first_used`, `retired`; the first time counts."""
        path = _about(self.file(domain, name))
        record = json.loads(path.read_text("utf-8"))
        new = {what: when.isoformat(timespec="seconds") for what, when in times.items()}
        if not new.keys() <= record.keys():
            write_private(path, json.dumps({**new, **record}, indent=1).encode() + b"\n")

    def erase(self, domain: str, name: str, now: datetime, *, gone: bool = False) -> None:
        """Delete a private key; what is known of it stays. Never one that is in use.

        gone: nothing is signed for the domain any more.
        """
        path = self.file(domain, name)
        if not path.exists():
            return
        if not gone and self._in_use(domain, name):
            raise InUse("keys.in_use", path=path)
        self.note(domain, name, erased=now)
        path.unlink()
        sync_folder(path.parent)

    def end_use(self, domain: str) -> None:
        """Have no key of a domain in use any more, once none is left."""
        folder = self.root / domain
        if not any(folder.glob("*.key")):
            for path in (found for each in _IN_USE for found in folder.glob(each)):
                path.unlink()

    def private_pem(self, domain: str, selector: str) -> bytes:
        """Return a private key as plain PKCS#8 PEM. Raises KeyStoreError."""
        return self._open(self.path(domain, selector))

    def _in_use(self, domain: str, name: str) -> bool:
        about = self.about(domain, name)
        selector, current = about.selector if about else name, self.current(domain)
        fixed = current is None or self._pointer(domain, selector).exists()
        return name == self.name(domain, selector) and (fixed or selector == current)

    def pem_of(self, domain: str, name: str) -> bytes:
        """Return the private key of a name as plain PKCS#8 PEM. Raises KeyStoreError."""
        return self._open(self.file(domain, name))

    def create(
        self, domain: str, selector: str, name: str | None = None, bits: int = BITS
    ) -> DkimPublicKey:
        """Make and keep a new key; one that is there is never overwritten.

        name: another than its selector, where that is taken. Raises Different when there is one,
        KeyStoreError.
        """
        return self._keep(domain, selector, name or selector, make(bits), "made")

    def take_in(
        self, domain: str, selector: str, source: Path, name: str | None = None
    ) -> DkimPublicKey:
        """Keep a copy of an existing server's private key. Raises KeyStoreError."""
        pem = self.check_source(source)
        return self._keep(domain, selector, name or selector, pem, "taken in")

    def take_back(self, domain: str, selector: str, name: str, pem: bytes) -> DkimPublicKey:
        """Keep the key that a host has had of us. Raises KeyStoreError."""
        about = _about(self.file(domain, name))
        if not about.exists():
            return self._keep(domain, selector, name, pem, "taken back")
        public = public_key(read(pem))
        if _read_about(about).public != public:
            raise Different("keys.exists", path=about)
        self._keep_file(domain, name, pem)
        return public

    def check_source(self, source: Path) -> bytes:
        """Return a key file to take in as plain PKCS#8 PEM. Raises KeyStoreError."""
        if not source.is_file():
            raise Damaged("keys.no_file", path=source)
        refuse_exposed(source, folder=False)
        pem = self._open(source)
        bits = read(pem).key_size
        if bits < MIN_BITS:
            raise Damaged("keys.too_short", path=source, bits=bits, least=MIN_BITS)
        return pem

    def _keep(
        self, domain: str, selector: str, name: str, pem: bytes, origin: str
    ) -> DkimPublicKey:
        path = self.file(domain, name)
        if not path.exists() and (about := _about(path)).exists():
            raise Different("keys.exists", path=about)  # of a key that was, and is remembered
        self._keep_file(domain, name, pem)
        return self._write_about(domain, selector, name, origin, pem)

    def _keep_file(self, domain: str, name: str, pem: bytes) -> None:
        path = self.file(domain, name)
        self._prepare_folder(path.parent)
        try:
            write_new(path, encrypted_pem(pem, self.passphrase) if self.passphrase else pem)
        except FileExistsError:
            raise Different("keys.exists", path=path) from None

    def _prepare_folder(self, folder: Path) -> None:
        # Above the store there may be anything; the store itself is for its owner only.
        self.root.parent.mkdir(parents=True, exist_ok=True)
        for each in (self.root, folder):
            each.mkdir(mode=0o700, exist_ok=True)
            _refuse_open_mode(each)

    def _open(self, path: Path) -> bytes:
        """A private key as plain PKCS#8 PEM."""
        if not path.exists():
            raise Damaged("keys.no_file", path=path)
        if path.is_relative_to(self.root):
            refuse_exposed(path)
        try:
            return plain_pem(read(path.read_bytes(), self.passphrase))
        except WrongPassphrase:
            raise Locked("keys.locked", path=path) from None
        except (KeyFormatError, OSError) as error:
            raise Damaged("keys.damaged", path=path, reason=error) from None

    def _write_about(
        self, domain: str, selector: str, name: str, origin: str, pem: bytes
    ) -> DkimPublicKey:
        path = self.file(domain, name)
        public = public_key(read(pem))
        record = {
            "version": VERSION,
            "domain": domain,
            "selector": selector,
            "algorithm": public.algorithm,
            "bits": public.bits,
            "public": public.data,
            "fingerprint": public.fingerprint,
            "encrypted": is_encrypted(path.read_bytes()),
            "origin": origin,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        write_private(_about(path), json.dumps(record, indent=1).encode() + b"\n")
        return public


def refuse_exposed(path: Path, *, folder: bool = True) -> None:
    """Raise Exposed when others can read a key file or enter its folder, or own one of them."""
    _refuse_open_mode(path)
    if folder:
        _refuse_open_mode(path.parent)


def _refuse_open_mode(path: Path) -> None:
    if found := exposed(path):
        if found.ours:
            raise Exposed("keys.exposed", path=path, mode=found.mode)
        raise Exposed("keys.not_ours", path=path, remedy=found.remedy)


def _about(path: Path) -> Path:
    return path.with_suffix(".json")


def _read_about(path: Path) -> About:
    try:
        record = json.loads(path.read_text("utf-8"))
        public = DkimPublicKey(record["public"], int(record["bits"]), record["algorithm"])
        times = {
            what: datetime.fromisoformat(record[what])
            for what in ("published", "first_used", "retired", "erased")
            if what in record
        }
        created = datetime.fromisoformat(record["created"])
        return About(path.stem, record["selector"], public, created, **times)
    except (OSError, ValueError, KeyError, TypeError):
        raise Damaged("keys.about_damaged", path=path) from None


def _letters(number: int) -> str:
    """a, b, … z, aa, ab, …"""
    tail = string.ascii_lowercase[number % 26]
    return tail if number < 26 else _letters(number // 26 - 1) + tail
