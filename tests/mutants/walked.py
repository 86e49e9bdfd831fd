"""What the random walk has to notice: parts of the code taken out, each with steps that find it.

Whoever changes one of these places writes its fault anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.lab.walk import Step, read
from tests.mutants.handmade import Handmade


@dataclass(frozen=True, slots=True)
class Without:
    """Something that is taken out, and a short walk that fails then."""

    fault: Handmade
    directed: str

    @property
    def steps(self) -> tuple[Step, ...]:
        """The walk."""
        return read(self.directed)


WITHOUT = {
    "keys": Without(
        Handmade(
            "a key that is not here has never been",
            "keys/choice.py",
            " or _given(evidence, seen) or _taken_back(evidence, seen)\n",
            " or Make(*[seen.selector or evidence.fresh] * 2)\n",
        ),
        """
        lose folder keys/example.test
        deploy -y
        mend recover
        """,
    ),
    "memory": Without(
        Handmade(
            "what the host remembers is not compared",
            "postmaster/manifest.py",
            "    if seen.manifest is None:\n        return _without(",
            "    return Standing.SAME\n    if seen.manifest is None:\n        return _without(",
        ),
        """
        keep
        rotate emergency
        back
        deploy -y
        mend recover
        """,
    ),
    "absence": Without(
        Handmade(
            "nobody looks whether an old key's record is gone",
            "deploys/rotation/in_dns.py",
            "        gone = tuple(self._known_as(ref, rotation) for ref in rotation.leaving)\n"
            "        owners = tuple(each.key for each in gone)\n"
            "        for owner in owners:\n"
            "            if owner not in replaced(self.zone) and self._edited(owner):\n"
            '                return Words.of("dns.conflict.key_changed", key=str(owner))\n'
            "        claims = (claim for owner in owners for claim in "
            "self._retired(owner, rotation, how))\n"
            "        return self._carried_out(tuple(claims)) or self._gone(gone, rotation)\n",
            "        owners = tuple(self._owner(ref, rotation) for ref in rotation.leaving)\n"
            "        claims = (claim for owner in owners for claim in "
            "self._retired(owner, rotation, how))\n"
            "        return self._carried_out(tuple(claims))\n",
        ),
        """
        lose folder state/ledger
        rotate normal
        mend recover
        """,
    ),
    "queue": Without(
        Handmade(
            "an old record goes while its messages wait",
            "deploys/rotation/steps.py",
            "Step.EMPTY: lambda each: there.empty(each, this_run().clock),",
            "Step.EMPTY: lambda each: None,",
        ),
        """
        far-down
        verify
        rotate normal
        mend recover
        """,
    ),
    "database": Without(
        Handmade(
            "a database that is gone is begun anew",
            "postmaster/database_choice.py",
            "    if not rebuilt and not had_one:\n",
            "    if True:\n",
        ),
        """
        database-away
        deploy -y
        mend recover
        """,
    ),
}
