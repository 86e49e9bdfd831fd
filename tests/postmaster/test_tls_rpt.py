"""TLS-RPT records: built so that all senders can read them, and read as strictly."""

from __future__ import annotations

import pytest

from dns_providers.rrset import TXT
from postmaster import tls_rpt
from postmaster.tls_rpt import TlsRptSyntaxError
from tests.postmaster.test_desired import lines
from tests.postmaster.test_settings import site


def test_the_record_begins_as_senders_compare_it_and_lists_all_destinations() -> None:
    uris = ("mailto:tls@example.com", "https://reports.example.net/v1")
    record = tls_rpt.build(uris)
    assert record.data == b"v=TLSRPTv1; rua=" + ",".join(uris).encode()
    assert tls_rpt.parse(record.data) == uris


def test_octets_that_part_addresses_are_coded_within_one() -> None:
    record = tls_rpt.build(("https://x.example.net/a,b!c;d",))
    assert record.data == b"v=TLSRPTv1; rua=https://x.example.net/a%2Cb%21c%3Bd"
    assert len(tls_rpt.parse(record.data)) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"v=TLSRPTv1 ; rua=mailto:a@example.com",  # senders compare the beginning literally
        b"v=tlsrptv1; rua=mailto:a@example.com",
        b"v=TLSRPTv1; rua=a@example.com",
        b"v=TLSRPTv1;",
        b"v=TLSRPTv1; rua=mailto:a@example.com, ftp://x",
        b"v=TLSRPTv1; rua",
    ],
)
def test_what_senders_cannot_read_is_not_valid(data: bytes) -> None:
    with pytest.raises(TlsRptSyntaxError):
        tls_rpt.parse(data)


def test_what_means_to_be_such_a_record_counts_and_other_texts_do_not() -> None:
    values = (TXT(b"v=TLSRPTv1 ; rua=x"), TXT(b"v=spf1 -all"), TXT(b"v=tlsrptv1;"))
    assert tls_rpt.found_in(values) == [b"v=TLSRPTv1 ; rua=x", b"v=tlsrptv1;"]


def test_only_mailboxes_of_the_domain_itself_are_inside() -> None:
    assert not tls_rpt.outside(("mailto:tls@Example.com",), "example.com")
    assert tls_rpt.outside(("mailto:tls@example.com", "https://example.com/"), "example.com")
    assert tls_rpt.outside(("mailto:tls@other.org",), "example.com")


def test_the_record_comes_on_request_only() -> None:
    owner = "_smtp._tls.example.com/TXT"
    assert not any(owner in line for line in lines(site(), "example.com"))
    asked = site(tls_rpt=["tls@elsewhere.test", "mailto:tls@elsewhere.test"])
    found = [line for line in lines(asked, "example.com") if owner in line]
    assert found == [f'{owner} "v=TLSRPTv1; rua=mailto:tls@elsewhere.test"']
