"""What HTTPS trusts, read once for all providers of a run.

To read the certificates of all authorities takes longer than a call: 18 ms for each zone of many.
"""

from __future__ import annotations

import ssl
from functools import cache


@cache
def trusted() -> ssl.SSLContext:
    """Return httpx's own choice: what the environment says, else certifi's authorities."""
    import httpx

    return httpx.create_ssl_context()
