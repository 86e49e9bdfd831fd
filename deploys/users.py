"""Make the mailboxes that the inventory names: `pyinfra inventory.py deploys/users.py`."""

import sys

from pyinfra import host

from deploys.accounts.admin import admin_works
from deploys.accounts.mailboxes import mailboxes
from deploys.run import flow
from deploys.run.site import current_site, server_of
from ground.words import text

flow.refuse_split_runs(sys.argv)
site = current_site()

flow.begin(name=text("flow.name.begin"))
if "mail_servers" in host.groups:
    server = server_of(site, host)
    admin_works(name=text("host.name.admin"), server=server)
    mailboxes(name=text("host.name.mailboxes"), server=server)
