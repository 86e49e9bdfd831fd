"""What a run of `deploys/verify.py` is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from deploys.run.options import Look


@dataclass(frozen=True, slots=True)
class VerifyRequest(Look):
    """To check everything."""

    @property
    def shown_dry(self) -> bool:
        """A run that is not carried out checks nothing."""
        return False
