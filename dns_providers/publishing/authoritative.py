"""What an authoritative server shows at many keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from dns_providers.pipeline import Pipeline
from dns_providers.rows import as_it_stands
from dns_providers.rrset import RRKey, RRset, from_rdataset
from ground.words import text


class Silent(Exception):
    """A server gives no usable answer; says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server shows at a key. exists: whether the name is there, with whatever types."""

    rrset: RRset | None
    exists: bool


def ask_all(
    address: str, keys: Iterable[RRKey], zone: dns.name.Name, *, port: int, timeout: float
) -> dict[RRKey, Reply]:
    """Return what a server of `zone` shows at each key. Raises Silent.

    timeout: seconds that a connection or an answer may take.
    """
    todo = tuple(dict.fromkeys(keys))
    found: dict[RRKey, Reply] = {}
    odd: dict[RRKey, dns.exception.FormError] = {}
    try:
        queries = [_query(number, key) for number, key in enumerate(todo)]
        with Pipeline(address, port, timeout) as server:
            replies = server.ask(queries)
        for key, reply in zip(todo, replies, strict=True):
            if isinstance(reply, dns.exception.FormError):
                odd[key] = reply
            else:
                found[key] = _reply(key, reply, zone)
        if odd and not found:
            raise next(iter(odd.values()))  # no record is odd, the server is
    except dns.exception.Timeout:
        raise Silent(text("dns.silent.timeout")) from None
    except (OSError, EOFError) as error:
        raise Silent(getattr(error, "strerror", None) or text("dns.silent.closed")) from None
    except dns.exception.DNSException as error:
        raise Silent(f"{type(error).__name__}: {error}") from None
    return found | {k: Reply(as_it_stands(k, [str(error)]), True) for k, error in odd.items()}


def _query(number: int, key: RRKey) -> dns.message.QueryMessage:
    query = dns.message.make_query(key.owner, key.rtype, use_edns=0, id=number)
    query.flags &= ~dns.flags.RD
    return query


def _reply(key: RRKey, reply: dns.message.Message, zone: dns.name.Name) -> Reply:
    rcode = reply.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise Silent(dns.rcode.to_text(rcode))
    referral = _referral(key, reply, zone)
    if not reply.flags & dns.flags.AA and not referral:
        raise Silent(text("dns.silent.lame"))
    kind = dns.rdatatype.from_text(key.rtype)
    for section in (reply.answer, reply.authority if referral else []):
        for found in section:
            if found.name == key.owner and found.rdtype == kind:
                return Reply(from_rdataset(key.owner, found), True)
    return Reply(None, rcode == dns.rcode.NOERROR)


def _referral(key: RRKey, reply: dns.message.Message, zone: dns.name.Name) -> bool:
    """Whether the answer points to servers of a zone below ours."""
    return not reply.answer and any(
        found.rdtype == dns.rdatatype.NS
        and found.name != zone
        and found.name.is_subdomain(zone)
        and key.owner.is_subdomain(found.name)
        for found in reply.authority
    )
