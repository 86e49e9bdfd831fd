"""State and keys anew: from the inventory, what hosts remember, and DNS; nothing in DNS changes.

plan: what a ledger, a journal and the site's identity become, pure. refusals, operations: how that
is looked at and written. Imports `deploys.zones` and what that stands on, and `deploys.accounts`.
"""
