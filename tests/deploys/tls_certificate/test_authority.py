"""Before a certificate is ordered DNS is asked whether its authority may issue it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from deploys.cli.refusals import asked_first
from deploys.cli.verbs import TLS
from deploys.tls_certificate import authority
from deploys.tls_certificate.authority import caa_of, forbidden_authority
from dns_providers.rrset import CAA
from postmaster.settings import MailServer
from probes.world.dns import Answer, Ask, Outcome
from tests.postmaster.full_view import server

THEIRS = CAA(0, "issue", b"digicert.com")


@pytest.fixture(autouse=True)
def another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was asked yet."""
    monkeypatch.setattr(authority, "_seen", {})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """example.com has the CAA of another authority."""
    questions: list[tuple[str, str]] = []

    def asking(zones: Any, resolvers: Any) -> Ask:
        assert tuple(zones) == ("example.com", "other.org")

        def ask(owner: str, rtype: str) -> Answer:
            questions.append((owner, rtype))
            if owner == "example.com":
                return Answer(owner, rtype, Outcome.ANSWER, frozenset({THEIRS}))
            return Answer(owner, rtype, Outcome.NXDOMAIN)

        return ask

    monkeypatch.setattr(authority, "asking", asking)
    return questions


def refusals(there: MailServer) -> list[str]:
    around: Any = SimpleNamespace(servers=lambda: ((None, there),))
    return [str(each) for each in forbidden_authority(around)]


def test_a_run_for_a_certificate_that_cannot_be_is_refused_with_the_line_to_add(
    asked: list[tuple[str, str]],
) -> None:
    (reason,) = refusals(server())
    assert reason.startswith("vps") and 'example.com. CAA 0 issue "letsencrypt.org"' in reason
    assert {rtype for _, rtype in asked} == {"CAA"}
    assert ("smtp.example.com", "CAA") in asked
    assert forbidden_authority in asked_first(TLS)


def test_what_the_inventory_wants_there_counts_already(asked: list[tuple[str, str]]) -> None:
    assert refusals(server(caa=["letsencrypt.org"])) == []
    (view,) = {each.values for each in caa_of(server(caa=["letsencrypt.org"]))}
    assert view == {THEIRS, CAA(0, "issue", b"letsencrypt.org")}


def test_a_setting_that_forbids_its_own_authority_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nothing(owner: str, rtype: str) -> Answer:
        return Answer(owner, rtype, Outcome.NXDOMAIN)

    monkeypatch.setattr(authority, "asking", lambda *_: nothing)
    assert refusals(server()) == []
    (reason,) = refusals(server(caa=["digicert.com"]))
    assert 'CAA 0 issue "letsencrypt.org"' in reason


def test_who_brings_the_certificate_needs_nobodys_leave(asked: list[tuple[str, str]]) -> None:
    assert refusals(server(tls="files", tls_cert_file="/c", tls_key_file="/k")) == []
    assert asked == []


def test_a_run_asks_once_and_again_only_without_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    questions: list[str] = []
    outcomes = [Outcome.TIMEOUT, Outcome.NXDOMAIN]

    def ask(owner: str, rtype: str) -> Answer:
        questions.append(owner)
        return Answer(owner, rtype, outcomes[0])

    monkeypatch.setattr(authority, "asking", lambda *_: ask)
    unanswered = caa_of(server())
    del outcomes[0]
    answered = caa_of(server())
    assert unanswered != answered and "smtp.example.com" in questions
    questions.clear()
    assert caa_of(server()) == answered and questions == []
