"""Postfix and OpenDKIM on the host, on both sides of PMail."""
