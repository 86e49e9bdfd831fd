"""DKIM selectors that many domains have: what is looked for where nobody names one."""

from __future__ import annotations

# As the guides of large mail services and of mail servers name them.
COMMON = (
    *("default", "dkim", "mail", "smtp", "email", "key1", "s1", "s2", "k1", "k2"),
    *("selector1", "selector2", "google", "fm1", "fm2", "fm3", "protonmail", "zoho", "mxvault"),
    *("pm", "mandrill", "sig1", "qq", "s201512", "s20150108"),
)
