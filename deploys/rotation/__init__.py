"""Rotating DKIM keys: what each step does in DNS and on the host, and in which order.

The states and the journal are in `keys`. in_dns, on_host: the steps. revealing: old private keys
made public. operations, steps: for pyinfra. Imports every room that a step acts through.
"""
