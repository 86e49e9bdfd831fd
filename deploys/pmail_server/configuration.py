"""pyinfra operation for what PMail is configured with, switched in by one link."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State, operation

from deploys.host import files as host_files
from deploys.host import pmail_layout as layout
from deploys.host.files import link_script, prune_script
from deploys.host.gathering import Look, Script
from deploys.host.snapshot import look
from deploys.pmail_server import configure
from ground.words import text
from postmaster.settings import MailServer


@operation()
def configuration(server: MailServer) -> Generator[FunctionCommand, None, None]:
    """Ensure PMail's configuration and its sum, switched in together by one link.

    A run killed at any point leaves either the old pair or the new one.

    + server: the mail server
    """
    folder, files = _wanted(server)
    there = host_files.look(host, files)
    wrong = [wanted for wanted, found in zip(files, there, strict=True) if not found.right]
    linked = look(host, _LINKED).stdout == folder
    if linked and not wrong:
        host.noop(text("host.config_right"))
        return
    host.log_styled(f"  ~ {layout.CONFIG_CURRENT} -> {folder}", fg="green")
    yield FunctionCommand(_install_configuration, (folder, tuple(wrong), server.keep_versions), {})


def looks(server: MailServer) -> tuple[Look, ...]:
    """Return what is looked at on a host."""
    return (*(each.look for each in _wanted(server)[1]), _LINKED)


_LINKED = Script(f"readlink {layout.CONFIG_CURRENT}")


def _wanted(server: MailServer) -> tuple[str, tuple[host_files.Wanted, ...]]:
    """The folder of the configuration, and what is in it."""
    content = configure.config_json(server)
    folder = configure.config_version(content)
    return folder, (
        for_pmail(f"{folder}/config.json", content),
        for_pmail(f"{folder}/config.sha256", configure.config_sum(content)),
    )


def for_pmail(path: str, content: str) -> host_files.Wanted:
    """Return a file that root writes and PMail reads."""
    return host_files.Wanted(path, content.encode(), "root", layout.USER, "640")


def _install_configuration(
    state: State, host: Host, folder: str, files: tuple[host_files.Wanted, ...], keep: int
) -> bool:
    own = f"chown root:{layout.USER} {folder} && chmod 750 {folder}"
    link = link_script(layout.CONFIG_CURRENT, folder)
    prune = prune_script(layout.CONFIG_VERSIONS, "?" * 16, layout.CONFIG_CURRENT, keep)
    script = f"{own} && {link} && {prune}"
    return host_files.install_all(state, host, files) and host_files.run(
        state, host, script, text("host.config_failed")
    )
