"""DNS in general, without any knowledge of mail.

rrset, text: values, RRsets, names and their text. base: what an adapter offers, its errors. spec:
what its file says of a provider. registry: finds and opens one. connector: a zone as a pyinfra
host. Helpers that several adapters share stand here too. Imports `ground`. Rooms above: `by_hand`,
`octodns`, `publishing`, `adapters`.
"""
