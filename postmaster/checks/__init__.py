"""Checks: observations in, results out; one module for each area.

Pure: what is looked at comes from `probes` (their types are imported here), what is wanted from
`postmaster`. results: what a check gives.
"""
