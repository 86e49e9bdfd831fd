"""The edge's steps on a mail server: what stands before PMail, or PMail alone."""

from __future__ import annotations

from deploys.edge import operations
from deploys.host.packages import packages
from ground.words import text
from postmaster.outbound import mode_of
from postmaster.settings import MailServer


def install_edge(server: MailServer) -> None:
    """Make PMail's namespace and what leads there, or take both away; needs a certificate."""
    if not mode_of(server).relayed:
        operations.retired(name=text("edge.name.retired"))
        return
    packages(
        name=text("edge.name.packages"),
        names=operations.PACKAGES,
        answers=operations.ANSWERS,
    )
    if server.edge.greylist:
        packages(name=text("edge.name.greylist"), names=operations.GREYLIST_PACKAGES)
    inputs = [operations.files(name=text("edge.name.files"), server=server)]
    operations.running(name=text("edge.name.running"), server=server, inputs=tuple(inputs))
