"""Records as people enter them by hand: a master file fragment, or rows for a web panel's form.

What a panel wants is data, in PANELS. Where it comes from:

- aliyun: Alibaba Cloud's "DNS record types" and "Add a record" (host `@`, TXT below 512 octets of
  few characters, SRV and CAA as one text, MX priority to 50 in the console, TTL from 600).
- dnspod: the API's answers and limits (targets with a final dot, TTL from 600 on free plans);
  that the console takes the same is not proven.
- cloudflare: Cloudflare's "DNS record types" (name `@`, SRV and CAA in fields of their own, TTL
  from 60; over-long TXT strings are cut by the server).
- godaddy: TXT limit of 512 characters as users report it; service and protocol in fields of their
  own, and a TTL from 600 are general knowledge, not proven.
- namecheap: "Namecheap DNS limits" (knowledge base 10058: length of host, TXT, SRV target), no
  quotes in TXT (dnscontrol's audit); a subdomain's SRV by its protocol field is general knowledge.
- vultr: dnscontrol's adapter (empty name for the apex, TXT in one pair of quotes with none inside,
  SRV as `weight port target` beside the priority).
- linode: Linode's guide to SRV records (it puts the underscores before service and protocol, and
  the zone's own domain only), its API reference (the TTLs there are, CAA without flags).
- route53-console: Amazon's forms of values (quoted strings of at most 255 octets, everything in
  one text, empty name for the apex).
- generic, generic-full: what most others take; the second for those that want whole names with
  their final dot, as cPanel does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import dns.name

from dns_providers.base import Change
from dns_providers.record_steps import Create, Delete, Modify, steps
from dns_providers.rrset import CAA, MX, SRV, TXT, RRKey, RRset, Target, Value, to_rdata
from dns_providers.text import value_text
from ground.words import Words

Apex = Literal["@", "", "full"]
TxtForm = Literal["raw", "quoted", "strings"]
CaaForm = Literal["text", "fields", "no-flags"]
SrvForm = Literal["text", "after-priority", "fields", "service-fields"]


@dataclass(frozen=True, slots=True)
class Panel:
    """How a web panel takes records.

    apex: what stands for the zone itself in the host field; "full": every host is a whole name.
    txt: "raw": one text; "quoted": in one pair of quotes; "strings": quoted strings of at most
    255 octets. dot: targets end with a dot. mx_priority: a field of its own. srv: one text, one
    text beside a priority field, fields, or fields that take service and protocol out of the name
    (srv_name: the rest has a field too; srv_apex: there is no rest; srv_underscore: they are
    entered with theirs). caa: one text, fields, or fields without flags. ttls: those that can be
    chosen; empty: any from min_ttl. max_txt: octets of a TXT, max_host and max_srv_target:
    characters, max_mx: priority; None: no known limit. hints: ids of what to know beside the table.
    """

    name: str
    apex: Apex = "@"
    txt: TxtForm = "raw"
    dot: bool = False
    mx_priority: bool = True
    srv: SrvForm = "text"
    srv_name: bool = False
    srv_apex: bool = False
    srv_underscore: bool = True
    caa: CaaForm = "text"
    min_ttl: int = 1
    ttls: tuple[int, ...] = ()
    max_txt: int | None = None
    max_host: int | None = None
    max_srv_target: int | None = None
    max_mx: int | None = None
    txt_quotes: bool = True
    hints: tuple[str, ...] = ()


_LINODE_TTLS = (300, 3600, 7200, 14400, 28800, 57600, 86400, 172800, 345600, 604800)
PANELS: dict[str, Panel] = {
    panel.name: panel
    for panel in (
        Panel("generic"),
        Panel("generic-full", apex="full", dot=True),
        Panel(
            "aliyun", min_ttl=600, max_txt=511, max_mx=50, txt_quotes=False, hints=("panel.line",)
        ),
        Panel("cloudflare", srv="fields", caa="fields", min_ttl=60, hints=("panel.dns_only",)),
        Panel("dnspod", dot=True, min_ttl=600, hints=("panel.line",)),
        Panel(
            "godaddy",
            srv="service-fields",
            srv_name=True,
            caa="fields",
            min_ttl=600,
            max_txt=512,
        ),
        Panel(
            "linode",
            apex="",
            srv="service-fields",
            srv_apex=True,
            srv_underscore=False,
            caa="no-flags",
            min_ttl=300,
            ttls=_LINODE_TTLS,
        ),
        Panel(
            "namecheap",
            srv="service-fields",
            caa="fields",
            min_ttl=60,
            max_txt=2500,
            max_host=60,
            max_srv_target=29,
            txt_quotes=False,
            hints=("panel.custom_mx", "panel.automatic"),
        ),
        Panel("route53-console", apex="", txt="strings", mx_priority=False),
        Panel("vultr", apex="", txt="quoted", srv="after-priority", txt_quotes=False),
    )
}


@dataclass(frozen=True, slots=True)
class Row:
    """One record as a form's fields.

    fields: (name, content) of those beside the usual ones. notes: what does not fit, or was fitted.
    """

    host: str
    rtype: str
    value: str
    ttl: int
    priority: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    notes: tuple[Words, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do in a panel: `old` is what a changed record says before."""

    action: Literal["add", "change", "delete"]
    row: Row
    old: Row | None = None


def zone_file(rrsets: Iterable[RRset], zone: dns.name.Name) -> str:
    """Return RRsets as a master file fragment (RFC 1035 section 5), names absolute.

    Raises ValueError for an RRset outside the zone.
    """
    lines = []
    for rrset in sorted(rrsets, key=lambda each: each.key):
        _inside(rrset.key, zone)
        head = f"{rrset.key.owner.to_text()} {rrset.ttl} IN {rrset.key.rtype}"
        texts = sorted(value_text(value, rrset.key.rtype) for value in rrset.values)
        lines += [f"{head} {text}\n" for text in texts]
    return "".join(lines)


def panel_rows(rrsets: Iterable[RRset], zone: dns.name.Name, panel: Panel) -> tuple[Row, ...]:
    """Return a row for each record, as the panel takes it.

    Raises ValueError for an RRset outside the zone.
    """
    return tuple(
        record_row(rrset.key, value, rrset.ttl, zone, panel)
        for rrset in sorted(rrsets, key=lambda each: each.key)
        for value in sorted(rrset.values, key=str)
    )


def panel_tasks(changes: Iterable[Change], zone: dns.name.Name, panel: Panel) -> tuple[Task, ...]:
    """Return what to do in the panel, in a safe order: what goes goes last.

    Raises ValueError for an RRset outside the zone.
    """
    every = tuple(changes)
    there = {c.key: _with_handles(c.before) for c in every if c.before is not None}
    as_it_is = replace(panel, min_ttl=0, ttls=())  # a TTL that is there needs no fitting
    found = []
    for step in steps(every, there):
        match step:
            case Create(key, value, ttl):
                found.append(Task("add", record_row(key, value, ttl, zone, panel)))
            case Modify(key, _, old, value, ttl, old_ttl):
                fitting = as_it_is if ttl == old_ttl else panel
                before = record_row(key, old, old_ttl, zone, as_it_is)
                found.append(Task("change", record_row(key, value, ttl, zone, fitting), before))
            case Delete(key, _, old):
                gone = record_row(key, old, there[key].ttl, zone, as_it_is)
                found.append(Task("delete", replace(gone, notes=())))
    return tuple(found)


def _with_handles(rrset: RRset) -> RRset:
    return replace(rrset, handles=tuple((value, "") for value in rrset.values))


def record_row(key: RRKey, value: Value, ttl: int, zone: dns.name.Name, panel: Panel) -> Row:
    """Return one record as the panel takes it. Raises ValueError outside the zone."""
    _inside(key, zone)
    host = host_part(key.owner, zone, panel)
    fitting = _fitting_ttl(ttl, panel)
    row = _filled(Row(host, key.rtype, "", fitting), key, value, zone, panel)
    return replace(row, notes=_notes(row, key, value, ttl, zone, panel))


def host_part(owner: dns.name.Name, zone: dns.name.Name, panel: Panel) -> str:
    """Return what goes into the panel's host field for an owner name in the zone."""
    if panel.apex == "full":
        return owner.to_text()
    return panel.apex if owner == zone else owner.relativize(zone).to_text()


def _inside(key: RRKey, zone: dns.name.Name) -> None:
    if not key.owner.is_subdomain(zone):
        raise ValueError(f"{key} is not in {zone}")


def _fitting_ttl(ttl: int, panel: Panel) -> int:
    """The least TTL of the panel that is not below the wish, or its greatest."""
    if panel.ttls:
        return min((each for each in panel.ttls if each >= ttl), default=panel.ttls[-1])
    return max(ttl, panel.min_ttl)


def _filled(row: Row, key: RRKey, value: Value, zone: dns.name.Name, panel: Panel) -> Row:
    match value:
        case TXT(data=data):
            return replace(row, value=_txt(data, panel))
        case MX(preference=preference, exchange=exchange):
            target = _target(exchange, panel)
            if panel.mx_priority:
                return replace(row, value=target, priority=str(preference))
            return replace(row, value=f"{preference} {target}")
        case SRV():
            return _srv(row, key, value, zone, panel)
        case CAA(flags=flags, tag=tag, value=data) if panel.caa != "text":
            shown = (("flags", str(flags)),) if panel.caa == "fields" else ()
            fields = (*shown, ("tag", tag))
            return replace(row, value=data.decode("ascii", "backslashreplace"), fields=fields)
        case Target(name=name):
            return replace(row, value=_target(name, panel))
    return replace(row, value=value_text(value, key.rtype))


def _target(name: dns.name.Name, panel: Panel) -> str:
    """A target; the root stays a dot (RFC 7505, RFC 2782)."""
    return name.to_text(omit_final_dot=not panel.dot) if name != dns.name.root else "."


def _txt(data: bytes, panel: Panel) -> str:
    if panel.txt == "strings":
        return str(to_rdata(TXT(data), "TXT").to_text())
    text = data.decode("utf-8", "backslashreplace")
    return f'"{text}"' if panel.txt == "quoted" else text


def _srv(row: Row, key: RRKey, value: SRV, zone: dns.name.Name, panel: Panel) -> Row:
    target = _target(value.target, panel)
    weight, port = ("weight", str(value.weight)), ("port", str(value.port))
    if panel.srv == "text":
        return replace(row, value=f"{value.priority} {value.weight} {value.port} {target}")
    row = replace(row, priority=str(value.priority))
    if panel.srv == "after-priority":
        return replace(row, value=f"{value.weight} {value.port} {target}")
    if panel.srv == "fields":
        return replace(row, value=target, fields=(weight, port))
    labels = key.owner.relativize(zone).labels
    service, protocol = (label.decode("ascii") for label in (*labels, b"", b"")[:2])
    below = dns.name.Name(labels[2:])
    host = host_part(below.derelativize(zone), zone, panel) if panel.srv_name else ""
    if not panel.srv_name and below.labels:
        protocol = f"{protocol}.{below.to_text()}"
    if not panel.srv_underscore:
        service, protocol = service.removeprefix("_"), protocol.removeprefix("_")
    names = (("service", service), ("protocol", protocol))
    return replace(row, host=host, value=target, fields=(*names, weight, port))


def _notes(
    row: Row, key: RRKey, value: Value, ttl: int, zone: dns.name.Name, panel: Panel
) -> tuple[Words, ...]:
    found = []
    if row.ttl != ttl:
        found.append(Words.of("panel.note.ttl", wanted=ttl, ttl=row.ttl))
    if panel.max_host is not None and len(row.host) > panel.max_host:
        found.append(Words.of("panel.note.host", length=len(row.host), limit=panel.max_host))
    match value:
        case TXT(data=data):
            if panel.max_txt is not None and len(data) > panel.max_txt:
                found.append(Words.of("panel.note.txt", length=len(data), limit=panel.max_txt))
            if not panel.txt_quotes and (b'"' in data or b"\\" in data):
                found.append(Words.of("panel.note.quotes"))
        case MX(preference=preference):
            if panel.max_mx is not None and not 1 <= preference <= panel.max_mx:
                found.append(Words.of("panel.note.mx", limit=panel.max_mx))
        case SRV():
            found += _srv_notes(row, key, zone, panel)
        case CAA(flags=flags) if panel.caa == "no-flags" and flags != 0:
            found.append(Words.of("panel.note.caa_flags"))
    return tuple(found)


def _srv_notes(row: Row, key: RRKey, zone: dns.name.Name, panel: Panel) -> list[Words]:
    found = []
    limit = panel.max_srv_target
    if limit is not None and len(row.value) > limit:
        found.append(Words.of("panel.note.srv_target", length=len(row.value), limit=limit))
    if panel.srv_apex and len(key.owner.labels) - len(zone.labels) > 2:
        found.append(Words.of("panel.note.srv_below"))
    return found
