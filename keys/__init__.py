"""DKIM keys: made, read and kept on the operator's machine.

dkim: keys and their public part. store: the folder of keys. rotation: its states and rules (pure).
journal: how far a rotation has come. operations: for pyinfra. Imports `ground` only.
"""
