"""Postfix and OpenDKIM on the host, on both sides of PMail.

configure, smarthosts: contents of files (pure). look, queue, proof: what is seen and done there.
operations, steps: for pyinfra. Imports `deploys.host`, `run`, and `zones` for what is proven.
"""
