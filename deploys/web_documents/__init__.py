"""What the web's front serves beside web mail: set-up of mail programs, and MTA-STS policies.

contents: the documents (pure). operations, steps: for pyinfra. Imports `deploys.host`,
`tls_certificate` for the certificate that profiles are signed with, `zones`.
"""
