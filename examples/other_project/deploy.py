"""A project's deploy, with a mail server among its hosts: `pyinfra inventory.py deploy.py`."""

from io import StringIO

from pyinfra import host
from pyinfra.operations import files

from pmail_deploy.parts import mail_server, mailboxes, preflight, report

if host.data.get("motd"):
    files.put(name="Message of the day", src=StringIO(host.data.motd + "\n"), dest="/etc/motd")

if "mail_servers" in host.groups:
    server = mail_server()
    preflight(server)
    # The server itself is installed by `pmail-deploy deploy`, or by `everything()` here.
    mailboxes(server)
    report(server)
