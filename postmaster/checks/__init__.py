"""Checks: observations in, results out; one module for each area.

Pure: what is looked at comes from `probes` (their types are imported here), what is wanted from
`postmaster`. rules: each declared once. areas: the checks of all areas. runner: carries them out
in the order of the rules. gate: what keeps a key from being replaced. results: what a check gives.
"""
