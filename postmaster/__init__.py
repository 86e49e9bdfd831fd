"""What a postmaster knows, pure: settings, desired records, SPF, DKIM, DMARC, outbound modes.

settings, settings_table, parse: what an inventory may say, and every mistake in it. desired: which
records follow, and why. outbound: what depends on the outbound mode. Imports `ground`, the claims
and values of `dns_providers`, and `keys.dkim`. Rooms above: `checks`, `report`.
"""
