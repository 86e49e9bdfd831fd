"""What a run of `deploys/recover.py` is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from deploys.run.options import Flag, Request, option


@dataclass(frozen=True, slots=True)
class RecoverRequest(Request):
    """new_admin_password: make one, and set it on the hosts."""

    new_admin_password: bool = option(
        "new_admin_password",
        Flag(),
        "--new-admin-password",
        default=False,
        help="cli.recover_admin",
    )
