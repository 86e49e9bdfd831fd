"""PMail's API is called with a token that the host's clock makes, and no process's arguments."""

from __future__ import annotations

import socket
import time
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from deploys.accounts import api as module
from deploys.accounts.api import Api
from deploys.accounts.database import stored_password
from deploys.host.web_layout import ENDPOINT
from tests.deploys.host.here import Here

ANSWER = '{"errorNo": 0, "data": {"is_admin": true, "domains": ["a.test"]}}'


@pytest.fixture
def host(tmp_path: Path) -> Any:
    made = Here(tmp_path / "programs")
    made.program("curl", f"#!/bin/sh\ncat > {tmp_path}/asked\necho '{ANSWER}'\n")
    return made


@pytest.mark.parametrize("changes", [True, False])
def test_a_call_is_proven_by_password_and_time(host: Any, tmp_path: Path, changes: bool) -> None:
    api = Api(host, "mail.a.test", "admin", 'pass\\word "王')
    if changes:
        api.create("bob", "Bob", "another word")
    else:
        assert api.info() == (True, ("a.test",))
    asked = (tmp_path / "asked").read_text()
    header = next(line for line in asked.splitlines() if "Token" in line)
    account, proof, moment = header.removeprefix('header = "Token: ').rstrip('"').split(":")
    data = stored_password(api.password) + moment
    assert account == "admin" and proof == md5(data.encode()).hexdigest()
    assert 0 <= int(moment) - time.time() <= 31
    assert 'url = "https://mail.a.test:443/api/user/' in asked
    secrets = (stored_password(api.password), proof, "another word")
    assert not any(each in script for each in secrets for script in host.scripts)


@pytest.mark.parametrize("fronted", [True, False])
def test_a_call_goes_by_the_socket_of_a_web_server_where_that_is(
    host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fronted: bool
) -> None:
    path = str(tmp_path / "pmail")
    monkeypatch.setattr(module, "_CALL", module._CALL.replace(ENDPOINT, path))
    with socket.socket(socket.AF_UNIX) as listener:
        if fronted:
            listener.bind(path)
        Api(host, "mail.a.test", "admin", "password").create("bob", "Bob", "another word")
    asked = (tmp_path / "asked").read_text().splitlines()
    url = "http://mail.a.test" if fronted else "https://mail.a.test:443"
    assert [each for each in asked if "url" in each] == [f'url = "{url}/api/user/create"']
    assert any("unix-socket" in each for each in asked) is fronted
    assert any("resolve" in each for each in asked) is not fronted
