"""Rotating DKIM keys: the journal, what each step does, and the steps as pyinfra operations."""
