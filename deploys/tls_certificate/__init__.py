"""Get a certificate onto a host and keep it valid.

acme_dns, challenge_dns: DNS-01 from here. renewal: when one is due (pure). operations, steps: for
pyinfra. Imports `deploys.host`, `run`, and `zones` for the challenge's records.
"""
