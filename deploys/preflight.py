"""Is every host fit to become a mail server? `pyinfra inventory.py deploys/preflight.py`."""

from deploys.cli.verbs import PREFLIGHT
from deploys.run.frame import frame
from deploys.verification.preflight import preflight
from ground.words import text

with frame(PREFLIGHT) as run:
    if run.server:
        preflight(name=text("preflight.name"), server=run.server)
