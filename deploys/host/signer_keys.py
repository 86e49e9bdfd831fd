"""The private DKIM keys on a host: which the signer is told to use, and of which public part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from deploys.host import outbound_layout as outbound
from deploys.host import pmail_layout as pmail
from keys.rotation_record import plain_name


@dataclass(frozen=True, slots=True)
class SignerKeys:
    """What a host signs with.

    table: domain -> selector, of a signer that knows several. files: path -> SHA-256 of the public
    part, hex. by_pmail: the path of the key that PMail itself signs with, None where it has one of
    its own that is never published.
    """

    table: Mapping[str, str]
    files: Mapping[str, str]
    by_pmail: str | None

    def path(self, domain: str, selector: str, *, fixed: bool) -> str:
        """Return where the host would have the key of a selector. fixed: PMail signs with it."""
        if fixed and self.by_pmail:
            return self.by_pmail
        return outbound.key_file(domain, selector)

    def selectors(self, domain: str) -> Iterable[str]:
        """Return the selectors of a domain that there are files of."""
        start = outbound.key_file(domain, "").removesuffix(".key")
        names = (path.removeprefix(start) for path in self.files if path.startswith(start))
        found = (name.removesuffix(".key") for name in names if name.count(".") == 1)
        return tuple(each for each in found if _is_plain(each))


# What openssl cannot read is no key: it says nothing then, and its sum is that of nothing.
_NOTHING = hashlib.sha256(b"").hexdigest()
SCRIPT = f"""sed 's/^/table /' {outbound.KEY_TABLE}
for file in {outbound.DKIM}/*.key {pmail.DKIM_PRIVATE}; do
  [ -f "$file" ] || continue
  sum=$(openssl pkey -in "$file" -pubout -outform DER | sha256sum)
  [ "${{sum%% *}}" = {_NOTHING} ] || echo "key $file ${{sum%% *}}"
done
grep -qxF '{pmail.OWN_KEY}' {pmail.DKIM_PUBLIC} && echo own"""


def _is_plain(name: str) -> bool:
    """Whether a host, which may be somebody else's by now, says what is a name of ours."""
    try:
        return bool(plain_name(name))
    except ValueError:
        return False


def parse(written: str) -> SignerKeys:
    """Return what SCRIPT has written."""
    table, files, own = dict[str, str](), dict[str, str](), False
    for line in written.splitlines():
        word, _, rest = line.partition(" ")
        fields = rest.partition(" ")[2].split(":")
        if word == "table" and len(fields) == 3 and all(map(_is_plain, fields[:2])):
            table[fields[0]] = fields[1]
        elif word == "key":
            path, _, fingerprint = rest.rpartition(" ")
            files[path] = fingerprint
        own = own or word == "own"
    by_pmail = pmail.DKIM_PRIVATE if pmail.DKIM_PRIVATE in files and not own else None
    return SignerKeys(table, files, by_pmail)
