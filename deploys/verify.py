"""Is it all true, everywhere, now? `pyinfra inventory.py deploys/verify.py`.

DNS is asked as anybody asks it: no provider and no secret of one is needed.
"""

from pyinfra import host

from deploys.run.site import current_site, server_of
from deploys.verification.steps import verify
from ground.words import text

site = current_site(opening=False)

if "mail_servers" in host.groups:
    verify(name=text("report.name"), server=server_of(site, host), site=site)
