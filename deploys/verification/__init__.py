"""Look at a server from outside and on its host, have it judged, report; and the preflight.

Imports the rooms that know where to look: `accounts`, `edge`, `host`, `outbound`, `pmail_server`,
`zones`, `run`. What is judged is in `postmaster.checks`.
"""
