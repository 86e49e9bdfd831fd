"""Which ACME account a server's certificates are ordered with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploys.tls_certificate.acme_account import certbot_script
from deploys.tls_certificate.acme_dns import account
from tests.postmaster.full_view import server

DIRECTORY = "https://acme-v02.api.letsencrypt.org/directory"


def shown(root: Path) -> str | None:
    """What the script shows of a folder in place of certbot's."""
    script = certbot_script(server()).replace("/etc/letsencrypt", str(root))
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


def kept(root: Path, id: str, directory: str = "acme-v02.api.letsencrypt.org/directory") -> None:
    folder = root / "accounts" / directory / id
    folder.mkdir(parents=True)
    (folder / "regr.json").write_text(f'{{"uri": "{id}"}}')


def test_of_several_accounts_that_which_renews_our_certificate_counts(tmp_path: Path) -> None:
    assert shown(tmp_path) is None
    kept(tmp_path, "staging", "acme-staging-v02.api.letsencrypt.org/directory")
    assert shown(tmp_path) is None
    kept(tmp_path, "one")
    assert shown(tmp_path) == '{"uri": "one"}'
    kept(tmp_path, "two")
    assert shown(tmp_path) is None  # nobody says which
    (tmp_path / "renewal").mkdir()
    (tmp_path / "renewal" / "pmail-deploy.conf").write_text("[renewalparams]\naccount = two\n")
    assert shown(tmp_path) == '{"uri": "two"}'


def test_our_own_accounts_name_is_kept_beside_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PMAIL_KEYS_PASSPHRASE", raising=False)
    ours = account(tmp_path, DIRECTORY)
    assert ours.uri() is None
    ours.remember("https://ca.test/acct/1")
    assert account(tmp_path, DIRECTORY).uri() == "https://ca.test/acct/1"
    assert account(tmp_path, "https://other.test/dir").uri() is None
