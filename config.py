"""pyinfra's configuration for every run from this folder."""

import sys

from pyinfra import config

# pyinfra turns it off for the files that it executes; our modules would be compiled in every run.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

from deploys.cli.refusals import asked_first  # noqa: E402 -- compiled once, see above
from deploys.cli.verbs import VERBS  # noqa: E402
from deploys.run.start import start  # noqa: E402

config.REQUIRE_PYINFRA_VERSION = ">=3.10,<4"
# A failed host stops those that need it, at the run's barriers; pyinfra itself stops nobody.
config.FAIL_PERCENT = 100

# Settings and options are checked before anything is connected to.
start(VERBS, asked_first)
