"""What a host shows of itself: a POSIX script for each subject, and its output as data.

The scripts are run by `deploys`, nothing here reaches a host. Imports `probes.world`.
"""
