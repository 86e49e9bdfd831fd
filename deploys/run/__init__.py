"""A run as a whole: its site, its order and barriers, its folders.

site: the inventory, read once. flow: what begins, separates and ends the steps of a run. paths:
where state and keys are, and the lock. Imports `ground`, `keys`, `postmaster`, `dns_providers`; no
other room of `deploys`, as all of them stand on it.
"""
