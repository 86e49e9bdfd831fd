"""The least rights that DNS credentials need: `pyinfra inventory.py deploys/dns_policy.py`.

Route 53 and AliDNS have them as a policy, printed as JSON on standard output (pyinfra logs on the
other one); for the others a sentence says what to give. `--data read_only=1`: enough for `--dry`.
"""

from deploys.cli.verbs import POLICY
from deploys.run.frame import frame
from deploys.zones.policy_steps import policy
from ground.words import text

with frame(POLICY) as run:
    if run.zone:
        policy(
            name=text("policy.name"),
            site=run.site,
            zone=run.zone,
            read_only=run.asked.read_only,
        )
