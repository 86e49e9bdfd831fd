"""No key, token or password in any output, log, ledger, temporary file or process list."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.lab_tests.site import Site

pytestmark = pytest.mark.lab


def pem_lines(pem: str) -> set[str]:
    """Lines of a private key that no public part shares."""
    return {line for line in pem.splitlines() if re.fullmatch(r"[A-Za-z0-9+/=]{40,}", line)}


def test_secrets_are_seen_nowhere(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test", users=["bob"])
    site.operator.secrets["PMAIL_ADMIN_PASSWORD"] = "Adm1n-horse-battery"
    site.operator.secrets["PMAIL_USER_PASSWORD_BOB"] = "B0b-horse-battery"
    processes = site.watch_processes(server)

    run = site.operator.start("deploy.py", "-y", "--diff", "-vvv", "--debug")
    printed = run.communicate()[0]
    assert run.returncode == 0, printed
    seen = processes.stop()
    assert "-m pyinfra" in seen

    key = (site.operator.keys / "example.test" / "default.key").read_text()
    secrets = pem_lines(key) | set(site.operator.secrets.values())
    for place, text in {"output": printed, "processes": seen}.items():
        assert not {secret for secret in secrets if secret in text}, place
    for path in private_places(site.operator.state):
        assert not {secret for secret in secrets if secret in path.read_text("utf-8", "replace")}
    journal = server.host.run("journalctl --no-pager -q")
    assert not {secret for secret in secrets if secret in journal}


def private_places(state: Path) -> list[Path]:
    """Files of the state folder that are no password files."""
    return [
        path
        for path in state.rglob("*")
        if path.is_file() and not {"passwords", "downloads"} & set(path.parts)
    ]


def test_files_with_secrets_are_readable_by_their_owner_only(running_site: Site) -> None:
    site = running_site
    (server,) = site.servers
    folders = (site.operator.state, site.operator.keys)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if path.stat().st_mode & 0o077] == []
    listing = server.host.run(
        "find /var/lib/pmail /etc/pmail-deploy -type f -size +0 "
        r"\( -name 'dkim.priv' -o -name 'privkey.pem' -o -name 'config.json' -o -name '*.db' \) "
        "-perm /007"
    )
    assert listing.strip() == ""
