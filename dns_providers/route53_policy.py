"""The least that AWS credentials need for one zone at Route 53, as an IAM policy.

Names in a policy are "normalized": lower case, no final dot, octets other than letters, digits,
`-` and `_` as three octal digits (Route 53 developer guide, "Using IAM policy conditions for
fine-grained access control").
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dns.name

from dns_providers.rrset import owner_name

PROVIDER = "route53"
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_")
_PREFIX = "route53:ChangeResourceRecordSets"


def policy(
    zone_id: str | None,
    names: Iterable[str],
    rtypes: Iterable[str],
    *,
    below: Iterable[str] = (),
    read_only: bool = False,
) -> dict[str, Any]:
    """Return a policy that can read a zone, and change nothing but records of ours.

    zone_id: the hosted zone's; None allows these records in every zone of the account. names: owner
    names that we write, in A-labels. rtypes: their types. below: names that we write any name below
    of (`_domainkey.example.com`, as each new key has a name of its own). read_only: enough for a
    dry run. Raises dns.exception.DNSException for what is no name.
    """
    zone = f"arn:aws:route53:::hostedzone/{zone_id or '*'}"
    statements = [
        _allow("FindTheZone", ("ListHostedZones", "ListHostedZonesByName"), "*"),
        _allow("ReadTheZone", ("GetHostedZone", "ListResourceRecordSets"), zone),
    ]
    if not read_only:
        write = _allow("WriteOurRecords", ("ChangeResourceRecordSets",), zone)
        owners = [_normalized(owner_name(name)) for name in names]
        patterns = [f"*.{_normalized(owner_name(name))}" for name in below]
        write["Condition"] = {
            # A "*" stands for any text here; that of a wildcard record is written \\052.
            "ForAllValues:StringLike": {
                f"{_PREFIX}NormalizedRecordNames": sorted({*owners, *patterns})
            },
            "ForAllValues:StringEquals": {
                f"{_PREFIX}RecordTypes": sorted({rtype.upper() for rtype in rtypes}),
                f"{_PREFIX}Actions": ["CREATE", "DELETE"],
            },
        }
        done = _allow("SeeWhenItIsDone", ("GetChange",), "arn:aws:route53:::change/*")
        statements += [write, done]
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(sid: str, actions: Iterable[str], resource: str) -> dict[str, Any]:
    names = [f"route53:{action}" for action in actions]
    return {"Sid": sid, "Effect": "Allow", "Action": names, "Resource": resource}


def _normalized(name: dns.name.Name) -> str:
    labels = name.relativize(dns.name.root).labels
    return ".".join(
        "".join(chr(octet) if octet in _PLAIN else f"\\{octet:03o}" for octet in label)
        for label in labels
    )
