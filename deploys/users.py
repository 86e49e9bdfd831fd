"""Make the mailboxes that the inventory names: `pyinfra inventory.py deploys/users.py`.

`--data users_action=list` shows what accounts there are, with `--data users_json=1` as JSON.
`--data users_action=add --data users_account=bob` (and `--data users_name=...`) makes one, with the
password in `PMAIL_USER_PASSWORD_BOB` or a new one; `disable`, `enable`, `password` are for one that
there is.
"""

from deploys.accounts.admin import admin_works
from deploys.accounts.mailboxes import mailboxes
from deploys.accounts.one_account import changed, listed
from deploys.cli.verbs import USERS
from deploys.run.frame import frame
from deploys.zones.remembering import remember
from ground.words import text

with frame(USERS) as run:
    if run.server and run.asked.as_admin:
        admin_works(name=text("host.name.admin"), server=run.server)
    if run.server and run.asked.action is None:
        mailboxes(name=text("host.name.mailboxes"), server=run.server)
    elif run.server and run.asked.action == "list":
        listed(name=text("users.name.listed"), server=run.server, as_json=run.asked.as_json)
    elif run.server:
        changed(name=text("users.name.changed"), server=run.server, asked=run.asked)
    if run.server and run.asked.changes:
        remember(run.server, run.site)
