"""What stands before PMail on the host: its namespace, sockets, verification, the edge's program.

configure: contents of files (pure). operations, steps: for pyinfra. Imports `deploys.host`, `run`.
"""
