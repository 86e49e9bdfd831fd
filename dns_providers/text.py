"""RRsets as lines of presentation format, for ledgers, backups and zone files, and back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import dns.exception
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
import idna

from dns_providers.rrset import TXT, RRKey, RRset, Value, from_rdata, owner_name, to_rdata

_KEPT = 8192  # values that are remembered: a provider and the ledger show the same


def value_text(value: Value, rtype: str) -> str:
    """Return a value in presentation format, names absolute."""
    return str(to_rdata(value, rtype).to_text())


@lru_cache(_KEPT)
def value_from_text(text: str, rtype: str) -> Value:
    """Return the value of a presentation-format text. Raises dns.exception.DNSException."""
    kind = dns.rdatatype.from_text(rtype)
    try:
        return from_rdata(dns.rdata.from_text(dns.rdataclass.IN, kind, text, idna_codec=None))
    except dns.exception.SyntaxError:
        if rtype == "TXT" and (uncut := _uncut(text)):
            return uncut
        raise


def _uncut(text: str) -> TXT | None:
    """A TXT with a string of more than 255 octets: APIs take it so, and cut it to serve it."""
    tokens = dns.tokenizer.Tokenizer(text).get_remaining()
    strings = [bytes(token.unescape_to_bytes().value) for token in tokens]
    return TXT(b"".join(strings)) if any(len(each) > 255 for each in strings) else None


def txt_octets(content: str) -> bytes:
    """Return the octets of a TXT as web APIs give it: quoted at both ends it is presentation
    format, else it is taken as it stands.
    """
    if len(content) < 2 or content[0] != '"' or content[-1] != '"':
        return content.encode()
    try:
        value = value_from_text(content, "TXT")
    except dns.exception.DNSException:
        return content.encode()
    return value.data if isinstance(value, TXT) else content.encode()


def unicode_name(a_labels: str) -> str:
    """Return a name as people write it; one that has no such form stays as it is."""
    try:
        return idna.decode(a_labels)
    except idna.IDNAError:
        return a_labels


def to_record(rrset: RRset | None) -> dict[str, object] | None:
    """Return an RRset as plain JSON data (None stays None)."""
    if rrset is None:
        return None
    values = sorted(value_text(value, rrset.key.rtype) for value in rrset.values)
    return {
        "owner": rrset.key.owner.to_text(),
        "type": rrset.key.rtype,
        "ttl": rrset.ttl,
        "values": values,
    }


def from_record(record: dict[str, object] | None) -> RRset | None:
    """Return the RRset of `to_record`'s data."""
    if record is None:
        return None
    rtype = str(record["type"])
    key = RRKey(owner_name(str(record["owner"])), rtype)
    texts = record["values"]
    if not isinstance(texts, Sequence):
        raise ValueError(f"values of {key} are no list")
    values = frozenset(value_from_text(str(text), rtype) for text in texts)
    return RRset(key, int(str(record["ttl"])), values)
