"""Reports of checks: as text for people, and as versioned JSON for programs.

May import `postmaster.checks` and the ground floor.
"""
