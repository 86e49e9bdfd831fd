"""Publishing in a zone: what is claimed, decided, written, remembered, and seen everywhere.

claims, plan: what is wanted, and what follows from that (pure). ledger: what we wrote. publish: the
safe order of reading, writing and remembering. watched: what a provider showed last. authoritative,
propagation: what name servers show. zone_choice, public_suffix: whether this is the right zone.
wording: lines for people. operations: all of it for pyinfra. Imports `dns_providers`, `by_hand` and
`ground`; no adapter.
"""
