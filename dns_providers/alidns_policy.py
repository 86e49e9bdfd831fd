"""The least that an Alibaba Cloud access key needs for one zone at AliDNS, as a RAM policy.

RAM knows zones, but neither names nor types of records (API reference of Alibaba Cloud DNS, "RAM
authorization" of each action): who may write a record may write any of the zone.
"""

from __future__ import annotations

from typing import Any

from dns_providers.rrset import name_text, owner_name
from dns_providers.text import unicode_name

PROVIDER = "alidns"
READ = ("DescribeDomainInfo", "DescribeDomainRecords")
WRITE = ("AddDomainRecord", "UpdateDomainRecord", "DeleteDomainRecord")


def policy(zone: str, *, read_only: bool = False) -> dict[str, Any]:
    """Return a policy that can read and write the records of one zone.

    zone: its name in A-labels; one that AliDNS may keep in Unicode is named in both forms.
    read_only: enough for a dry run. Raises dns.exception.DNSException for what is no name.
    """
    a_labels = name_text(owner_name(zone))
    resources = [
        f"acs:alidns:*:*:domain/{name}" for name in sorted({a_labels, unicode_name(a_labels)})
    ]
    actions = READ if read_only else (*READ, *WRITE)
    statement = {
        "Effect": "Allow",
        "Action": [f"alidns:{action}" for action in actions],
        "Resource": resources,
    }
    return {"Version": "1", "Statement": [statement]}
