"""Documents as they are put on a host."""

from __future__ import annotations

import plistlib
import subprocess
from pathlib import Path

import pytest

from deploys.host import pmail_layout as layout
from deploys.host import web_layout
from deploys.web_documents import operations
from deploys.web_documents.contents import documents, page, profiles
from deploys.web_documents.policies import raised_to_enforce
from deploys.zones.policy_publishing import id_of_served
from ground.words import LANGUAGES, catalogue
from postmaster import client_setup, mta_sts
from postmaster.mta_sts import DomainPolicy, Policy
from postmaster.web_documents import web_documents
from probes.world.documents import Document
from tests.lab.certificates import issue
from tests.postmaster.full_view import server


def test_the_page_says_the_same_in_all_languages_and_links_each_profile() -> None:
    found = page(server(open_ports=[995]))
    for lang in LANGUAGES:
        assert f'<section lang="{lang}">' in found
        assert catalogue(lang)["clients.page.whole_address"] in found
    for host in ("imap", "smtp", "pop"):
        assert found.count(f"{host}.example.com") == len(LANGUAGES)
    for domain in ("example.com", "other.org"):
        assert found.count(f'href="/{domain}.mobileconfig"') == len(LANGUAGES)
    assert "prefers-color-scheme" in found or "color-scheme" in found
    assert "http://" not in found and "https://" not in found  # nothing from elsewhere


def test_every_document_that_is_served_is_put_on_the_host_and_no_other() -> None:
    there = server()
    served = {each.file for each in web_documents(there)}
    policies = {mta_sts.file(each.domain) for each in there.sts}
    assert served == {*documents(there), *profiles(there), *policies}


def test_pmail_alone_serves_no_documents_and_what_was_there_goes() -> None:
    alone = server(web="pmail")
    assert web_documents(alone) == ()
    assert operations.wanted(alone) == ()
    assert alone.document_names == ()


def test_profiles_are_signed_with_the_certificate_that_is_installed(tmp_path: Path) -> None:
    files = issue(tmp_path / "tls", ("autoconfig.example.com",))
    program = operations.signer()
    for real, here in (
        (layout.TLS_CHAIN, files.chain),
        (layout.TLS_KEY, files.key),
        (web_layout.FOLDER, tmp_path / "web"),
    ):
        program = program.replace(real, str(here))
    sources = tmp_path / "web" / "profiles"
    sources.mkdir(parents=True)
    for name, content in profiles(server()).items():
        (sources / name).write_bytes(content)
    (tmp_path / "sign").write_text(program)
    for _ in range(2):
        subprocess.run(["sh", str(tmp_path / "sign")], check=True, capture_output=True)
    for domain in ("example.com", "other.org"):
        signed = tmp_path / "web" / "documents" / client_setup.profile_file(domain)
        said = subprocess.run(
            [
                *("openssl", "cms", "-verify", "-inform", "DER", "-in", str(signed)),
                *("-CAfile", str(files.authority), "-purpose", "any"),
            ],
            check=True,
            capture_output=True,
        ).stdout
        assert said == client_setup.profile(server(), domain)
        assert said in signed.read_bytes()  # as the check looks for it
        assert plistlib.loads(said)["PayloadDisplayName"] == domain
        assert len(client_setup.signers(signed.read_bytes())) == 2
    assert not list(sources.glob(".new.*"))


TRIED = Policy("enforce", ("smtp.example.com",), 604800)
WANTED = DomainPolicy("example.com", TRIED, mta_sts.next_id(None, TRIED, 5))


@pytest.mark.parametrize(
    ("content", "media_type", "status", "sum"),
    [
        (TRIED.text, "text/plain; charset=utf-8", 200, TRIED.sum),
        (TRIED.tried_first().text, "text/plain", 200, TRIED.tried_first().sum),
        (TRIED.text, "text/html", 200, None),
        (TRIED.text, "text/plain", 301, None),
        ("version: STSv1\nmode: none\nmax_age: 1\n", "text/plain", 200, None),
        ("", "text/plain", 0, None),
    ],
)
def test_an_id_is_published_for_what_is_served_and_for_nothing_else(
    content: str, media_type: str, status: int, sum: str | None
) -> None:
    document = Document("x", "/", status, media_type, content=content.encode())
    found = id_of_served(WANTED, document, 9)
    assert (found.sum if found else None) == sum


def test_a_policy_that_is_enforced_already_is_not_looked_at_again() -> None:
    tried = DomainPolicy("other.org", TRIED.tried_first(), WANTED.id)
    there = {"example.com": TRIED.text.rstrip("\n"), "other.org": ""}
    assert raised_to_enforce((WANTED, tried), there) == ()
    before = {**there, "example.com": TRIED.tried_first().text}
    assert raised_to_enforce((WANTED, tried), before) == (WANTED,)
