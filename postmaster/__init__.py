"""What a postmaster knows, pure: settings, desired records, SPF, DKIM, DMARC, outbound modes.

settings, settings_table, parse: what an inventory may say, and every mistake in it. desired: which
records follow, and why. outbound: what depends on the outbound mode. manifest: what a host
remembers. Imports `ground`, the claims, plans and values of `dns_providers`, and of `keys` what
reads and writes no file. Rooms above: `checks`, `report`.
"""
