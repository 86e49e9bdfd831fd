"""pyinfra's configuration for every run from this folder."""

import sys

from pyinfra import config

# pyinfra turns it off for the files that it executes; our modules would be compiled in every run.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

from deploys.cli.verbs import VERBS  # noqa: E402 -- compiled once, see above
from deploys.run.start import start  # noqa: E402

config.REQUIRE_PYINFRA_VERSION = ">=3.10,<4"
# One failed host stops the run: what comes next (MX above all) relies on every host.
config.FAIL_PERCENT = 0

# Settings and options are checked before anything is connected to.
start(VERBS)
