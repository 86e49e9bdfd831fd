"""Make the mailboxes that the inventory names: `pyinfra inventory.py deploys/users.py`."""

from deploys.accounts.admin import admin_works
from deploys.accounts.mailboxes import mailboxes
from deploys.cli.verbs import USERS
from deploys.run.frame import frame
from deploys.zones.remembering import remember
from ground.words import text

with frame(USERS) as run:
    if run.server:
        admin_works(name=text("host.name.admin"), server=run.server)
        mailboxes(name=text("host.name.mailboxes"), server=run.server)
        remember(run.server, run.site)
