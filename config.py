"""pyinfra's configuration for every run from this folder."""

from pyinfra import config

from deploys.cli.verbs import VERBS
from deploys.run.start import start

config.REQUIRE_PYINFRA_VERSION = ">=3.10,<4"
# One failed host stops the run: what comes next (MX above all) relies on every host.
config.FAIL_PERCENT = 0

# Settings and options are checked before anything is connected to.
start(VERBS)
