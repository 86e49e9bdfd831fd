"""Records that a person enters: how web panels want them, as a table, and what was typed wrongly.

panels: what each panel takes. table: changes in its form. mistakes: what an answer says of what was
entered. Pure; imports `dns_providers` and `ground`. The adapter is `adapters/manual.py`.
"""
