"""A project's inventory: its own hosts and data, and two groups that pmail-deploy reads."""

_people = {"bob": "Bob", "alice": "Alice"}

# Settings of pmail-deploy (README.md) stand beside data of the project's own.
mail_servers = [
    (
        "203.0.113.10",
        {
            "ssh_user": "root",
            "domains": ["example.com"],
            "users": [{"account": account, "name": name} for account, name in _people.items()],
            "motd": "Mail of example.com",
            "team": "infrastructure",
        },
    ),
]

zones = [
    ("@zone/example.com", {"dns_provider": "cloudflare", "cloudflare_token_env": "CF_TOKEN"}),
]

web_servers = [
    ("203.0.113.20", {"ssh_user": "root", "motd": "Site of example.com", "team": "web"}),
]
