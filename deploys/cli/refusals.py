"""What each verb asks before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploys.accounts.admin import no_admin
from deploys.accounts.first_database import database_lost
from deploys.accounts.passwords import shared
from deploys.cli.verbs import (
    DEPLOY,
    DNS,
    EXPORT,
    PREFLIGHT,
    QUEUE,
    RECOVER,
    ROTATE,
    TLS,
    USERS,
    VERIFY,
)
from deploys.outbound.smarthosts import missing_passwords
from deploys.pmail_server.refusals import unusable_release
from deploys.pmail_server.upgrade import no_room
from deploys.recovery.refusals import several_sites
from deploys.rotation.refusals import too_late, unfinished
from deploys.run.paused import mail_paused
from deploys.run.refusals import Refusal
from deploys.run.verb import Verb
from deploys.tls_certificate.authority import forbidden_authority
from deploys.tls_certificate.operations import unusable_files
from deploys.verification.foreign_pmail import foreign_pmail
from deploys.verification.foresight import GUARDED, foreseen
from deploys.verification.refusals import foreign_files
from deploys.zones.evidence import (
    exported_keys_refused,
    keys_known,
    keys_refused,
    rotated_keys_known,
)
from deploys.zones.leaving_queue import keep_what_waits
from deploys.zones.memory import damaged_state, older_state

_MEMORY: tuple[Refusal, ...] = (damaged_state, older_state)
_ADMIN: tuple[Refusal, ...] = (shared, no_admin)
_PAST: tuple[Refusal, ...] = (database_lost, no_room)
_CERTIFICATE: tuple[Refusal, ...] = (unusable_files,)
_FOREIGN: tuple[Refusal, ...] = (
    foreign_pmail,
    foreign_files(*GUARDED),
)
_INSTALL: tuple[Refusal, ...] = (missing_passwords, unusable_release)

REFUSALS: Mapping[Verb[Any], tuple[Refusal, ...]] = {
    DEPLOY: (
        foreseen,
        *_MEMORY,
        unfinished,
        *_PAST,
        *_FOREIGN,
        *_INSTALL,
        *_CERTIFICATE,
        *_ADMIN,
        keys_refused,
        keep_what_waits,
    ),
    PREFLIGHT: _MEMORY,
    USERS: (*_MEMORY, *_ADMIN),
    TLS: (*_MEMORY, *_FOREIGN, *_CERTIFICATE, forbidden_authority),
    VERIFY: (*_MEMORY, keys_known),
    DNS: (*_MEMORY, unfinished, foreign_pmail, keys_refused),
    EXPORT: (exported_keys_refused,),
    QUEUE: _MEMORY,
    ROTATE: (*_MEMORY, rotated_keys_known, too_late),
    RECOVER: (several_sites, rotated_keys_known),
}


def asked_first(verb: Verb[Any]) -> tuple[Refusal, ...]:
    """Return the refusals of a verb, and that of all verbs that leave paused mail alone."""
    of_all = () if verb.while_paused else (mail_paused,)
    return (*of_all, *REFUSALS.get(verb, ()))
