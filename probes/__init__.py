"""What the world and a host show: observations only, nothing is judged.

world: asked from here. host: scripts that run there, and what their output says. Probes import
`dns_providers` for its values; whoever judges imports their types.
"""
