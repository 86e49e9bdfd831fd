"""Is it all true, everywhere, now? `pyinfra inventory.py deploys/verify.py`.

DNS is asked as anybody asks it: no provider and no secret of one is needed. `--data only=SPF,DKIM`
and `--data skip=…` choose rules, `--data strict=1` takes warnings for failures. `live=1` sends
mail to prove that mail passes, `live_to=ADDRESS` to a mailbox elsewhere, too.
"""

from deploys.cli.verbs import VERIFY
from deploys.run.frame import frame
from deploys.verification.steps import ProofWish, verify
from deploys.zones import leaving_steps
from ground.words import text

with frame(VERIFY) as run:
    leaving_steps.told(name=text("leaving.name.told"), site=run.site)
    if run.server:
        verify(
            name=text("report.name"),
            server=run.server,
            site=run.site,
            selection=run.asked.selection,
            strict=run.asked.strict,
            proof=ProofWish.ASKED if run.asked.live else ProofWish.NONE,
            to=run.asked.to,
        )
