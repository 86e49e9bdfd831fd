"""Tests read English texts, whatever the machine's locale, and take as long as it needs."""

import os

from hypothesis import settings

os.environ["PMAIL_LANG"] = "en"
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
