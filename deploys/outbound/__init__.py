"""Outbound by Postfix and OpenDKIM on the host, which PMail's port 25 is redirected to."""
