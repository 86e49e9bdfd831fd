"""One file for each provider: its adapter, and a SPEC that the registry finds by the file's name.

Every module here is a provider, so what several of them need stands one floor below. An adapter
imports from all of `dns_providers` that is no adapter; its SDK only in the functions that call it.
Nothing imports an adapter but the registry, when a zone has that provider.
"""
