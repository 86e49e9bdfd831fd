"""Records with a few changes, as people, panels and bad luck make them; the same from each seed."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator

KEY = base64.b64encode(bytes(range(256)) + bytes(38)).decode()
SPF = (
    "v=spf1 mx -all",
    "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 ~all",
    "v=spf1 a:h.test/24 a/24//64 mx:m.test include:i.test ?all",
    "v=spf1 ip4:192.0.2.0/24 exists:%{ir}.x.test redirect=r.test",
    "v=spf1 +a ~mx ptr:p.test exp=e.test -all",
    "v=spf1 ip6:2001:db8::/32 exists:%{l1r-}.%{d2}.x.test all",
)
DMARC = (
    "v=DMARC1; p=none",
    "v=DMARC1; p=reject; rua=mailto:a@x.test,mailto:b@x.test!10m; fo=1",
    "v=DMARC1; p=quarantine; sp=none; np=reject; adkim=s; aspf=r; pct=50",
    "v=DMARC1; p=none; t=y; psd=n; ruf=mailto:a@x.test; ri=3600; rf=afrf",
)
PIECES = (
    *(
        " ",
        "  ",
        "\t",
        ";",
        "；",
        ",",
        "=",
        ":",
        "：",
        "/",
        "//",
        "-",
        "+",
        "~",
        "?",
        "%",
        "{",
        "}",
    ),
    *("a", "mx", "all", "ip4", "ip6", "ip4:", "include:", "exists:", "ptr", "redirect=", "exp="),
    *('"', '" "', "\\", "\\;", "&quot;", "“", "\u00a0", "\u200b", "\r\n", "é", "\x00", "\x7f"),
    *("v=spf1", "v=DMARC1", "v=DKIM1", "p=", "sp=", "k=rsa", "t=y", "s=email", "h=sha1", "mailto:"),
    *("0", "9", "255", "256", "1.2.3.4", "::1", "%{i}", "%%", "%_", "@", "!", "!10m", ".", ".."),
)


def dkim_records(data: str) -> tuple[str, ...]:
    """Key records with this `p=`."""
    return (
        f"v=DKIM1; k=rsa; p={data}",
        f"v=DKIM1; h=sha256; s=email; t=s; p={data}",
        f"k=rsa; n=a note; p={data}",
    )


def records(seeds: tuple[str, ...], count: int, seed: int = 1) -> Iterator[str]:
    """So many records, each made of one of the seeds by one to four changes."""
    chance = random.Random(seed)
    changes: tuple[Callable[[str, random.Random], str], ...] = (
        _insert,
        _insert,
        _delete,
        _swap,
        _double,
        _case,
        _cut,
        _splice,
    )
    for _ in range(count):
        record = chance.choice(seeds)
        for _ in range(chance.randint(1, 4)):
            record = chance.choice(changes)(record, chance)
        yield record


def _at(record: str, chance: random.Random) -> int:
    return chance.randint(0, len(record))


def _insert(record: str, chance: random.Random) -> str:
    at = _at(record, chance)
    return record[:at] + chance.choice(PIECES) + record[at:]


def _delete(record: str, chance: random.Random) -> str:
    at = _at(record, chance)
    return record[:at] + record[at + chance.randint(1, 3) :]


def _swap(record: str, chance: random.Random) -> str:
    words = record.split(" ")
    one, other = chance.randrange(len(words)), chance.randrange(len(words))
    words[one], words[other] = words[other], words[one]
    return " ".join(words)


def _double(record: str, chance: random.Random) -> str:
    words = record.split(" ")
    at = chance.randrange(len(words))
    return " ".join((*words[: at + 1], *words[at:]))


def _case(record: str, chance: random.Random) -> str:
    at = _at(record, chance)
    return record[:at] + record[at : at + 4].swapcase() + record[at + 4 :]


def _cut(record: str, chance: random.Random) -> str:
    return record[: _at(record, chance)]


def _splice(record: str, chance: random.Random) -> str:
    at = _at(record, chance)
    return record[:at] + chance.choice((*SPF, *DMARC))[chance.randint(0, 12) :]
