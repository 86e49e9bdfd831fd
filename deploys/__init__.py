"""What a user runs: each file is a runbook for pyinfra, readable from top to bottom.

A runbook says which steps are done in which order on which hosts; the steps are in the rooms below,
and nothing imports a runbook. Only in `deploys` (and in files named operations.py, facts.py and
connector.py) does pyinfra appear. Rooms, from the ground up: run, host, accounts, pmail_server,
zones, edge, outbound, tls_certificate, verification, rotation, recovery, cli.
"""
