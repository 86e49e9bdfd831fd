"""The octoDNS packages that may be used as providers, and the bridge to them.

packages: the list, what each needs and can carry; loads nothing of octoDNS. bridge: the adapter.
reading: what they read, record by record. mended: what is repaired of them. Imports
`dns_providers` only; `adapters/octodns.py` opens it.
"""
