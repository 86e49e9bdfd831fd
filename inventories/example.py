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

# How a zone is published: take one, its lines are all it needs. A secret is never written here: an
# environment variable (or a file) holds it.
_cloudflare = {
    "dns_provider": "cloudflare",
    "cloudflare_token_env": "CLOUDFLARE_API_TOKEN",
}
_route53 = {
    "dns_provider": "route53",  # AWS's own variables, or:
    "route53_profile": "mail",
}
_alidns = {
    "dns_provider": "alidns",
    "alidns_key_id": "LTAI5tExample",
    "alidns_key_secret_env": "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
}
_dnspod = {
    "dns_provider": "dnspod",
    "dnspod_secret_id": "AKIDexample",
    "dnspod_secret_key_env": "TENCENTCLOUD_SECRET_KEY",
}
_powerdns = {
    "dns_provider": "powerdns",
    "powerdns_url": "https://ns1.example.com:8081",
    "powerdns_key_env": "POWERDNS_API_KEY",
}
_bind = {  # or Knot, PowerDNS, any server that takes updates (RFC 2136)
    "dns_provider": "rfc2136",
    "dns_server": "ns1.example.com",
    "dns_key_name": "update-key",
    "dns_key_secret_env": "PMAIL_TSIG",
}
_file = {  # on this machine, loaded by the command after each change
    "dns_provider": "zonefile",
    "zone_file": "/etc/bind/second.example.zone",
    "zone_reload_command": "rndc reload second.example",
}
_hetzner = {  # one of many by octoDNS packages; its token: HCLOUD_TOKEN
    "dns_provider": "octodns",
    "octodns_provider": "hetzner",
}
_by_hand = {  # no API: a run shows a table for the web panel, and waits
    "dns_provider": "manual",
    "manual_panel": "godaddy",
}

zones = [
    ("@zone/example.com", _bind),
    ("@zone/second.example", _file),
]
