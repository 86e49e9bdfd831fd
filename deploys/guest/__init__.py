"""Our runbooks as parts of another project's deploy.

parts: what it calls, by way of `pmail_deploy.parts`. Imports `deploys.cli` and `deploys.run`; the
runbooks are read by their files.
"""
