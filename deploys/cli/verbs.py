"""All verbs, each with its deploy file and its options. What it asks first: `refusals`.

Whoever only asks for help loads this, and nothing that a run needs.
"""

from __future__ import annotations

from deploys.accounts.request import UsersRequest
from deploys.outbound.queue_request import QueueRequest
from deploys.recovery.request import RecoverRequest
from deploys.rotation.request import Request as RotationRequest
from deploys.run.options import Look, Request
from deploys.run.verb import Verb
from deploys.verification.request import VerifyRequest
from deploys.zones.request import DeployRequest, DnsRequest, ExportRequest, PolicyRequest

_SERVERS, _ZONES = ("mail_servers",), ("zones",)

DEPLOY = Verb("deploy", "deploys/bootstrap.py", DeployRequest, "cli.deploy")
PREFLIGHT = Verb("preflight", "deploys/preflight.py", Look, "cli.preflight", _SERVERS)
USERS = Verb("users", "deploys/users.py", UsersRequest, "cli.users", _SERVERS, opening=False)
TLS = Verb("tls", "deploys/tls.py", Request, "cli.tls", _SERVERS)
VERIFY = Verb("verify", "deploys/verify.py", VerifyRequest, "cli.verify", _SERVERS, opening=False)
DNS = Verb("dns", "deploys/dns.py", DnsRequest, "cli.dns")
EXPORT = Verb(
    "dns export",
    "deploys/dns_export.py",
    ExportRequest,
    groups=_ZONES,
    opening=False,
    while_paused=True,
)
POLICY = Verb("dns policy", "deploys/dns_policy.py", PolicyRequest, groups=_ZONES, opening=False)
QUEUE = Verb("queue", "deploys/queue.py", QueueRequest, "cli.queue", _SERVERS)
ROTATE = Verb(
    "rotate-dkim", "deploys/rotate_dkim.py", RotationRequest, "cli.rotate", while_paused=True
)
RECOVER = Verb("recover", "deploys/recover.py", RecoverRequest, "cli.recover", while_paused=True)
VERBS = (DEPLOY, PREFLIGHT, USERS, TLS, VERIFY, DNS, EXPORT, POLICY, QUEUE, ROTATE, RECOVER)
