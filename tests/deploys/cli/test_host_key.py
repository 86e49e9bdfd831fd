"""A host's SSH key is shown and pinned by `init`; a deploy learns none."""

from __future__ import annotations

import os
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from paramiko import RSAKey, ServerInterface, Transport

from deploys.cli import host_key
from deploys.cli.main import main
from ground.words import text
from tests import warm
from tests.postmaster.test_settings import reasons, site
from tests.probes.talker import HangsUp, talking
from tests.this_machine import apart
from tests.warm import REPOSITORY, Program

KEY, OTHER = RSAKey.generate(1024), RSAKey.generate(1024)
ANSWERS = ("--ssh-user", "root", "--domain", "example.com", "--provider", "manual")


class Sshd:
    """An SSH server that shows a key and lets nobody in."""

    def __init__(self, key: RSAKey = KEY) -> None:
        self.key = key

    def serve(self, stream: socketserver.StreamRequestHandler) -> None:
        """One connection, until it is closed."""
        transport = Transport(stream.connection)
        transport.add_server_key(self.key)
        transport.start_server(server=ServerInterface())
        transport.join(20)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return tmp_path


@contextmanager
def sshd(monkeypatch: pytest.MonkeyPatch, key: RSAKey = KEY) -> Iterator[int]:
    """An SSH server here, that `init` takes for the host's."""
    with talking(Sshd(key)) as port:
        for each in (host_key.shown_by, host_key.is_pinned, host_key.pin):
            monkeypatch.setattr(each, "__defaults__", (port,))
        yield port


def init(folder: Path, *more: str, answer: str = "") -> Result:
    words = ["init", "-o", str(folder / "inventory.py"), "--host", "127.0.0.1", *ANSWERS, *more]
    return CliRunner().invoke(main, words, input=answer)


def known(home: Path) -> str:
    path = home / ".ssh" / "known_hosts"
    return path.read_text() if path.exists() else ""


def test_the_first_key_is_shown_and_pinned_when_somebody_says_that_it_is_right(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sshd(monkeypatch) as port:
        done = init(home, answer="y\n")
        assert done.exit_code == 0, done.output
        assert host_key.fingerprint(KEY) in done.output and KEY.fingerprint in done.output
        assert known(home) == f"[127.0.0.1]:{port} ssh-rsa {KEY.get_base64()}\n"
        assert (home / ".ssh" / "known_hosts").stat().st_mode & 0o777 == 0o600
        (home / "inventory.py").unlink()
        again = init(home)
        assert again.exit_code == 0 and "known_hosts" in again.output
        assert known(home).count("\n") == 1


def test_a_key_that_is_not_the_right_one_is_not_pinned_and_nothing_is_written(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sshd(monkeypatch):
        for more, answer in (((), "n\n"), (("--host-key", OTHER.fingerprint), "")):
            done = init(home, *more, answer=answer)
            assert done.exit_code == 1, done.output
            assert known(home) == "" and not (home / "inventory.py").exists()


def test_a_fingerprint_that_is_given_needs_no_question(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh" / "known_hosts").write_text("other.test ssh-rsa AAAA")  # no line end
    with sshd(monkeypatch) as port:
        done = init(home, "--host-key", KEY.fingerprint)
    assert done.exit_code == 0, done.output
    assert known(home).splitlines()[1].startswith(f"[127.0.0.1]:{port} ssh-rsa ")


def test_a_host_that_does_not_answer_is_told_and_its_inventory_written(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with talking(HangsUp()) as port:
        monkeypatch.setattr(host_key.shown_by, "__defaults__", (port,))
        done = init(home)
    assert done.exit_code == 0 and "ssh root@127.0.0.1" in done.output
    assert known(home) == "" and (home / "inventory.py").exists()


def test_a_token_in_place_of_a_name_is_not_written_and_not_shown(home: Path) -> None:
    token = "v1-2ab37bd6C1D94e3bb0d1"
    words = ["init", "-o", str(home / "inventory.py"), "--host", "127.0.0.1", *ANSWERS[:4]]
    words += ["--provider", "cloudflare", "--set", f"cloudflare_token_env={token}"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2 and "cloudflare_token_env" in done.output
    assert token not in done.output and not (home / "inventory.py").exists()


def preflight(home: Path, port: int, **data: Any) -> str:
    """What a run says that connects to the server here."""
    settings = {"domains": ["example.com"], "ipv4": "8.8.8.8", "ssh_user": "root", **data}
    server = ("127.0.0.1", {**settings, "ssh_port": port, "ssh_allow_agent": False})
    zone = ("@zone/example.com", {"dns_provider": "manual"})
    path = home / "inventory.py"
    path.write_text(apart(home, f"mail_servers = [{server!r}]\nzones = [{zone!r}]\n"))
    words = (str(path), "deploys/preflight.py")
    _, said = warm.run(Program.PYINFRA, words, dict(os.environ), folder=REPOSITORY)
    return said


def test_a_run_learns_no_key_and_says_how_it_becomes_known(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sshd(monkeypatch) as port:
        said = preflight(home, port)
        login = f"-p {port} root@127.0.0.1"
        assert text("flow.host_key", host="127.0.0.1", login=login) in said
        assert known(home) == ""
        host_key.pin("127.0.0.1", KEY)
        # It gets as far as that we have nothing to log in with.
        assert "No authentication methods" in preflight(home, port)
    with sshd(monkeypatch, OTHER) as port:
        host_key.pin("127.0.0.1", KEY)
        said = preflight(home, port)
    assert "does not match" in said and "No authentication methods" not in said


@pytest.mark.parametrize("value", ["no", "off", "accept-new", "ask", ""])
def test_no_inventory_has_a_run_learn_a_key(value: str) -> None:
    (reason,) = reasons(ssh_strict_host_key_checking=value)
    assert "ssh_strict_host_key_checking" in reason
    assert site(ssh_strict_host_key_checking="yes")
