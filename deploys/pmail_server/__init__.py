"""Install, configure and start PMail on a host.

One module for each subject with its pyinfra operation: binary, configuration, signing_key,
firewall, service. release: where the binary comes from. configure: contents of files (pure).
steps: their order. Imports `deploys.accounts`, `host`, `run`.
"""
