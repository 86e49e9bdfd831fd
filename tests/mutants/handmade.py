"""Faults that once went unnoticed by the fast tests, though each makes a report say what is not so.

Whoever changes one of these places writes its fault anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.mutants.faults import Fault
from tests.mutants.scope import ROOT


class Moved(Exception):
    """The place of a fault is not in its file, or there several times."""


@dataclass(frozen=True, slots=True)
class Handmade:
    """A fault by hand: `right` stands once in the file and becomes `wrong`."""

    about: str
    path: str
    right: str
    wrong: str

    @property
    def fault(self) -> Fault:
        """The same as a place in the file. Raises Moved."""
        text = (ROOT / self.path).read_text("utf-8")
        if text.count(self.right) != 1:
            raise Moved(f"{self.path}: {self.right!r} stands there {text.count(self.right)} times")
        start = text.index(self.right)
        line = text.count("\n", 0, start) + 1
        return Fault(
            self.path, start, start + len(self.right), line, self.wrong, f"by hand: {self.about}"
        )


# Where the tests are that notice them; those that try hundreds of worlds are not needed for it.
_MANY = ("contradictions", "fuzz_records", "public_records", "spf_senders", "worlds")
TESTS = (
    *(
        str(each.relative_to(ROOT))
        for each in sorted((ROOT / "tests/postmaster").glob("test_*.py"))
        if each.stem.removeprefix("test_") not in _MANY
    ),
    "tests/deploys/zones/test_retiring.py",
)
_CHECKS = "postmaster/checks"
HANDMADE = (
    Handmade(
        "the SPF of the mail host, which bounces come from, is not checked",
        f"{_CHECKS}/spf.py",
        "for each in seen.mail_host_spf:",
        "for each in ():",
    ),
    Handmade(
        "no address is asked for its PTR name",
        f"{_CHECKS}/reverse.py",
        "for view in seen.world.reverse:",
        "for view in ():",
    ),
    Handmade(
        "ports that should be closed are not looked at",
        f"{_CHECKS}/transport.py",
        "for port in seen.world.closed:",
        "for port in ():",
    ),
    Handmade(
        "nothing of the relay is checked",
        f"{_CHECKS}/areas.py",
        "            relay,\n            edge,\n",
        "            edge,\n",
    ),
    Handmade(
        "a required check that is unknown does not count",
        f"{_CHECKS}/results.py",
        "        return 3\n",
        "        return 0\n",
    ),
    Handmade(
        "half of what gates a rotation does not",
        f"{_CHECKS}/gate.py",
        "if each.status is Status.FAIL or (",
        "if (",
    ),
    Handmade(
        "a rule that gates a rotation does not",
        f"{_CHECKS}/rules.py",
        '    "RFC 7208 section 4",\n    needs=_SPF_READ,\n    gates=Gate.EACH,\n',
        '    "RFC 7208 section 4",\n    needs=_SPF_READ,\n',
    ),
    Handmade(
        "a certificate that ends in two days is only warned of",
        f"{_CHECKS}/transport.py",
        "_FAIL_DAYS = 3.0",
        "_FAIL_DAYS = 1.0",
    ),
    Handmade(
        "what needs a rule that failed is tried all the same",
        f"{_CHECKS}/runner.py",
        "if each.status in (Status.FAIL, Status.UNKNOWN):",
        "if each.status in (Status.UNKNOWN,):",
    ),
    Handmade(
        "the record of a key goes as soon as another one signs",
        "deploys/zones/steps.py",
        "keep=days * 86400,",
        "keep=0,",
    ),
)
