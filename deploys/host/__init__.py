"""What is done on any host, and where everything of ours is on it.

files, packages, remote: files, packages, users and scripts, without showing a secret. snapshot:
what operations look at, gathered by one script. looked: all that refusals ask about. channels: SSH
channels opened ahead. systemd: several units at once. templates: configuration files. *_layout:
paths, ports and units of PMail, the edge and outbound mail, which know of each other by these only.
reachable: whether a host answers. Imports `ground`, `postmaster`, `probes`; no other room of
`deploys`.
"""
