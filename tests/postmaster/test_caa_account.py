"""CAA that lets one ACME account alone issue, at the names of mail."""

from __future__ import annotations

from dataclasses import replace

from dns_providers.publishing.claims import ClaimMode
from dns_providers.publishing.ledger import LedgerState
from dns_providers.publishing.plan import Entry
from dns_providers.rrset import CAA, key, name_text
from postmaster.caa import Leave, leave
from postmaster.caa_account import is_left_over, outdated, record, with_accounts
from postmaster.desired import ACCOUNT_STAGE, desired
from postmaster.settings import Site
from tests.postmaster.test_desired import key_of
from tests.postmaster.test_settings import reasons, site

ZONE = "example.com"
URI = "https://acme-v02.api.letsencrypt.org/acme/acct/12345"
OTHER = "https://acme-v02.api.letsencrypt.org/acme/acct/99"


def asked(**data: object) -> Site:
    return site(**{"caa_account": True, **data})


def published(found: Site, uri: str) -> LedgerState:
    """The ledger of a zone where the records of an account were published."""
    (server,) = found.servers
    named = replace(found, servers=(replace(server, account_uri=uri),))
    entries = [
        Entry(each.key, each.values, 3600, "written", each.group, ClaimMode.EXCLUSIVE)
        for each in desired(named, ZONE, key_of).stage(ACCOUNT_STAGE)
    ]
    return LedgerState({each.key: each for each in entries})


def test_the_record_names_authority_account_and_method() -> None:
    http, by_dns = (asked(tls=tls).servers[0] for tls in ("acme-http", "acme-dns"))
    start = f"letsencrypt.org; accounturi={URI}; validationmethods="
    assert record(http, URI) == CAA(0, "issue", f"{start}http-01".encode())
    assert record(by_dns, URI) == CAA(0, "issue", f"{start}dns-01".encode())


def test_it_stands_at_the_names_of_mail_and_never_at_a_domain_itself() -> None:
    found = published(asked(web_host=ZONE), URI)
    labels = {name_text(each.owner) for each in found.entries}
    assert labels == {f"{each}.{ZONE}" for each in ("smtp", "imap", "pop", "autoconfig")}


def test_nothing_is_published_before_an_account_is_known_or_without_the_setting() -> None:
    assert desired(asked(), ZONE, key_of).stage(ACCOUNT_STAGE) == ()
    known = with_accounts(site(), {ZONE: published(asked(), URI)})
    assert known.servers[0].account_uri == URI
    assert desired(known, ZONE, key_of).stage(ACCOUNT_STAGE) == ()


def test_what_was_published_is_remembered_and_wanted_again() -> None:
    state = published(asked(), URI)
    again = with_accounts(asked(), {ZONE: state})
    wanted = {each.key: each.values for each in desired(again, ZONE, key_of).stage(ACCOUNT_STAGE)}
    assert wanted == {each: entry.values for each, entry in state.entries.items()}
    assert outdated(again.servers[0], state, URI) == frozenset()


def test_records_of_another_account_go_before_that_one_orders() -> None:
    state = published(asked(), URI)
    every = frozenset(state.entries)
    (server,) = asked().servers
    assert outdated(server, state, OTHER) == every
    assert outdated(server, state, None) == every  # the host has no account yet
    assert outdated(asked(tls="acme-dns").servers[0], state, URI) == every
    assert outdated(site().servers[0], state, URI) == every
    stranger = Entry(
        key(f"smtp.{ZONE}", "CAA"), frozenset(), 60, "written", "caa:x", ClaimMode.MEMBER
    )
    assert outdated(server, LedgerState({stranger.key: stranger}), OTHER) == frozenset()


def test_what_a_deploy_takes_out_before_it_orders_stands_in_nobodys_way() -> None:
    state = published(asked(), URI)
    (server,) = with_accounts(asked(tls="acme-dns"), {ZONE: state}).servers
    by_http = record(asked().servers[0], URI)
    assert is_left_over(server, by_http)
    assert not is_left_over(server, record(server, URI))
    assert not is_left_over(server, record(server, OTHER))
    assert not is_left_over(server, CAA(0, "issue", b"letsencrypt.org"))
    (without,) = with_accounts(site(), {ZONE: state}).servers
    assert is_left_over(without, by_http)


def test_an_account_of_our_own_may_issue_and_another_is_told() -> None:
    (server,) = with_accounts(asked(), {ZONE: published(asked(), URI)}).servers
    assert leave([record(server, URI)], server) is Leave.GIVEN
    assert leave([record(server, OTHER)], server) is Leave.ONE_ACCOUNT
    assert leave([record(server, URI)], site().servers[0]) is Leave.ONE_ACCOUNT


def test_an_authority_that_has_no_name_or_no_account_is_a_mistake() -> None:
    (unknown,) = reasons(caa_account=True, acme_directory="https://ca.example.test/dir")
    assert "https://ca.example.test/dir" in unknown
    assert asked(acme_directory="https://ca.example.test/dir", caa=["ca.example.test"])
    (brought,) = (
        each
        for each in reasons(caa_account=True, tls="files", tls_cert_file="/c", tls_key_file="/k")
        if "caa_account" in each
    )
    assert "tls" in brought
