"""Tests read English texts, whatever the machine's locale."""

import os

os.environ["PMAIL_LANG"] = "en"
