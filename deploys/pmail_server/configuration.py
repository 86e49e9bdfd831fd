"""pyinfra operation for what PMail is configured with, switched in by one link."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State, operation

from deploys.host import files as host_files
from deploys.host import pmail_layout as layout
from deploys.host.files import link_script, prune_script
from deploys.host.remote import read
from deploys.pmail_server import configure
from ground.words import text
from postmaster.settings import MailServer


@operation()
def configuration(server: MailServer) -> Generator[FunctionCommand, None, None]:
    """Ensure PMail's configuration and its sum, switched in together by one link.

    A run killed at any point leaves either the old pair or the new one.

    + server: the mail server
    """
    content = configure.config_json(server)
    folder = configure.config_version(content)
    files = (
        for_pmail(f"{folder}/config.json", content),
        for_pmail(f"{folder}/config.sha256", configure.config_sum(content)),
    )
    there = host_files.look(host, files)
    wrong = [wanted for wanted, found in zip(files, there, strict=True) if not found.right]
    linked = read(host, f"readlink {layout.CONFIG_CURRENT}").stdout == folder
    if linked and not wrong:
        host.noop(text("host.config_right"))
        return
    host.log_styled(f"  ~ {layout.CONFIG_CURRENT} -> {folder}", fg="green")
    yield FunctionCommand(_install_configuration, (folder, tuple(wrong), server.keep_versions), {})


def for_pmail(path: str, content: str) -> host_files.Wanted:
    """Return a file that root writes and PMail reads."""
    return host_files.Wanted(path, content.encode(), "root", layout.USER, "640")


def _install_configuration(
    state: State, host: Host, folder: str, files: tuple[host_files.Wanted, ...], keep: int
) -> bool:
    make = f"install -d -o root -g {layout.USER} -m 750 {folder}"
    link = link_script(layout.CONFIG_CURRENT, folder)
    prune = prune_script(layout.CONFIG_VERSIONS, "?" * 16, layout.CONFIG_CURRENT, keep)
    return (
        host_files.run(state, host, make, text("host.folder_failed", path=folder))
        and host_files.install_all(state, host, files)
        and host_files.run(state, host, f"{link} && {prune}", text("host.config_failed"))
    )
