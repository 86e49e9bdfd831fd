"""What other DNS tools got wrong with these APIs, and the suites do not show for every adapter.

The numbers are those of the project's list of reports; most of them are tests of provider_contract
and fault_contract.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dns_providers.base import Change, ZoneNotFound
from dns_providers.publishing.claims import ClaimMode
from dns_providers.publishing.ledger import Ledger
from dns_providers.publishing.publish import carry_out
from dns_providers.rrset import TXT, RRset, key, rrset
from tests import fault_proxy
from tests.dns_providers.adapters import (
    cloudflare_fake,
    route53_moto,
    test_cloudflare,
    test_route53,
)
from tests.dns_providers.adapters.cloudflare_fake import FakeCloudflare
from tests.dns_providers.adapters.route53_moto import ACCESS_KEY, SECRET, Account, plain
from tests.dns_providers.adapters.test_route53 import SERVERS
from tests.dns_providers.publishing.test_plan import claim
from tests.provider_contract import DKIM, ZONE, problems, read

KEY_NAME = "s1._domainkey.example.test"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with route53_moto.served() as account:
        yield account


@pytest.fixture
def cloudflare() -> Iterator[FakeCloudflare]:
    with cloudflare_fake.served() as account:
        yield account


def cut_elsewhere(wanted: RRset) -> str:
    """The text of a TXT with other character-strings than ours."""
    (value,) = wanted.values
    assert isinstance(value, TXT)
    text = value.data.decode()
    return " ".join(f'"{text[at : at + 100]}"' for at in range(0, len(text), 100))


def test_a_key_that_is_stored_in_other_strings_is_not_written_again_at_route53(
    aws: Account,
) -> None:
    """Number 7 (ComputeCanada/magic_castle#408)."""
    zone_id, wanted = aws.add_zone(ZONE, SERVERS), rrset(KEY_NAME, "TXT", 300, DKIM)
    aws.add(zone_id, KEY_NAME, "TXT", **plain(cut_elsewhere(wanted)))
    before = aws.rows(zone_id)
    assert problems(test_route53.opened(aws), wanted) == []
    assert aws.rows(zone_id) == before


def test_a_key_that_is_stored_in_other_strings_is_not_written_again_at_cloudflare(
    cloudflare: FakeCloudflare,
) -> None:
    """Number 7 (ComputeCanada/magic_castle#408)."""
    wanted = rrset(KEY_NAME, "TXT", 300, DKIM)
    cloudflare.add(type="TXT", name=KEY_NAME, content=cut_elsewhere(wanted))
    assert problems(test_cloudflare.opened(cloudflare), wanted) == []
    assert not [call for call in cloudflare.seen if call.startswith("POST")]


@pytest.mark.parametrize("content", ["token=1; x", '"token=1; x"', '"token" "=1; x"'])
def test_a_text_is_found_and_removed_however_it_was_stored(
    cloudflare: FakeCloudflare, content: str
) -> None:
    """Number 11 (dns-lexicon/dns-lexicon#65) and number 3 (octodns/octodns-cloudflare#134)."""
    cloudflare.add(type="TXT", name=ZONE, content=content)
    kept = cloudflare.add(type="TXT", name=ZONE, content="google-site-verification=1")
    provider = test_cloudflare.opened(cloudflare)
    before = read(provider, ZONE)[key(ZONE, "TXT")]
    ours = TXT(b"token=1; x")
    assert ours in before.values
    left = RRset(before.key, before.ttl, before.values - {ours})
    provider.apply([Change(before, left, "test")])
    assert list(cloudflare.records) == [kept]


def test_a_zone_is_asked_for_by_its_name_so_there_may_be_any_number(
    cloudflare: FakeCloudflare,
) -> None:
    """Number 24 (NewFuture/DDNS#324, the first page of zones only)."""
    with fault_proxy.running(cloudflare.url) as proxy:
        read(test_cloudflare.opened(cloudflare, url=f"{proxy.url}/client/v4"), ZONE)
    assert f"name={ZONE}" in proxy.seen[0].path


@pytest.mark.parametrize("other", ["newexample.test", "sub.example.test", "test"])
def test_a_zone_whose_name_only_ends_alike_is_another(aws: Account, other: str) -> None:
    """Number 29 (syseleven/designate-certmanager-webhook#72)."""
    aws.add_zone(other, SERVERS)
    with pytest.raises(ZoneNotFound):
        read(test_route53.opened(aws), ZONE)


def test_no_record_but_those_wished_for_is_made(cloudflare: FakeCloudflare, tmp_path: Path) -> None:
    """Number 43 (external-dns#5457 and others: a registry in TXT records)."""
    claims = [claim(), claim(ZONE, "TXT", TXT(b"ours"), mode=ClaimMode.MEMBER, group="text")]
    carry_out(test_cloudflare.opened(cloudflare), claims, Ledger(tmp_path, ZONE))
    made = {(row["name"], row["type"]) for row in cloudflare.records.values()}
    assert made == {("smtp.example.test", "A"), (ZONE, "TXT")}
