"""What has the web's ports before PMail: ours, or what one of the user's includes.

configure: their files (pure). operations, steps: for pyinfra. Imports `deploys.host`.
"""
