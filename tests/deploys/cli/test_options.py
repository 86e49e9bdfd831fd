"""What is typed after `pmail-deploy VERB` arrives in the deploy file, each option of each verb."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from deploys.accounts.request import UsersRequest
from deploys.cli.main import main
from deploys.cli.verbs import (
    DEPLOY,
    DNS,
    EXPORT,
    POLICY,
    PREFLIGHT,
    QUEUE,
    RECOVER,
    ROTATE,
    TLS,
    USERS,
    VERBS,
    VERIFY,
)
from deploys.outbound.queue_request import QueueRequest
from deploys.recovery.request import RecoverRequest
from deploys.rotation.request import Request as RotationRequest
from deploys.run.options import Request, options, parse
from deploys.run.site import is_setting
from deploys.run.verb import Verb
from deploys.verification.request import VerifyRequest
from deploys.zones.request import DeployRequest, DnsRequest, ExportRequest, PolicyRequest

ROTATE_DKIM = "rotate-dkim"
BACKUP = Path(__file__)  # any file that there is
ASKED: list[tuple[list[str], Verb[Any], Request]] = [
    (["deploy"], DEPLOY, DEPLOY.request()),
    (
        ["deploy", "--withdraw", "a.test", "--withdraw", "b.test"],
        DEPLOY,
        DeployRequest(withdraw=("a.test", "b.test")),
    ),
    (["preflight"], PREFLIGHT, PREFLIGHT.request()),
    (["users"], USERS, UsersRequest()),
    (["users", "list"], USERS, UsersRequest("list")),
    (["users", "list", "--json"], USERS, UsersRequest("list", as_json=True)),
    (
        ["users", "add", "bob", "--name", "Bob B"],
        USERS,
        UsersRequest("add", "bob", "Bob B"),
    ),
    (["users", "password", "bob"], USERS, UsersRequest("password", "bob")),
    (["tls"], TLS, TLS.request()),
    (["verify"], VERIFY, VERIFY.request()),
    (
        ["verify", "--live", "--to", "a@b.test"],
        VERIFY,
        VerifyRequest(live=True, to="a@b.test"),
    ),
    (
        ["verify", "--only", "SPF", "--only", "dkim-06,MX", "--skip", "SPF-07", "--strict"],
        VERIFY,
        VerifyRequest(("SPF", "dkim-06", "MX"), ("SPF-07",), True),
    ),
    (["dns"], DNS, DnsRequest("publish")),
    (["dns", "adopt"], DNS, DnsRequest("adopt")),
    (["dns", "--withdraw", "a.test"], DNS, DnsRequest("publish", withdraw=("a.test",))),
    (["dns", "undo", str(BACKUP)], DNS, DnsRequest("undo", str(BACKUP))),
    (["dns", "export", "--format", "json"], EXPORT, ExportRequest("json")),
    (["dns", "export", "--panel", "godaddy"], EXPORT, ExportRequest(panel="godaddy")),
    (["dns", "export", "-o", "/tmp/x y"], EXPORT, ExportRequest(output="/tmp/x y")),
    (["dns", "policy", "--read-only"], POLICY, PolicyRequest(True)),
    (["queue"], QUEUE, QueueRequest()),
    (["queue", "retry", "012345", "12E456"], QUEUE, QueueRequest("retry", ("012345", "12E456"))),
    (["queue", "deliveries", "--hours", "7"], QUEUE, QueueRequest("deliveries", hours=7)),
    (["queue", "--json"], QUEUE, QueueRequest(as_json=True)),
    ([ROTATE_DKIM], ROTATE, RotationRequest()),
    ([ROTATE_DKIM, "--status"], ROTATE, RotationRequest("status")),
    (
        [ROTATE_DKIM, "--domain", "a.test", "--domain", "b.test"],
        ROTATE,
        RotationRequest(domains=("a.test", "b.test")),
    ),
    (
        [ROTATE_DKIM, "--abort", "--domain", "a.test"],
        ROTATE,
        RotationRequest("abort", ("a.test",)),
    ),
    (
        [ROTATE_DKIM, "--reveal", "s1", "--domain", "a.test"],
        ROTATE,
        RotationRequest("reveal", ("a.test",), selector="s1"),
    ),
    (["deploy", "--start-empty", "vps1"], DEPLOY, DeployRequest("vps1")),
    (["deploy", "--keep-database", "vps1"], DEPLOY, DeployRequest(keep_database="vps1")),
    ([ROTATE_DKIM, "--emergency"], ROTATE, RotationRequest(emergency=True)),
    ([ROTATE_DKIM, "--check-age"], ROTATE, RotationRequest(check_age=True)),
    ([ROTATE_DKIM, "--wait"], ROTATE, RotationRequest(wait=True)),
    (["recover", "--new-admin-password"], RECOVER, RecoverRequest(True)),
]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """The commands that would be run, in a folder with an inventory."""
    seen: list[list[str]] = []

    def call(command: list[str], environment: dict[str, str]) -> int:
        seen.append(command)
        return 0

    monkeypatch.setattr("deploys.cli.main.call", call)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PMAIL_LANG", "en")
    Path("inventory.py").touch()
    return seen


def data(command: list[str]) -> dict[str, str]:
    """What is given by `--data`."""
    given = [after for word, after in pairwise(command) if word == "--data"]
    return dict(each.partition("=")[::2] for each in given)


@pytest.mark.parametrize(("typed", "verb", "asked"), ASKED, ids=[" ".join(a) for a, _, _ in ASKED])
def test_what_is_typed_arrives_in_the_deploy_file(
    commands: list[list[str]], typed: list[str], verb: Verb[Any], asked: Request
) -> None:
    CliRunner().invoke(main, typed)
    (command,) = commands
    assert str(verb.path) in command
    assert parse(verb.request, data(command)) == (asked, ())


def test_every_option_of_every_verb_is_typed_above() -> None:
    declared = {(verb.name, name) for verb in VERBS for name in options(verb.request)}
    typed = {
        (verb.name, each.name)
        for _, verb, asked in ASKED
        for each in fields(asked)
        if getattr(asked, each.name) != each.default
    }
    assert declared == typed and {verb for _, verb, _ in ASKED} == set(VERBS)


def test_no_two_verbs_have_the_same_word_and_none_is_a_setting() -> None:
    words = [each.word for verb in VERBS for each in options(verb.request).values()]
    assert len(words) == len(set(words))
    assert [word for word in words if is_setting(word)] == []


@pytest.mark.parametrize(
    "typed",
    [
        ["rotate-dkim", "--abort", "--status"],
        ["rotate-dkim", "--abort"],
        ["rotate-dkim", "--emergency", "--check-age"],
        ["dns", "undo"],
        ["dns", "adopt", str(BACKUP)],
        ["dns", "--panel", "godaddy"],
        ["dns", "policy", "--format", "json"],
        ["dns", "export", "--format", "xml"],
        ["verify", "--only", "SFP"],
        ["verify", "--to", "nobody"],
        ["verify", "--only", "SPF", "--skip", "SPF"],
        ["queue", "retry"],
        ["queue", "hold", "A; reboot"],
        ["queue", "deliveries", "--hours", "0"],
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_bad_input_and_nothing_is_run(
    commands: list[list[str]], typed: list[str]
) -> None:
    assert CliRunner().invoke(main, typed).exit_code == 2
    assert commands == []


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["deploy"], ()),
        (["deploy", "-y"], ("-y",)),
        (["deploy", "--dry", "-y"], ("--dry",)),
        (["deploy", "--limit", "a", "--limit", "b"], ("--limit", "a", "--limit", "b")),
        (["verify"], ("-y",)),
        (["dns", "plan"], ("--dry",)),
        (["dns", "export"], ("-y",)),
        (["queue", "hold", "012345"], ("-y",)),
        (["queue", "delete", "012345"], ()),
        (["rotate-dkim"], ()),
        (["rotate-dkim", "--status"], ("-y",)),
    ],
    ids=lambda value: " ".join(value),
)
def test_pyinfra_asks_before_what_somebody_has_to_say_yes_to(
    commands: list[list[str]], typed: list[str], words: tuple[str, ...]
) -> None:
    CliRunner().invoke(main, typed)
    (command,) = commands
    rest = [each for each in command[8:] if each != "--data" and "=" not in each]
    assert tuple(rest) == words


@pytest.mark.parametrize(
    ("verb", "given", "told"),
    [
        (ROTATE, {"rotate_wait": "perhaps"}, "option.flag"),
        (ROTATE, {"rotate_action": "turn"}, "option.choice"),
        (EXPORT, {"format": "xml"}, "option.choice"),
        (QUEUE, {"queue_hours": "8761"}, "option.number"),
        (QUEUE, {"queue_hours": "-1"}, "option.number"),
        (DNS, {"undo": "/nowhere/at.all"}, "option.no_file"),
    ],
)
def test_a_value_that_an_option_does_not_take_is_told(
    verb: Verb[Any], given: dict[str, str], told: str
) -> None:
    assert [each.id for each in parse(verb.request, given)[1]] == [told]


@pytest.mark.parametrize(
    ("given", "wait"), [("1", True), ("True", True), ("0", False), ("", False)]
)
def test_a_flag_by_data_is_yes_or_no(given: str, wait: bool) -> None:
    assert parse(RotationRequest, {"rotate_wait": given}) == (RotationRequest(wait=wait), ())


def test_names_come_as_a_list_from_an_inventory_or_with_commas() -> None:
    for given in (["a.test", "b.test"], ("a.test", "b.test"), "a.test,b.test"):
        found = parse(RotationRequest, {"rotate_domains": given})
        assert found == (RotationRequest(domains=("a.test", "b.test")), ())
    assert parse(QueueRequest, {"queue_ids": [123456]})[0].ids == ("123456",)
    assert parse(ExportRequest, {"output": Path("/tmp/x")})[0].output == "/tmp/x"


@pytest.mark.parametrize(
    ("request_of", "word", "given"),
    [
        (RotationRequest, "rotate_domains", {"a.test": 1}),
        (RotationRequest, "rotate_domains", ["a.test", ["b.test"]]),
        (RotationRequest, "rotate_selector", ["s1"]),
        (RotationRequest, "rotate_wait", [True]),
        (QueueRequest, "queue_hours", 7.5),
        (ExportRequest, "output", ["/tmp/x"]),
    ],
)
def test_a_value_of_an_inventory_that_no_option_can_be_is_told(
    request_of: type[Request], word: str, given: object
) -> None:
    asked, (wrong,) = parse(request_of, {word: given})
    assert asked == request_of()
    assert wrong.named["word"] == word and str(wrong)


def test_a_backup_without_an_action_is_put_back_and_nothing_else_is_published() -> None:
    asked, wrong = parse(DnsRequest, {"undo": str(BACKUP)})
    assert not wrong and asked.task == "undo" and list(asked.problems(dry=False)) == []
    assert parse(DnsRequest, {})[0].task == "publish"
