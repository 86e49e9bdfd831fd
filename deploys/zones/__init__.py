"""A zone of the site: publish its records, wait, retire; export, rights; what the host remembers.

access: its provider, ledger and name servers. key_records: which DKIM records it needs now. steps:
publishing. wanted: what a zone should hold now. leaving_*: what the inventory no longer names.
remembering: the manifest on the host. export_*, policy_steps, key_steps: the other verbs. Imports
`deploys.host`, `run`, `accounts`.
"""
