"""PMail's accounts: the first database, the admin, mailboxes, their passwords.

database, first_database: before PMail starts. api: PMail's HTTP API, called on the host. admin,
mailboxes: what is proven and changed with it. Imports `deploys.host` and `deploys.run`.
"""
