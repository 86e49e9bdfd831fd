"""RFC 2136 dynamic update with TSIG, over TCP: BIND, Knot, PowerDNS and everything like them.

Preconditions are the server's own (RFC 2136 section 2.4): an RRset is changed only if it is
exactly what the plan saw. Reads use AXFR, or queries for each name, all over one connection, where
that is refused or a record in the zone is none that can be read.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeVar

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.tsig
import dns.update
import dns.xfr
import dns.zone

from dns_providers.base import (
    AuthError,
    Capabilities,
    Change,
    ProviderError,
    Rejected,
    Snapshot,
    Stale,
    Tell,
    Unreachable,
    ZoneNotFound,
    snapshot_of,
)
from dns_providers.pipeline import Answer, Pipeline
from dns_providers.rows import as_it_stands
from dns_providers.rrset import (
    RRKey,
    RRset,
    Value,
    from_rdata,
    from_rdataset,
    marked_synthesised,
    name_text,
    owner_name,
    related_names,
    to_rdata,
)
from dns_providers.spec import (
    Environ,
    Option,
    Options,
    ProviderSpec,
    one_secret,
    secret,
    secret_options,
)
from ground.shown import keep_secret

T = TypeVar("T")

ALGORITHMS = (
    "hmac-sha256",
    "hmac-sha384",
    "hmac-sha512",
    "hmac-sha224",
    "hmac-sha1",
    "hmac-md5.sig-alg.reg.int",
)
_READ_TYPES = (
    *("A", "AAAA", "CNAME", "DNAME", "HTTPS", "SVCB"),
    *("MX", "TXT", "SRV", "CAA", "NS", "SOA", "DS", "TLSA"),
)
_ABOVE = ("NS", "DNAME", "CNAME")  # what makes the names below somebody else's
_STALE = frozenset({dns.rcode.YXRRSET, dns.rcode.NXRRSET, dns.rcode.YXDOMAIN, dns.rcode.NXDOMAIN})


@dataclass(frozen=True, slots=True)
class TsigKey:
    """A TSIG key (RFC 8945): its secret, base64, is never shown."""

    name: str
    algorithm: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        """From now on the secret is shown nowhere."""
        keep_secret(self.secret)

    def keyring(self) -> dict[dns.name.Name, dns.tsig.Key]:
        """The key as dnspython wants it. Raises ValueError for a secret that is no base64."""
        name = dns.name.from_text(self.name)
        return {name: dns.tsig.Key(name, self.secret, self.algorithm)}


@dataclass(slots=True)
class Rfc2136Provider:
    """A zone on a server that takes dynamic updates.

    server: address or host name, port: TCP port, timeout: seconds for each exchange.
    """

    slug: ClassVar[str] = "rfc2136"
    zone: dns.name.Name
    server: str
    key: TsigKey
    port: int = 53
    timeout: float = 10.0
    _no_transfer: bool = field(default=False, init=False, repr=False)

    @property
    def capabilities(self) -> Capabilities:
        """One message is one transaction with preconditions (RFC 2136 section 3)."""
        return Capabilities(atomic="zone", cas="native", min_ttl=0)

    def read(self, names: frozenset[dns.name.Name]) -> Snapshot:
        """Read all RRsets of `names`. Raises ProviderError."""
        address = self._address()
        try:
            if not self._no_transfer:
                return self._guarded(address, lambda: self._read_axfr(address, names))
        except _TransferRefused as refusal:
            self._no_transfer = refusal.for_good
        return self._guarded(address, lambda: self._read_queries(address, names))

    def apply(self, changes: Sequence[Change]) -> None:
        """Carry out all changes in one message, or none of them. Raises ProviderError."""
        address = self._address()
        update = dns.update.UpdateMessage(self.zone, keyring=self.key.keyring())
        for change in changes:
            _add_preconditions(update, change)
        for change in changes:
            _add_change(update, change)
        reply = self._guarded(
            address, lambda: dns.query.tcp(update, address, timeout=self.timeout, port=self.port)
        )
        self._judge(reply.rcode(), changes)

    def wait_accepted(self, tell: Tell) -> None:
        """Nothing to wait for: a write is carried out when it is answered."""

    def settle(self) -> None:
        """Nothing to do: the server serves what it has taken."""

    def _judge(self, rcode: dns.rcode.Rcode, changes: Sequence[Change]) -> None:
        keys = ", ".join(str(change.key) for change in changes)
        if rcode == dns.rcode.NOERROR:
            return
        if rcode in _STALE:
            raise Stale("dns.error.stale", keys=keys)
        self._raise_rcode(rcode)

    def _raise_rcode(self, rcode: dns.rcode.Rcode) -> None:
        values = {
            "zone": name_text(self.zone),
            "server": self.server,
            "key": self.key.name,
            "rcode": dns.rcode.to_text(rcode),
        }
        if rcode == dns.rcode.REFUSED:
            raise AuthError(
                "dns.error.refused",
                **values,
            )
        if rcode in (dns.rcode.NOTAUTH, dns.rcode.NOTZONE):
            raise ZoneNotFound(
                "dns.error.not_served",
                **values,
            )
        raise Rejected("dns.error.rcode", **values)

    def _guarded(self, address: str, work: Callable[[], T]) -> T:
        """Run an exchange and translate every way it can go wrong."""
        where = {"server": self.server, "address": address, "port": str(self.port)}
        key = {"zone": name_text(self.zone), "key": self.key.name, **where}
        try:
            return work()
        except (ProviderError, _TransferRefused):
            raise
        except dns.tsig.PeerBadSignature:
            raise AuthError("dns.error.tsig_secret", **key) from None
        except (dns.tsig.PeerBadKey, dns.message.UnknownTSIGKey):
            raise AuthError("dns.error.tsig_name", **key) from None
        except (dns.tsig.PeerBadTime, dns.tsig.BadTime):
            raise AuthError("dns.error.tsig_clock", **key) from None
        except (dns.tsig.BadSignature, dns.tsig.PeerError):
            raise AuthError("dns.error.tsig_reply", **key) from None
        except dns.exception.Timeout:
            raise Unreachable(
                "dns.error.timeout",
                seconds=f"{self.timeout:g}",
                **where,
            ) from None
        except (OSError, EOFError) as error:
            raise Unreachable(
                "dns.error.unreachable",
                reason=_reason(error),
                **where,
            ) from None
        except dns.exception.FormError as error:
            if "TSIG" in str(error):
                raise AuthError("dns.error.tsig_unsigned", **key) from None
            raise _junk(where, error) from None
        except dns.exception.DNSException as error:
            raise _junk(where, error) from None

    def _address(self) -> str:
        try:
            found = socket.getaddrinfo(self.server, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise Unreachable(
                "dns.error.server_name",
                server=self.server,
                reason=_reason(error),
            ) from None
        return str(found[0][4][0])

    # -- reading -------------------------------------------------------------------------------

    def _read_axfr(self, address: str, names: frozenset[dns.name.Name]) -> Snapshot:
        zone = dns.zone.Zone(self.zone, relativize=False)
        query = dns.xfr.make_query(zone, keyring=self.key.keyring())[0]
        try:
            dns.query.inbound_xfr(
                address, zone, query, port=self.port, timeout=self.timeout, lifetime=60
            )
        except dns.xfr.TransferError as error:
            raise _TransferRefused(for_good=True) from error
        except dns.exception.FormError as error:
            if "TSIG" in str(error):
                raise
            # One record of somebody's is enough; that it is not the server shows what comes next.
            raise _TransferRefused(for_good=False) from error
        rrsets = [
            rrset
            for owner, rdataset in zone.iterate_rdatasets()
            if rdataset.rdtype not in _DNSSEC and (rrset := _as_seen(owner, rdataset))
        ]
        return snapshot_of(self.zone, names, rrsets)

    def _read_queries(self, address: str, names: frozenset[dns.name.Name]) -> Snapshot:
        around = {
            owner: _READ_TYPES if owner.is_wild() else _ABOVE
            for owner in related_names(names, self.zone) - {self.zone}
        }
        with Pipeline(address, self.port, self.timeout) as server:
            seen = self._asked(server, {**around, **dict.fromkeys(names, _READ_TYPES)})
        own = [each for (owner, _), each in seen.items() if owner in names]
        covering = [each for (owner, rtype), each in seen.items() if rtype in around.get(owner, ())]
        above = tuple(r for r in marked_synthesised(covering, covering) if not r.synthesised)
        marked = marked_synthesised(own, above)
        return Snapshot(self.zone, names, {rrset.key: rrset for rrset in marked}, above)

    def _asked(
        self, server: Pipeline, wanted: Mapping[dns.name.Name, Sequence[str]]
    ) -> dict[tuple[dns.name.Name, str], RRset]:
        """What the server has at names, of these types; one that is not there is asked for once."""
        first = {owner: types[0] for owner, types in wanted.items()} | {self.zone: "SOA"}
        answers = self._answers(server, sorted(first.items()))
        apex = answers[self.zone, "SOA"]
        if isinstance(apex, dns.exception.FormError):
            raise apex  # it does not speak DNS, or not for the zone
        shown = {key: self._shown(*key, answer) for key, answer in answers.items()}
        gone = {owner for (owner, _), answer in answers.items() if _is_nowhere(answer)}
        left = [
            (owner, rtype)
            for owner, types in sorted(wanted.items())
            for rtype in types
            if owner not in gone and rtype != first[owner]
        ]
        more = self._answers(server, left)
        shown |= {key: self._shown(*key, answer) for key, answer in more.items()}
        return {key: rrset for key, rrset in shown.items() if rrset}

    def _answers(
        self, server: Pipeline, questions: Sequence[tuple[dns.name.Name, str]]
    ) -> dict[tuple[dns.name.Name, str], Answer]:
        keyring, queries = self.key.keyring(), list[dns.message.Message]()
        for number, (owner, rtype) in enumerate(questions):
            query = dns.message.make_query(owner, rtype, use_edns=0, id=number)
            query.flags &= ~dns.flags.RD
            query.use_tsig(keyring)
            queries.append(query)
        return dict(zip(questions, server.ask(queries), strict=True))

    def _shown(self, owner: dns.name.Name, rtype: str, answer: Answer) -> RRset | None:
        """What a server has; opaque where nothing can be made of it."""
        if isinstance(answer, dns.exception.FormError):
            if "TSIG" in str(answer):
                raise answer
            return as_it_stands(RRKey(owner, rtype), [str(answer)])
        kind = dns.rdatatype.from_text(rtype)
        if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            self._raise_rcode(answer.rcode())
        for section in (answer.answer, answer.authority):
            for found in section:
                if found.name == owner and found.rdtype == kind:
                    return _as_seen(owner, found)
        if not answer.flags & dns.flags.AA and not answer.authority:
            self._raise_rcode(dns.rcode.NOTAUTH)
        return None


def _is_nowhere(answer: Answer) -> bool:
    """Whether there is nothing at a name; after an alias the status is of what it leads to."""
    if isinstance(answer, dns.exception.FormError):
        return False
    return answer.rcode() == dns.rcode.NXDOMAIN and not answer.answer


class _TransferRefused(Exception):
    """The server gives no zone transfer; names are read one by one.

    for_good: it would not the next time.
    """

    def __init__(self, *, for_good: bool) -> None:
        super().__init__()
        self.for_good = for_good


_DNSSEC = frozenset(
    dns.rdatatype.from_text(text) for text in ("RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY")
)


def _as_seen(owner: dns.name.Name, rdataset: dns.rdataset.Rdataset) -> RRset:
    """An RRset whose handles keep how a server has its values: a TXT may be cut anywhere."""
    handles = tuple((from_rdata(rdata), rdata.to_text()) for rdata in rdataset)
    return replace(from_rdataset(owner, rdataset), handles=handles)


def _rdatas(rrset: RRset, values: Collection[Value]) -> list[dns.rdata.Rdata]:
    """Those of an RRset's values, as the server has them where that was seen."""
    rtype = rrset.key.rtype
    if not rrset.handles:
        return [to_rdata(value, rtype) for value in values]
    seen = (text for value, text in rrset.handles if value in values)
    return [dns.rdata.from_text(dns.rdataclass.IN, rtype, text) for text in seen]


def _add_preconditions(update: dns.update.UpdateMessage, change: Change) -> None:
    owner, rtype = change.key.owner, change.key.rtype
    if change.before is None:
        update.absent(owner, rtype)
    else:
        update.present(owner, *_rdatas(change.before, change.before.values))


def _add_change(update: dns.update.UpdateMessage, change: Change) -> None:
    owner, rtype = change.key.owner, change.key.rtype
    before = change.before.values if change.before else frozenset()
    after = change.after.values if change.after else frozenset()
    if change.before and change.after and change.before.ttl != change.after.ttl:
        # Knot keeps the old TTL when a value that is there is added again, so all go and come.
        gone, new = before, after
    else:
        gone, new = before - after, after - before
    if gone == before and gone:
        # PowerDNS knows a value that is to go only in the case of letters that it was written in.
        update.delete(owner, rtype)
    elif change.before:
        for rdata in _rdatas(change.before, gone):
            update.delete(owner, rdata)
    ttl = change.after.ttl if change.after else 0
    seen = _rdatas(change.before, new & before) if change.before else []
    for rdata in (*seen, *(to_rdata(value, rtype) for value in new - before)):
        update.add(owner, ttl, rdata)


def _junk(where: dict[str, str], error: Exception) -> ProviderError:
    return Unreachable("dns.error.junk", reason=f"{type(error).__name__}: {error}", **where)


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


# -- the provider -----------------------------------------------------------------------------


def _open(zone: str, options: Options, environ: Environ) -> Rfc2136Provider:
    key = TsigKey(
        options["dns_key_name"],
        options.get("dns_key_algorithm", ALGORITHMS[0]),
        secret(options, environ, "dns_key_secret"),
    )
    try:
        key.keyring()
    except Exception:
        # The exception's own text may hold the secret.
        raise AuthError(
            "dns.error.secret_form",
            key=key.name,
        ) from None
    port = int(options.get("dns_port", "53"))
    return Rfc2136Provider(owner_name(zone), options["dns_server"], key, port)


SPEC = ProviderSpec(
    (
        Option("dns_server", required=True),
        Option("dns_port", "port", default="53"),
        Option("dns_key_name", required=True),
        Option("dns_key_algorithm", default=ALGORITHMS[0], choices=ALGORITHMS),
        *secret_options("dns_key_secret"),
    ),
    _open,
    one_of=(one_secret("dns_key_secret"),),
    policy="policy.rfc2136",
)
