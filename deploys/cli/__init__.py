"""`pmail-deploy`: the same runbooks with options, exit statuses and files for reports.

Imports any room for what its verbs take; no room below imports it.
"""
