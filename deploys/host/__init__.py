"""What is done on any host, and where everything of ours is on it.

files, packages, remote: files, packages, users and scripts, without showing a secret. templates:
configuration files. looked: one look at a host before anything is changed. *_layout: paths, ports
and units of PMail, the edge and outbound mail, which know of each other by these only. reachable:
whether a host answers. Imports `ground`, `postmaster`, `probes`; no other room of `deploys`.
"""
