"""An example: copy it to inventory.py and change what is yours. Every setting is in README.md."""

mail_servers = [
    (
        "203.0.113.10",  # the VPS; its address is also what DNS will say, unless `ipv4` is given
        {
            "ssh_user": "root",
            "domains": ["example.com", "second.example"],  # the primary one first
            "users": ["bob", {"account": "alice", "name": "Alice"}],
            "acme_email": "admin@example.com",
            # Where port 25 is blocked: out through a provider with a password.
            # "outbound": "smarthost",
            # "smarthost": {
            #     "host": "smtp.provider.example",
            #     "user": "you@provider.example",
            #     "password_env": "SMARTHOST_PASSWORD",
            # },
            # "spf_include": ["spf.provider.example"],
        },
    ),
]

# A zone's secret is never written here: the variable PMAIL_TSIG holds it.
_bind = {
    "dns_provider": "rfc2136",
    "dns_server": "ns1.example.com",
    "dns_key_name": "update-key",
    "dns_key_secret_env": "PMAIL_TSIG",
}

# A zone file on this machine, loaded by the command after each change.
_file = {
    "dns_provider": "zonefile",
    "zone_file": "/etc/bind/second.example.zone",
    "zone_reload_command": "rndc reload second.example",
}

zones = [
    ("@zone/example.com", _bind),
    ("@zone/second.example", _file),
]
