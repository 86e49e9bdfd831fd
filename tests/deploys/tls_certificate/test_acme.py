"""Ordering certificates: what the authority may ask for without an order failing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import acme.client
import acme.errors
import acme.messages
import pytest
import requests
from acme import challenges
from cryptography import x509

from deploys.tls_certificate.acme_dns import Account, AcmeError, Network, account, order
from deploys.tls_certificate.renewal import Pair
from ground.words import Words
from keys import dkim
from postmaster.settings import TlsSettings


class _Authority:
    """Refuses the first nonces, as an authority does whose clients are many."""

    def __init__(self, refusals: int, code: str = "badNonce") -> None:
        self._left, self._code, self.asked = refusals, code, 0

    def post(self, network: object, *args: object, **kwargs: object) -> str:
        self.asked += 1
        if self.asked <= self._left:
            raise acme.messages.Error.with_code(self._code)
        return "done"


def _network(monkeypatch: pytest.MonkeyPatch, authority: _Authority) -> Network:
    monkeypatch.setattr(
        acme.client.ClientNetwork, "_post_once", lambda self, *a, **k: authority.post(self, *a, **k)
    )
    return Network(None)


def test_a_bad_nonce_is_no_failure_however_often_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    authority = _Authority(6)
    assert _network(monkeypatch, authority).post("https://ca.test/order") == "done"


def test_an_authority_that_takes_no_nonce_is_not_asked_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = _Authority(1000)
    with pytest.raises(acme.messages.Error):
        _network(monkeypatch, authority).post("https://ca.test/order")


def test_another_error_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    authority = _Authority(1, "rateLimited")
    with pytest.raises(acme.messages.Error):
        _network(monkeypatch, authority).post("https://ca.test/order")
    assert authority.asked == 1


# -- an order ----------------------------------------------------------------------------------

DIRECTORY = "https://ca.test/acme/directory"
NAMES = ("mail.example.com", "smtp.example.com")


@dataclass
class Authority:
    """Stands in for the client of the acme library. wrong: raised where the order is finished."""

    wrong: Exception | None = None
    valid: frozenset[str] = frozenset()
    kinds: tuple[type[challenges.KeyAuthorizationChallenge], ...] = (
        challenges.HTTP01,
        challenges.DNS01,
    )
    known: bool = False
    answered: list[str] = field(default_factory=list)
    did: list[str] = field(default_factory=list)
    request: x509.CertificateSigningRequest | None = None
    registered: acme.messages.NewRegistration | None = None
    network: Network | None = None

    def __call__(self, directory: object, network: Network) -> Authority:
        assert directory == f"directory at {DIRECTORY}"
        self.network = network
        return self

    def get_directory(self, url: str, network: Network) -> str:
        return f"directory at {url}"

    def new_account(
        self, wanted: acme.messages.NewRegistration
    ) -> acme.messages.RegistrationResource:
        self.registered = wanted
        if self.known:
            raise acme.errors.ConflictError("https://ca.test/account/7")
        return acme.messages.RegistrationResource(
            uri="https://ca.test/account/8", body=acme.messages.Registration()
        )

    def query_registration(self, existing: acme.messages.RegistrationResource) -> None:
        self.did.append(f"account {existing.uri}")

    def new_order(self, pem: bytes) -> acme.messages.OrderResource:
        self.request = x509.load_pem_x509_csr(pem)
        authorizations = [self.authorization(name) for name in NAMES]
        return acme.messages.OrderResource(authorizations=authorizations)

    def authorization(self, name: str, error: str = "") -> acme.messages.AuthorizationResource:
        status = acme.messages.STATUS_VALID if name in self.valid else acme.messages.STATUS_PENDING
        told = acme.messages.Error(typ="urn:x", detail=error) if error else None
        body = acme.messages.Authorization(
            identifier=acme.messages.Identifier(typ=acme.messages.IDENTIFIER_FQDN, value=name),
            status=status,
            challenges=[
                acme.messages.ChallengeBody(chall=kind(token=name.encode()), uri=name, error=told)
                for kind in self.kinds
            ],
        )
        return acme.messages.AuthorizationResource(body=body)

    def answer_challenge(self, challenge: acme.messages.ChallengeBody, response: object) -> None:
        assert isinstance(challenge.chall, challenges.DNS01)
        self.did.append(f"answer {challenge.uri}")

    def poll_and_finalize(
        self, ordered: acme.messages.OrderResource, deadline: datetime
    ) -> acme.messages.OrderResource:
        assert timedelta(minutes=4) < deadline - datetime.now() <= timedelta(minutes=5)
        self.did.append("finish")
        if self.wrong:
            raise self.wrong
        return ordered.update(fullchain_pem="the chain")


SETTINGS = TlsSettings("acme-dns", "a@example.com", DIRECTORY, None, None, None, None)


@dataclass
class Ordering:
    """An order at an authority; `proofs` are what was published for it."""

    authority: Authority
    owner: Account
    proofs: dict[str, str] = field(default_factory=dict)

    def __call__(self, settings: TlsSettings = SETTINGS) -> Pair:
        return order(settings, NAMES, self.owner, self.published)

    @contextmanager
    def published(self, proofs: Mapping[str, str]) -> Iterator[None]:
        self.proofs |= proofs
        self.authority.did.append("publish")
        yield
        self.authority.did.append("take away")

    def fails(self, error: Exception) -> Words:
        self.authority.wrong = error
        with pytest.raises(AcmeError) as told:
            self()
        return told_of(told.value)


@pytest.fixture
def ordering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ordering:
    authority = Authority()
    monkeypatch.setattr(acme.client, "ClientV2", authority)
    return Ordering(authority, Account(tmp_path / "acme" / "ca.key", None))


def test_a_certificate_is_ordered_for_all_names_with_a_new_key(ordering: Ordering) -> None:
    pair = ordering()
    assert pair.chain == b"the chain"
    request = ordering.authority.request
    assert request is not None and request.is_signature_valid
    key = dkim.read(pair.key)
    assert key.public_key() == request.public_key() and key.key_size == 2048
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert tuple(names.value.get_values_for_type(x509.DNSName)) == NAMES
    assert not names.critical and not list(request.subject)
    registered = ordering.authority.registered
    assert registered is not None and registered.emails == ("a@example.com",)
    assert registered.terms_of_service_agreed
    assert ordering.authority.network is not None
    assert ordering.authority.network.user_agent == "pmail-deploy"


def test_proofs_are_published_before_they_are_asked_for_and_taken_away_at_the_end(
    ordering: Ordering,
) -> None:
    ordering()
    assert ordering.authority.did == [
        "publish",
        *(f"answer {name}" for name in NAMES),
        "finish",
        "take away",
    ]
    assert list(ordering.proofs) == [f"_acme-challenge.{name}" for name in NAMES]
    account_key = ordering.owner.key()
    proof = challenges.DNS01(token=NAMES[0].encode()).validation(account_key)
    assert ordering.proofs[f"_acme-challenge.{NAMES[0]}"] == proof


def test_a_name_that_is_proven_already_is_not_proven_again(ordering: Ordering) -> None:
    ordering.authority.valid = frozenset(NAMES[:1])
    ordering()
    assert list(ordering.proofs) == [f"_acme-challenge.{NAMES[1]}"]


def test_an_account_that_is_there_already_is_taken(ordering: Ordering) -> None:
    ordering.authority.known = True
    ordering()
    assert ordering.authority.did[0] == "account https://ca.test/account/7"


def test_an_authority_with_a_certificate_of_its_own_is_trusted_by_that(ordering: Ordering) -> None:
    ordering(replace(SETTINGS, ca_file="/ca.pem"))
    assert ordering.authority.network is not None
    assert ordering.authority.network.verify_ssl == "/ca.pem"
    ordering()
    assert ordering.authority.network.verify_ssl is True


def test_why_an_order_failed_is_told_in_the_authoritys_words(ordering: Ordering) -> None:
    said = [ordering.authority.authorization(name, f"no {name}") for name in NAMES]
    silent = ordering.authority.authorization("x.test")
    refused = ordering.fails(acme.errors.ValidationError([silent, *said]))
    assert refused.id == "tls.acme.refused"
    reasons = dict(refused.values)["reason"].split("; ")
    assert reasons == [f"{name}: no {name}" for name in NAMES for _ in range(2)]
    limited = acme.messages.Error.with_code("rateLimited", detail="too many")
    assert ordering.fails(limited) == Words.of("tls.acme.refused", reason="too many (rateLimited)")
    assert ordering.fails(acme.errors.TimeoutError()) == Words.of(
        "tls.acme.timeout", directory=DIRECTORY
    )
    assert ordering.fails(requests.ConnectionError("down")) == Words.of(
        "tls.acme.unreachable", directory=DIRECTORY, reason="down"
    )
    assert ordering.fails(acme.errors.ClientError("odd")) == Words.of(
        "tls.acme.refused", reason="odd"
    )


def test_an_authority_without_proof_by_dns_is_told(ordering: Ordering) -> None:
    ordering.authority.kinds = (challenges.HTTP01,)
    assert ordering.fails(AssertionError("not reached")) == Words.of(
        "tls.acme.no_dns", name=NAMES[0]
    )


def test_an_account_is_kept_by_its_directory_and_its_key_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PMAIL_KEYS_PASSPHRASE", "secret")
    owner = account(tmp_path, "https://ca.test:14000/dir/v 2/")
    assert owner.path == tmp_path / "acme" / "ca.test_14000_dir_v_2.key"
    assert "secret" not in repr(owner) and str(owner.path) in repr(owner)
    made = owner.key()
    assert dkim.is_encrypted(owner.path.read_bytes())
    assert owner.path.stat().st_mode & 0o777 == 0o600
    assert account(tmp_path, "https://ca.test:14000/dir/v 2/").key() == made
    with pytest.raises(AcmeError) as wrong:
        Account(owner.path, "another").key()
    assert told_of(wrong.value) == Words.of("tls.acme.account_key", path=str(owner.path))
    plain = Account(tmp_path / "plain.key", None)
    plain.key()
    assert not dkim.is_encrypted(plain.path.read_bytes())


def told_of(error: AcmeError) -> Words:
    return error.words
