"""The steps of documents on a mail server: those for mail programs, then policies once it is up."""

from __future__ import annotations

from deploys.web_documents import operations, policies
from deploys.web_documents.contents import profiles
from ground.words import text
from postmaster.settings import MailServer


def put_documents(server: MailServer) -> None:
    """Put documents for mail programs on the host; the certificate that signs them is there."""
    operations.put(name=text("clients.name.put"), server=server)
    if profiles(server):
        operations.signed(name=text("clients.name.signed"), server=server)


def serve_policies(server: MailServer) -> None:
    """Have the MTA-STS policies served that its port 25 can stand for now."""
    if server.sts:
        policies.served(name=text("sts.name.served"), server=server)
