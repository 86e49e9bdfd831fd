"""What another project is told that uses our parts."""

TEXTS = {
    "guest.no_program": "pmail_deploy.parts work in runs of pyinfra's own program: pyinfra INVENTORY deploy.py",
    "guest.no_server": "{host} is in no group mail_servers: its settings are read from hosts of that group",
    "guest.other_server": "{host}: this MailServer is not the one that the inventory describes. Settings are data of the host",
}
