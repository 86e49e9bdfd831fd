"""DNS in general, without any knowledge of mail.

rrset -> claims -> base (types), plan (pure decision), ledger (memory), publish (the safe order of
reading, writing and remembering), one adapter per provider, connector and operations (pyinfra).
"""
