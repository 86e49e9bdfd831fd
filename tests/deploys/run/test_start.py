"""What is asked for is checked before anything is connected to; each ending has its exit status."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import paramiko.file
import pytest
from pyinfra.api import Config, Inventory, State
from pyinfra.context import ctx_inventory, ctx_state

from deploys.cli import verbs
from deploys.cli.refusals import asked_first
from deploys.cli.verbs import DEPLOY, DNS, EXPORT, POLICY, QUEUE, ROTATE, USERS, VERBS, VERIFY
from deploys.run import start
from deploys.run.paths import key_store, state_dir
from deploys.run.paused import mail_paused
from deploys.run.prepare import BadInput, Invocation, in_one_line, prepare
from deploys.run.verb import Verb
from deploys.zones.memory import older_state
from ground.private_files import write_private
from ground.words import text
from keys.journal import Journal
from keys.rotation import KeyRef, Rules, Step, Strategy, after, begin
from tests import warm
from tests.lab.process import wait_for
from tests.this_machine import apart
from tests.warm import REPOSITORY, Program

SERVER = ("203.0.113.9", {"ipv4": "8.8.8.8", "domains": ["example.com"], "users": []})
ZONE = ("@zone/example.com", {"dns_provider": "cloudflare", "cloudflare_token_env": "NOT_SET"})
BY_HAND = ("@zone/example.com", {"dns_provider": "manual"})
REVEAL = {"rotate_action": "reveal", "rotate_domains": "example.com", "rotate_selector": "x"}


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PMAIL_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("PMAIL_LANG", "en")
    monkeypatch.delenv("PMAIL_OUTCOME", raising=False)


@contextmanager
def inventory(*hosts: Any, limit: tuple[str, ...] = (), **data: str) -> Iterator[None]:
    """pyinfra's state when it has read an inventory, nobody is connected to."""
    zones = [each for each in hosts if each[0].startswith("@zone/")]
    servers = [each for each in hosts if each not in zones]
    made = Inventory((hosts, {}), override_data=data, mail_servers=(servers, {}), zones=(zones, {}))
    limited = [each for each in made if each.name in limit] if limit else None
    state = State(made, Config(), initial_limit=limited)
    with ctx_inventory.use(made), ctx_state.use(state):
        yield


def asked(verb: Verb[Any], *hosts: Any, **given: Any) -> Any:
    """What a verb is prepared for, with pyinfra's options and `--data` as given."""
    data, limit = given.get("data", {}), given.get("limit", ())
    invocation = Invocation(
        given.get("files", (verb.file,)),
        given.get("dry", False),
        given.get("yes", False),
        given.get("split", ()),
        limit,
        given.get("exclude", ()),
        data,
    )
    with inventory(*(hosts or (SERVER, BY_HAND)), limit=limit, **data):
        return prepare(verb, invocation, VERBS)


def refused(verb: Verb[Any], *hosts: Any, **given: Any) -> tuple[str, ...]:
    with pytest.raises(BadInput) as error:
        asked(verb, *hosts, **given)
    return error.value.reasons


def test_what_is_right_is_prepared_with_its_site_and_what_was_asked_for() -> None:
    found = asked(ROTATE, data={"rotate_wait": "1", "rotate_domains": "example.com"})
    assert found.asked.wait and found.asked.domains == ("example.com",)
    assert [each.primary for each in found.site.servers] == ["example.com"]


def test_words_of_the_inventorys_own_are_no_mistake_and_count_for_their_verb() -> None:
    server = (SERVER[0], {**SERVER[1], "queue_hours": 7, "rotate_wait": 1, "_mine": 1})
    assert asked(QUEUE, server, BY_HAND).asked.hours == 7
    assert asked(DEPLOY, server, BY_HAND).site.servers
    assert asked(QUEUE, server, BY_HAND, data={"queue_hours": "9"}).asked.hours == 9


def test_a_word_that_a_verb_does_not_take_is_refused_with_those_that_it_takes() -> None:
    for word in ("rotate_emergancy", "queue_json", "anything"):
        (reason,) = refused(ROTATE, data={word: "1"})
        assert word in reason and "rotate_emergency" in reason and "rotate_wait" in reason
    assert asked(ROTATE, data={"ssh_user": "root", "_sudo": "true"})


def test_all_mistakes_are_told_at_once_whatever_they_are_in() -> None:
    zone = ("example.com", {"dns_provider": "rfc2136", "dns_srver": "ns1"})
    server = (SERVER[0], {"domanis": ["example.com"], "userz": []})
    with pytest.raises(BadInput) as error:
        given = {"rotate_wait": "perhaps", "rotate_emergancy": "1"}
        made = Inventory(([server, zone], {}), mail_servers=([server], {}), zones=([zone], {}))
        invocation = Invocation((ROTATE.file,), False, False, ("--serial",), (), (), given)
        with ctx_inventory.use(made), ctx_state.use(State(made, Config())):
            prepare(ROTATE, invocation, VERBS)
    said = str(error.value)
    for word in (
        *("rotate_wait", "rotate_emergancy", "--serial", "@zone/example.com"),
        *("did you mean dns_server?", "did you mean domains?", "did you mean users?"),
    ):
        assert word in said
    assert "@zone/" in said and "is in no zone" not in said


def test_in_a_run_with_a_file_of_the_users_own_words_of_all_verbs_are_known() -> None:
    """It may include any of ours; which, nobody knows before it has run."""
    own = {"files": ("/site/all.py",)}
    assert asked(DNS, data={"dns_action": "adopt", "rotate_wait": "1"}, **own).asked.action
    assert asked(ROTATE, data={"dns_action": "adopt", "rotate_wait": "1"}, **own).asked.wait
    (reason,) = refused(DNS, data={"rotate_wiat": "1"}, **own)
    assert "rotate_wiat" in reason and "rotate_wait" in reason and "/site/all.py" in reason
    for ours in ((DNS.file, QUEUE.file), (DNS.file,)):
        assert "rotate_wait" in refused(DNS, data={"rotate_wait": "1"}, files=ours)[0]
    (reason,) = refused(DNS, data={"nosuch": "1"}, files=(DNS.file, QUEUE.file))
    assert "dns_action" in reason and "queue_action" in reason


def test_state_and_keys_that_others_can_read_are_refused_with_the_commands_that_mend_it(
    tmp_path: Path,
) -> None:
    kept = [tmp_path / "state" / "passwords" / "host-bob", tmp_path / "keys" / "example.com" / "a"]
    for path in kept:
        write_private(path, b"private")
    assert asked(VERIFY)
    for path in kept:
        path.chmod(0o644)
    (tmp_path / "state").chmod(0o770)
    commands = [f"chmod 700 {tmp_path}/state", *(f"chmod 600 {path}" for path in kept)]
    for verb in (VERIFY, DEPLOY):
        reasons = refused(verb)
        assert len(reasons) == 3
        assert all(any(each in reason for reason in reasons) for each in commands)
    for number in range(9):
        write_private(tmp_path / "state" / f"more{number}", b"")
        (tmp_path / "state" / f"more{number}").chmod(0o604)
    *_, last = refused(VERIFY)
    assert "chmod -R go=" in last and last.startswith("7 ")


def test_a_limit_that_names_nobody_is_refused_also_beside_one_that_does() -> None:
    for limit in (("nosuch",), (SERVER[0], "nosuch")):
        (reason,) = refused(VERIFY, limit=limit)
        assert "nosuch" in reason and SERVER[0] in reason


def test_what_exclude_names_is_checked_as_what_limit_names() -> None:
    (reason,) = refused(DEPLOY, exclude=("nosuch", "@zone/*", "mail_servers"))
    assert "--exclude nosuch" in reason and SERVER[0] in reason
    assert len(refused(DEPLOY, limit=("no-limit",), exclude=("no-exclude",))) == 2


def test_hosts_that_a_verb_does_nothing_on_are_refused() -> None:
    assert "mail_servers" in refused(VERIFY, limit=(BY_HAND[0],))[0]
    assert asked(DEPLOY, limit=(BY_HAND[0],))
    for action, said in (({"rotate_action": "status"}, "mail_servers"), (REVEAL, "example.com")):
        assert said in refused(ROTATE, limit=(BY_HAND[0],), data=action)[0]
        assert asked(ROTATE, limit=(SERVER[0],), data=action)


def test_servers_bring_their_zones_along_where_a_verb_is_for_zones() -> None:
    hosts = (SERVER, BY_HAND, ("@zone/other.test", {"dns_provider": "manual"}))
    limit: dict[str, Any] = {"limit": (SERVER[0],)}
    for verb, data in ((DEPLOY, {}), (POLICY, {}), (DNS, {"dns_action": "adopt"})):
        found = asked(verb, *hosts, **limit, data=data)
        assert [each.name for each in found.along] == [BY_HAND[0]]
        assert asked(verb, *hosts, data=data).along == ()
    for verb, data in ((VERIFY, {}), (ROTATE, {"rotate_action": "status"})):
        assert asked(verb, *hosts, **limit, data=data).along == ()
    assert asked(DEPLOY, *hosts, **limit, exclude=("@zone/*",)).along == ()


def test_a_dry_run_of_what_only_looks_is_refused_where_it_would_show_nothing() -> None:
    for verb, data in (
        (VERIFY, {}),
        (POLICY, {}),
        (QUEUE, {}),
        (ROTATE, {"rotate_action": "status"}),
        (USERS, {"users_action": "list"}),
    ):
        assert "--dry" in refused(verb, dry=True, data=data)[0]
    for verb, data in (
        (DEPLOY, {}),
        (EXPORT, {}),
        (DNS, {"dns_action": "plan"}),
        (ROTATE, {}),
        (QUEUE, {"queue_action": "delete", "queue_ids": "ABCDEF"}),
    ):
        assert asked(verb, dry=True, data=data)


def test_a_dry_run_that_looks_for_no_changes_is_refused_as_it_would_show_none() -> None:
    for verb in (DEPLOY, EXPORT):
        (reason,) = refused(verb, dry=True, yes=True)
        assert "-y" in reason and "PYINFRA_YES" in reason
        assert asked(verb, yes=True)


def test_a_plan_needs_a_dry_run() -> None:
    assert "--dry" in refused(DNS, data={"dns_action": "plan"})[0]


def test_a_domain_without_a_key_and_a_backup_of_another_site_are_refused(tmp_path: Path) -> None:
    (reason,) = refused(ROTATE, data={"rotate_domains": "nosuch.test"})
    assert "nosuch.test" in reason and "example.com" in reason
    backup = tmp_path / "backup.json"
    for content, word in (("{", "backup.json"), ('{"zone": "other.test", "changes": []}', "other")):
        backup.write_text(content)
        assert word in refused(DNS, data={"dns_action": "undo", "undo": str(backup)})[0]


def test_what_is_asked_for_by_name_and_left_out_by_a_limit_is_refused(tmp_path: Path) -> None:
    backup = tmp_path / "backup.json"
    backup.write_text('{"zone": "example.com", "changes": []}')
    undo = {"dns_action": "undo", "undo": str(backup)}
    other = ("@zone/other.test", {"dns_provider": "manual"})
    hosts = (SERVER, BY_HAND, other)
    (reason,) = refused(DNS, *hosts, data=undo, limit=(other[0],))
    assert "example.com" in reason and "--limit" in reason
    assert asked(DNS, *hosts, data=undo, limit=(BY_HAND[0],))
    assert asked(DNS, *hosts, data=undo)
    second = ("203.0.113.10", {"ipv4": "8.8.4.4", "domains": ["other.test"], "users": []})
    hosts = (SERVER, second, BY_HAND, other)
    status = {"rotate_action": "status", "rotate_domains": "example.com"}
    for data in (status, REVEAL):
        (reason,) = refused(ROTATE, *hosts, data=data, limit=(second[0],))
        assert "example.com" in reason and "--limit" in reason
        assert asked(ROTATE, *hosts, data=data, limit=(SERVER[0],))


def test_an_account_is_one_servers_and_not_the_administrators() -> None:
    second = ("203.0.113.10", {"ipv4": "8.8.4.4", "domains": ["other.test"], "users": []})
    hosts = (SERVER, second, BY_HAND, ("@zone/other.test", {"dns_provider": "manual"}))
    bob = {"users_action": "password", "users_account": "bob"}
    (reason,) = refused(USERS, *hosts, data=bob)
    assert "--limit" in reason and second[0] in reason
    assert asked(USERS, *hosts, data=bob, limit=(second[0],))
    assert asked(USERS, *hosts, data={"users_action": "list"})
    assert asked(USERS, data={"users_action": "password", "users_account": "admin"})
    for action in ("add", "disable", "enable"):
        data = {"users_action": action, "users_account": "admin"}
        assert "admin" in refused(USERS, data=data)[0]
    for data in (
        {"users_action": "add"},
        {"users_account": "bob"},
        {**bob, "users_name": "Bob"},
        {**bob, "users_account": "../bob"},
    ):
        assert len(refused(USERS, data=data)) == 1


def test_only_who_opens_a_provider_needs_its_secret() -> None:
    assert "NOT_SET" in refused(DNS, SERVER, ZONE)[0]
    for verb in (VERIFY, EXPORT, POLICY, USERS):
        assert asked(verb, SERVER, ZONE)


def pause_mail() -> None:
    """A rotation comes to where mail is paused."""
    old, new = KeyRef("default", "default"), KeyRef("default@202611", "default")
    rules = Rules(ttl=60, low_ttl=60, slack=30, keep=86400)
    rotation = begin("example.com", Strategy.FIXED, old, new, rules, 1000.0)
    while rotation.step is not Step.PUBLISH:
        rotation = after(rotation, 1000.0)
    assert rotation.paused
    Journal(state_dir()).save(rotation)


def test_while_mail_is_paused_only_the_rotation_and_what_leaves_hosts_alone_changes_something() -> (
    None
):
    changing = {verb.name for verb in VERBS if verb.request().changes}
    assert changing == {"deploy", "users", "tls", "dns", "dns export", "rotate-dkim", "recover"}
    # What a host remembers of it is asked by all that go to one; `recover` brings it back.
    aside = {"dns export", "dns policy", "recover"}
    assert {verb.name for verb in VERBS if older_state not in asked_first(verb)} == aside
    free = {verb.name for verb in VERBS if mail_paused not in asked_first(verb)}
    assert free == {"rotate-dkim", "dns export", "recover"}


class Wrapped(click.ClickException):
    """What pyinfra makes of an error in a file that it runs."""

    def __init__(self, error: Exception, path: str) -> None:
        super().__init__(str(error))
        self.exception, self.filename = error, path


def as_pyinfra_does(path: str) -> Any:
    code = compile(Path(path).read_text(), path, "exec")
    try:
        exec(code, {})
    except Exception as error:
        raise Wrapped(error, path) from None


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [
        ("a = 1\nmail_servers = [(]\n", 2, "parenthesis"),
        ("\n\nx = {}['domains']\n", 3, "KeyError: 'domains'"),
        ("import nosuch_module\n", 1, "nosuch_module"),
        ("x = 's3cret\nx = 2\n", 1, "unterminated"),
        ("\nx = int('s3cret')\n", 2, "ValueError"),
        ("import os\nx = os.environ['v1-2ab37bd6C1D94s3cret']\n", 2, "KeyError"),
        ("x = abc123DEF456s3cret\n", 1, "NameError"),
        ("x = open('v1-2ab37bd6C1D94s3cret')\n", 1, "No such file"),
        ("x = '\0'\n", "-", "null"),
    ],
)
def test_an_inventory_that_cannot_be_read_is_told_in_one_line(
    tmp_path: Path, content: str, line: object, word: str
) -> None:
    path = tmp_path / "inventory.py"
    path.write_text(content)
    with pytest.raises(BadInput) as error:
        in_one_line(as_pyinfra_does)(str(path))
    (said,) = error.value.reasons
    assert f"{path}, line {line}" in said and word in said and "\n" not in said
    assert "s3cret" not in said


def test_all_that_a_deploy_file_does_stands_in_the_frame_of_its_verb() -> None:
    files = {path.name: path for path in (REPOSITORY / "deploys").glob("*.py")}
    del files["__init__.py"]
    framed = {}
    for name, path in files.items():
        *imports, last = ast.parse(path.read_text()).body[1:]
        assert all(isinstance(each, ast.ImportFrom) for each in imports), name
        assert isinstance(last, ast.With)
        framed[name] = ast.unparse(last.items[0].context_expr)
    assert framed == {
        Path(verb.file).name: f"frame({name})"
        for name, verb in vars(verbs).items()
        if isinstance(verb, Verb)
    }


# -- real runs -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One run of `pmail-deploy`: exit status, what it said, the events of its outcome."""

    status: int
    said: str
    events: list[dict[str, Any]]


def pmail_deploy(folder: Path, content: str, *words: str, given: str | None = "") -> Run:
    return run(Program.PMAIL_DEPLOY, folder, content, folder, words, given)


def pyinfra(folder: Path, content: str, *words: str, given: str = "") -> Run:
    words = (str(folder / "inventory.py"), *words)
    return run(Program.PYINFRA, folder, content, REPOSITORY, words, given)


def run(
    program: Program,
    folder: Path,
    content: str,
    working: Path,
    words: tuple[str, ...],
    given: str | None,
) -> Run:
    """Run a program. given: on its standard input, which is closed for None."""
    (folder / "inventory.py").write_text(apart(folder, content))
    outcome = folder / "outcome"
    environment = {**os.environ, "PMAIL_OUTCOME": str(outcome)}
    status, said = warm.run(program, words, environment, typed=given, folder=working)
    assert "Traceback" not in said
    lines = outcome.read_text().splitlines()
    return Run(status, said, [json.loads(line) for line in lines])


def stop(running: subprocess.Popen[bytes]) -> None:
    """Stop it as a terminal does, once it waits: Python hears no signal on its way into a read."""
    state = Path(f"/proc/{running.pid}/stat")
    assert wait_for(lambda: state.read_text().rpartition(")")[2].split()[0] == "S", 60)
    os.killpg(running.pid, signal.SIGINT)


def say_yes(running: subprocess.Popen[bytes]) -> None:
    assert running.stdin
    running.stdin.write(b"\n")
    running.stdin.close()


def followed(
    folder: Path,
    content: str,
    *words: str,
    at: str,
    then: Callable[[subprocess.Popen[bytes]], None],
) -> Run:
    """A run of pyinfra, with what is done to it once it says `at`."""
    (folder / "inventory.py").write_text(apart(folder, content))
    outcome, said = folder / "outcome", []
    running = subprocess.Popen(
        [sys.executable, "-m", "pyinfra", str(folder / "inventory.py"), *words, "-vvv"],
        cwd=REPOSITORY,
        env={**os.environ, "PMAIL_OUTCOME": str(outcome), "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert running.stdout and running.stdin
    with running:
        while at not in "".join(said):
            chunk = os.read(running.stdout.fileno(), 4096).decode()
            assert chunk, said
            said.append(chunk)
        then(running)
        said.append(running.stdout.read().decode())
    lines = outcome.read_text().splitlines()
    return Run(running.returncode, "".join(said), [json.loads(line) for line in lines])


HERE = f"mail_servers = [{('@local', SERVER[1])!r}]\nzones = [{BY_HAND!r}]\n"
QUESTION = "Press enter"
ABORT_DATA = ("--data", "rotate_action=abort", "--data", "rotate_domains=example.com")
SLOW = """
from pyinfra.operations import server
server.shell(name="slow", commands=["echo at work; exec sleep 60"], _sudo=False)
"""
ABORT = ("rotate-dkim", "--abort", "--domain", "example.com")


def test_what_ends_well_is_done_and_its_changes_are_counted(tmp_path: Path) -> None:
    done = pmail_deploy(tmp_path, HERE, "dns", "export", "--format", "json")
    assert done.status == 0, done.said
    kinds = [each["event"] for each in done.events]
    assert kinds[0] == "began" and kinds.count("verdict") == 1
    assert {"operation", "step", "barrier"} <= set(kinds)
    last = done.events[-1]
    assert (last["verdict"], last["changes"]["hosts"]) == ("done", {"@local": 1})


def test_what_a_killed_run_left_of_secrets_is_wiped_by_the_next_one_and_told(
    tmp_path: Path,
) -> None:
    left = [tmp_path / "state" / "passwords" / f".host-bob.{'a' * 32}.new"]
    left.append(tmp_path / "keys" / "example.com" / ".pm.key.4711")
    for path in left:
        write_private(path, b"PRIVATE")
    looked = pmail_deploy(tmp_path, HERE, "dns", "export", "--dry")
    assert looked.status == 0 and all(path.exists() for path in left), looked.said
    done = pmail_deploy(tmp_path, HERE, "dns", "export", "--format", "json")
    assert done.status == 0 and not any(path.exists() for path in left), done.said
    assert all(text("flow.leftover", path=path) in done.said for path in left)


HOSTILE_STEP = """
import json, logging, sys
from pyinfra import host, logger
from pyinfra.api import FunctionCommand, operation
from deploys.run.outcome import recorder
from ground.shown import keep_secret
import click
keep_secret("T0ken-of-2026")
said = "no\\x1b[2J\\x1b]0;x\\x07 \\u202e\\x9b T0ken-of-2026\\rSuccess"
host.log(said)
host.log_styled(said, fg="red")
host.noop(said)
logger.warning(said)
click.echo(said)
click.secho(said, err=True)
print(said)
sys.stderr.write(said)
recorder().unreached("nobody", said)
recorder().leave("@local", (said,))
local_name = said
@operation()
def fails():
    yield FunctionCommand(fail, (), {})
def fail(state, host):
    raise ValueError(said)
fails(name=said)
"""


def test_no_way_to_the_screen_or_the_outcome_is_around_what_may_be_shown(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        f"from pyinfra import local\nlocal.include({str(REPOSITORY / EXPORT.file)!r})\n"
        + HOSTILE_STEP
    )
    inventory = tmp_path / "inventory.py"
    inventory.write_text(apart(tmp_path, HERE))
    words = (str(inventory), str(tmp_path / "mine.py"), "-y", "-vvv", "--debug")
    environment = {**os.environ, "PMAIL_OUTCOME": str(tmp_path / "outcome")}
    _, said = warm.run(Program.PYINFRA, words, environment)
    outcome = (tmp_path / "outcome").read_text()
    assert said.count("no\\x1b[2J") > 8 and outcome.count("no\\\\x1b[2J") >= 2
    for written in (said, outcome, *map(str, map(json.loads, outcome.splitlines()))):
        assert not {"\x1b[2J", "\x1b]0", "\x07", "\u202e", "\x9b", "\r", "T0ken"} & {
            each
            for each in ("\x1b[2J", "\x1b]0", "\x07", "\u202e", "\x9b", "\r", "T0ken")
            if each in written
        }


def test_pmail_deploy_starts_pyinfra_and_ends_as_that_did(tmp_path: Path) -> None:
    (tmp_path / "inventory.py").write_text("mail_servers = [\n")
    command = [sys.executable, "-c", "from deploys.cli.main import main; main()", "verify"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and "inventory.py, line 1" in done.stdout + done.stderr


def test_a_file_of_the_users_own_may_include_several_verbs(tmp_path: Path) -> None:
    files = [str(REPOSITORY / each.file) for each in (EXPORT, POLICY)]
    included = "\n".join(f"local.include({each!r})" for each in files)
    (tmp_path / "mine.py").write_text(f"from pyinfra import local\n{included}\n")
    words = ("--data", "format=json", "--data", "read_only=1")
    done = pyinfra(tmp_path, HERE, str(tmp_path / "mine.py"), "-y", *words)
    assert done.status == 0, done.said
    assert '"records"' in done.said and done.events[-1]["verdict"] == "done"


@pytest.mark.parametrize("words", [("debug-inventory",), ("exec", "--", "true")])
def test_what_is_no_deploy_file_leaves_the_outcome_of_an_earlier_run_alone(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    earlier = {"version": 1, "event": "verdict", "verdict": "done"}
    (tmp_path / "outcome").write_text(json.dumps(earlier))
    done = pyinfra(tmp_path, "mail_servers = ['@local']\n", *words)
    assert (done.status, done.events) == (0, [earlier]), done.said


def test_a_deploy_file_without_a_verb_of_ours_has_an_outcome_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "mine.py").touch()
    done = pyinfra(tmp_path, HERE, str(tmp_path / "mine.py"), "-y")
    last = done.events[-1]
    assert (last["verdict"], last["reasons"]) == ("failed", [text("flow.no_verb")]), done.said


def test_an_unreachable_host_is_a_failure_and_named(tmp_path: Path) -> None:
    server = ("127.0.0.1", {**SERVER[1], "ssh_port": 1})
    content = f"mail_servers = [{server!r}]\nzones = [{BY_HAND!r}]\n"
    done = pmail_deploy(tmp_path, content, "verify", "--json", "report.json")
    assert done.status == 1 and done.events[-1]["verdict"] == "failed"
    assert done.events[-1]["failed"] == ["127.0.0.1"]
    assert not (tmp_path / "report.json").exists()


def test_typos_are_told_before_anybody_is_connected_to(tmp_path: Path) -> None:
    server = ("192.0.2.1", {"domanis": ["example.com"]})
    content = f"mail_servers = [{server!r}]\nzones = ['example.com']\n"
    done = pmail_deploy(tmp_path, content, "deploy", "-y", "--limit", "nosuch")
    assert done.status == 2 and done.events[-1]["verdict"] == "bad-input"
    for word in ("did you mean domains?", "@zone/example.com", "nosuch"):
        assert word in done.said
    assert "Connecting" not in done.said and not (tmp_path / "state").exists()


@pytest.mark.parametrize("content", ["mail_servers = [\n", "mail_servers = s3cret[0]\n"])
def test_an_inventory_that_is_no_python_is_bad_input(tmp_path: Path, content: str) -> None:
    done = pmail_deploy(tmp_path, content, "verify")
    line = len(apart(tmp_path, content).splitlines())
    assert done.status == 2 and f"inventory.py, line {line}:" in done.said
    assert done.events[-1]["reasons"]


def test_an_inventory_is_run_once_and_may_ask_on_standard_input(tmp_path: Path) -> None:
    content = f"open({str(tmp_path / 'seen')!r}, 'a').write(input())\n{HERE}"
    done = pmail_deploy(tmp_path, content, "dns", "policy", given="x\n")
    assert done.status == 0, done.said
    assert (tmp_path / "seen").read_text() == "x"


def test_what_an_inventory_has_for_a_verb_gives_way_to_what_is_typed(tmp_path: Path) -> None:
    data = {**SERVER[1], "queue_action": "delete", "queue_ids": "ABCDEF12"}
    content = f"mail_servers = [{('@local', data)!r}]\nzones = [{BY_HAND!r}]\n"
    done = pmail_deploy(tmp_path, content, "queue", "list", "--dry")
    assert done.status == 2 and "--dry" in done.said


def assert_nobody_said_yes(done: Run, why: str) -> None:
    last = done.events[-1]
    assert (last["verdict"], last["reasons"]) == ("bad-input", [text(why)]), done.said
    assert "operation" not in [each["event"] for each in done.events]


@pytest.mark.parametrize("given", ["", None])
def test_a_question_that_nobody_answers_changes_nothing_and_is_bad_input(
    tmp_path: Path, given: str | None
) -> None:
    done = pmail_deploy(tmp_path, HERE, *ABORT, given=given)
    assert done.status == 2 and "Run again with -y" in done.said
    assert_nobody_said_yes(done, "flow.no_answer")


def test_a_question_that_is_answered_with_no_changes_nothing_and_the_outcome_says_so(
    tmp_path: Path,
) -> None:
    done = pmail_deploy(tmp_path, HERE, *ABORT, given="n\n")
    assert done.status == 2
    assert_nobody_said_yes(done, "flow.said_no")


def test_a_run_that_is_stopped_at_the_question_says_so(tmp_path: Path) -> None:
    done = followed(tmp_path, HERE, ROTATE.file, *ABORT_DATA, at=QUESTION, then=stop)
    assert_nobody_said_yes(done, "flow.stopped")


def test_a_run_that_is_stopped_at_work_is_a_failure_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    files = (str(tmp_path / "slow.py"), EXPORT.file)
    done = followed(tmp_path, HERE, *files, "-y", at="at work", then=stop)
    last = done.events[-1]
    assert (last["verdict"], last["reasons"]) == ("failed", [text("flow.stopped")]), done.said


def test_a_pause_that_begins_while_the_question_waits_is_noticed_before_anything_is_changed(
    tmp_path: Path,
) -> None:
    def meanwhile(running: subprocess.Popen[bytes]) -> None:
        pause_mail()
        say_yes(running)

    file = tmp_path / "zone"
    file.write_text("@ 60 IN SOA ns1 admin 1 60 60 60 60\n@ 60 IN NS ns1\nns1 60 IN A 192.0.2.1\n")
    zone = (BY_HAND[0], {"dns_provider": "zonefile", "zone_file": str(file)})
    content = f"mail_servers = [{('@local', SERVER[1])!r}]\nzones = [{zone!r}]\n"
    words = (DNS.file, "--data", "dns_action=remove", "--limit", "zones")
    done = followed(tmp_path, content, *words, at=QUESTION, then=meanwhile)
    last = done.events[-1]
    assert last["verdict"] == "failed" and "paused" in last["reasons"][0], done.said
    assert {each["passed"] for each in done.events if each["event"] == "step"} == {False}


def test_a_key_that_is_in_use_since_the_question_waits_is_not_put_back(tmp_path: Path) -> None:
    store = key_store()
    for selector in ("pm202610a", "pm202611a"):
        store.create("example.com", selector)
    store.set_current("example.com", "pm202610a")

    def meanwhile(running: subprocess.Popen[bytes]) -> None:
        store.set_current("example.com", "pm202611a")
        say_yes(running)

    done = followed(tmp_path, HERE, EXPORT.file, at=QUESTION, then=meanwhile)
    assert store.current("example.com") == "pm202611a", done.said
    last = done.events[-1]
    assert last["verdict"] == "failed" and "example.com" in last["reasons"][0]


@pytest.mark.parametrize("options", [(), ("--dry",), ("--dry", "-y")])
def test_where_a_host_is_not_reached_nobody_is_asked_whether_to_go_on_without_it(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    server = ("127.0.0.1", {**SERVER[1], "ssh_port": 1})
    content = f"mail_servers = [{server!r}]\nzones = [{BY_HAND!r}]\n"
    done = pmail_deploy(tmp_path, content, "users", *options)
    last = done.events[-1]
    assert (done.status, last["verdict"], last["failed"]) == (1, "failed", ["127.0.0.1"])
    assert "continue?" not in done.said
    assert last["reasons"] == ([] if options else [text("flow.no_answer")])


def test_what_is_left_open_is_a_failure_and_told(tmp_path: Path) -> None:
    done = pmail_deploy(tmp_path, HERE, *ABORT, "-y")
    assert done.status == 1
    assert [each["host"] for each in done.events[-1]["left"]] == ["@local"]


def kept(folder: Path) -> dict[str, bytes]:
    """All that is in a folder, but what the run itself says."""
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("outcome", "inventory.py")
    }


@pytest.mark.parametrize("options", [("-y",), (), ("--dry",)], ids=["yes", "asked", "dry"])
def test_a_run_is_refused_before_any_deploy_file_is_loaded_whatever_the_options(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    pause_mail()
    before = kept(tmp_path)
    for verb in ("deploy", "users"):
        done = pmail_deploy(tmp_path, HERE, verb, *options)
        assert done.status == 1 and "rotate-dkim" in done.said, done.said
        assert "Ready:" not in done.said and "Nothing was changed" in done.said
        # This machine may have a past of its own.
        assert any("example.com is paused" in each for each in done.events[-1]["reasons"])
    assert kept(tmp_path) == before


def test_who_looks_while_mail_is_paused_is_told_and_does_not_end_as_if_all_were_well(
    tmp_path: Path,
) -> None:
    pause_mail()
    done = pmail_deploy(tmp_path, HERE, "queue", "kept")
    assert done.status == 1 and "Beginning operation run" in done.said
    assert any("example.com is paused" in each["text"] for each in done.events[-1]["left"])
    (Path(state_dir()) / "rotation" / "example.com.json").write_text("{")
    done = pmail_deploy(tmp_path, HERE, "queue", "kept")
    assert done.status == 1 and "is damaged" in done.said


def test_a_verb_that_a_file_of_the_users_own_brings_along_is_refused_as_well(
    tmp_path: Path,
) -> None:
    pause_mail()
    (tmp_path / "inventory.py").write_text(HERE)
    own = tmp_path / "own.py"
    own.write_text("from pyinfra import local\nlocal.include('deploys/users.py')\n")
    words = (str(tmp_path / "inventory.py"), str(own), "-y")
    status, said = warm.run(Program.PYINFRA, words, os.environ)
    assert status == 1 and "example.com is paused" in said
    assert "Beginning operation run" not in said


def test_the_servers_outside_the_limit_are_compared_where_they_are_reached(tmp_path: Path) -> None:
    there = {**SERVER[1], "ssh_port": 1, "ipv4": "8.8.4.4", "domains": ["b.example.com"]}
    content = (
        f"mail_servers = [{('@local', SERVER[1])!r}, {('127.0.0.1', there)!r}]\n"
        f"zones = [{BY_HAND!r}]\n"
    )
    limit = ("dns", "adopt", "-y", "--limit", BY_HAND[0])
    done = pmail_deploy(tmp_path, content, *limit)
    assert "to compare" in done.said and "127.0.0.1 is not reached" in done.said
    assert [each["host"] for each in done.events if each["event"] == "unreached"] == ["127.0.0.1"]
    assert done.events[-1]["failed"] != ["127.0.0.1"]


# -- what a host prints --------------------------------------------------------------------------


class Printed(paramiko.file.BufferedFile):  # type: ignore[type-arg]
    """What a host has printed, as pyinfra reads it."""

    def __init__(self, octets: bytes) -> None:
        super().__init__()
        self._rest = octets
        self._set_mode("r")

    def _read(self, size: int) -> bytes:
        part, self._rest = self._rest[:size], self._rest[size:]
        return part


def test_what_is_no_text_does_not_end_what_a_host_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    octets = b"one\n\xff\xfeA\n\xe9\x82\xae\n"
    with pytest.raises(UnicodeDecodeError):
        list(Printed(octets))
    monkeypatch.setattr(paramiko.file, "u", paramiko.file.u)
    start._read_any_octets()
    assert list(Printed(octets)) == ["one\n", "\ufffd\ufffdA\n", "邮\n"]
