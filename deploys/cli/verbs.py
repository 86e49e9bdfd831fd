"""All verbs, each with its deploy file and its options."""

from __future__ import annotations

from deploys.accounts.admin import no_admin
from deploys.accounts.first_database import database_lost
from deploys.accounts.passwords import shared
from deploys.accounts.request import UsersRequest
from deploys.edge import operations as edge
from deploys.outbound import operations as outbound
from deploys.outbound.queue_request import QueueRequest
from deploys.outbound.smarthosts import missing_passwords
from deploys.pmail_server import steps as pmail
from deploys.pmail_server.refusals import unusable_release
from deploys.pmail_server.upgrade import no_room
from deploys.recovery.refusals import several_sites
from deploys.recovery.request import RecoverRequest
from deploys.rotation.refusals import too_late, unfinished
from deploys.rotation.request import Request as RotationRequest
from deploys.run.options import Look, Request
from deploys.run.refusals import Refusal
from deploys.run.verb import Verb
from deploys.tls_certificate import steps as tls
from deploys.tls_certificate.authority import forbidden_authority
from deploys.tls_certificate.operations import unusable_files
from deploys.verification.foreign_pmail import foreign_pmail
from deploys.verification.refusals import foreign_files
from deploys.verification.request import VerifyRequest
from deploys.zones.evidence import (
    exported_keys_refused,
    keys_known,
    keys_refused,
    rotated_keys_known,
)
from deploys.zones.leaving_queue import keep_what_waits
from deploys.zones.memory import damaged_state, older_state
from deploys.zones.request import DeployRequest, DnsRequest, ExportRequest, PolicyRequest

_SERVERS, _ZONES = ("mail_servers",), ("zones",)
# What is asked before anything is changed.
_MEMORY: tuple[Refusal, ...] = (damaged_state, older_state)
_ADMIN: tuple[Refusal, ...] = (shared, no_admin)
_PAST: tuple[Refusal, ...] = (database_lost, no_room)
_CERTIFICATE: tuple[Refusal, ...] = (unusable_files,)
_FOREIGN: tuple[Refusal, ...] = (
    foreign_pmail,
    foreign_files(pmail.guarded, tls.guarded, edge.guarded, outbound.guarded),
)
_INSTALL: tuple[Refusal, ...] = (missing_passwords, unusable_release)

DEPLOY = Verb(
    "deploy",
    "deploys/bootstrap.py",
    DeployRequest,
    "cli.deploy",
    refusals=(
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
)
PREFLIGHT = Verb(
    "preflight", "deploys/preflight.py", Look, "cli.preflight", _SERVERS, refusals=_MEMORY
)
USERS = Verb(
    "users",
    "deploys/users.py",
    UsersRequest,
    "cli.users",
    _SERVERS,
    opening=False,
    refusals=(*_MEMORY, *_ADMIN),
)
TLS = Verb(
    "tls",
    "deploys/tls.py",
    Request,
    "cli.tls",
    _SERVERS,
    refusals=(*_MEMORY, *_FOREIGN, *_CERTIFICATE, forbidden_authority),
)
VERIFY = Verb(
    "verify",
    "deploys/verify.py",
    VerifyRequest,
    "cli.verify",
    _SERVERS,
    opening=False,
    refusals=(*_MEMORY, keys_known),
)
DNS = Verb(
    "dns",
    "deploys/dns.py",
    DnsRequest,
    "cli.dns",
    refusals=(*_MEMORY, unfinished, foreign_pmail, keys_refused),
)
EXPORT = Verb(
    "dns export",
    "deploys/dns_export.py",
    ExportRequest,
    groups=_ZONES,
    opening=False,
    while_paused=True,
    refusals=(exported_keys_refused,),
)
POLICY = Verb("dns policy", "deploys/dns_policy.py", PolicyRequest, groups=_ZONES, opening=False)
QUEUE = Verb("queue", "deploys/queue.py", QueueRequest, "cli.queue", _SERVERS, refusals=_MEMORY)
ROTATE = Verb(
    "rotate-dkim",
    "deploys/rotate_dkim.py",
    RotationRequest,
    "cli.rotate",
    while_paused=True,
    refusals=(*_MEMORY, rotated_keys_known, too_late),
)
RECOVER = Verb(
    "recover",
    "deploys/recover.py",
    RecoverRequest,
    "cli.recover",
    while_paused=True,
    refusals=(several_sites, rotated_keys_known),
)
VERBS = (DEPLOY, PREFLIGHT, USERS, TLS, VERIFY, DNS, EXPORT, POLICY, QUEUE, ROTATE, RECOVER)
