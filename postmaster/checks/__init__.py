"""Checks: observations in, results out; one module per area."""
