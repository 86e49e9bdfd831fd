"""The least rights that DNS credentials need: `pyinfra inventory.py deploys/dns_policy.py`.

Route 53 and AliDNS have them as a policy, printed as JSON on standard output (pyinfra logs on the
other one); for the others a sentence says what to give. `--data read_only=1`: enough for `--dry`.
"""

from pyinfra import host

from deploys.run.site import current_site, zone_of
from deploys.zones.policy_steps import policy
from ground.words import text

site = current_site(opening=False)

if "zones" in host.groups:
    policy(
        name=text("policy.name"),
        site=site,
        zone=zone_of(site, host),
        read_only=bool(host.data.get("read_only")),
    )
