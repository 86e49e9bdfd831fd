"""A certificate by ACME DNS-01 (RFC 8555 section 8.4), ordered on the operator's machine.

For hosts whose port 80 is closed. The challenge is published through the zone's own provider.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import acme.client
import acme.errors
import acme.messages
import josepy.errors
import requests
from acme import challenges
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from josepy.jwk import JWKRSA
from josepy.util import ComparableRSAKey

from deploys.run.paths import passphrase
from deploys.tls_certificate.challenge_dns import AcmeError
from deploys.tls_certificate.renewal import Pair
from ground.private_files import write_private
from keys import dkim as rsa_keys
from postmaster.desired import challenge_owner
from postmaster.settings import TlsSettings

_ORDER_TIMEOUT = timedelta(minutes=5)
_NONCE_TRIES = 5

# Publishes challenges (owner name -> TXT value), and takes them away when left.
Published = Callable[[Mapping[str, str]], AbstractContextManager[None]]


class Network(acme.client.ClientNetwork):
    """Asks again with a fresh nonce where the authority wants that (RFC 8555 section 6.5)."""

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        """POST as the library does, which tries twice; several clients at once need more."""
        for _ in range(_NONCE_TRIES - 1):
            try:
                return super().post(*args, **kwargs)
            except acme.messages.Error as error:
                if error.code != "badNonce":
                    raise
        return super().post(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class Account:
    """An ACME account: where its key is kept, and the passphrase it is encrypted with."""

    path: Path
    passphrase: str | None

    def __repr__(self) -> str:
        return f"Account({self.path})"

    def key(self) -> JWKRSA:
        """Return the account's key; made and kept at first use. Raises AcmeError."""
        if not self.path.exists():
            self._make()
        try:
            private = rsa_keys.read(self.path.read_bytes(), self.passphrase)
        except (rsa_keys.WrongPassphrase, rsa_keys.KeyFormatError):
            raise AcmeError("tls.acme.account_key", path=str(self.path)) from None
        return JWKRSA(key=ComparableRSAKey(private))

    def uri(self) -> str | None:
        """Return what the authority calls it, None before its first order."""
        try:
            return self._uri_path.read_text("ascii").strip() or None
        except (OSError, UnicodeDecodeError):
            return None

    def remember(self, uri: str) -> None:
        """Keep what the authority calls it."""
        if self.uri() != uri:
            write_private(self._uri_path, f"{uri}\n".encode("ascii"))

    @property
    def _uri_path(self) -> Path:
        return self.path.with_suffix(".uri")

    def _make(self) -> None:
        pem = rsa_keys.make()
        kept = rsa_keys.encrypted_pem(pem, self.passphrase) if self.passphrase else pem
        write_private(self.path, kept)


def account(keys: Path, directory: str) -> Account:
    """Return the account for a directory, kept in the key store."""
    name = (urlsplit(directory).netloc + urlsplit(directory).path).strip("/")
    safe = "".join(char if char.isalnum() or char in ".-" else "_" for char in name)
    return Account(keys / "acme" / f"{safe}.key", passphrase())


def order(
    settings: TlsSettings, names: tuple[str, ...], owner: Account, published: Published
) -> Pair:
    """Order a certificate for `names` and return it with its new key. Raises AcmeError."""
    try:
        return _order(settings, names, owner, published)
    except acme.errors.ValidationError as error:
        raise AcmeError("tls.acme.refused", reason=_failed(error)) from None
    except acme.messages.Error as error:
        reason = f"{error.detail or error.description or ''} ({error.code or error.typ})"
        raise AcmeError("tls.acme.refused", reason=reason) from None
    except acme.errors.TimeoutError:
        raise AcmeError("tls.acme.timeout", directory=settings.directory) from None
    except (requests.RequestException, OSError) as error:
        raise AcmeError(
            "tls.acme.unreachable", directory=settings.directory, reason=str(error)
        ) from None
    except (acme.errors.Error, josepy.errors.Error) as error:
        raise AcmeError("tls.acme.refused", reason=str(error)) from None


def _order(
    settings: TlsSettings, names: tuple[str, ...], owner: Account, published: Published
) -> Pair:
    account_key = owner.key()
    client = _client(settings, account_key, owner)
    key = rsa_keys.make()  # RSA: old mail servers cannot do ECDSA
    ordered = client.new_order(_request(rsa_keys.read(key), names))
    open_ones = {}
    proofs: dict[str, str] = {}
    for authorization in ordered.authorizations:
        if authorization.body.status == acme.messages.STATUS_VALID:
            continue
        name = authorization.body.identifier.value
        challenge = _dns_challenge(authorization)
        response, proof = challenge.response_and_validation(account_key)
        owner_name = challenge_owner(name)
        proofs[owner_name] = proof
        open_ones[owner_name] = (challenge, response)
    with published(proofs):
        for challenge, response in open_ones.values():
            client.answer_challenge(challenge, response)
        deadline = datetime.now() + _ORDER_TIMEOUT
        finished = client.poll_and_finalize(ordered, deadline)
    return Pair(finished.fullchain_pem.encode("ascii"), key)


def _client(settings: TlsSettings, key: JWKRSA, owner: Account) -> acme.client.ClientV2:
    network = Network(key, user_agent="pmail-deploy")
    if settings.ca_file:
        network.verify_ssl = settings.ca_file  # type: ignore[assignment]  # as `requests` takes it
    directory = acme.client.ClientV2.get_directory(settings.directory, network)
    client = acme.client.ClientV2(directory, network)
    wanted = acme.messages.NewRegistration.from_data(
        email=settings.email, terms_of_service_agreed=True
    )
    try:
        owner.remember(client.new_account(wanted).uri)
    except acme.errors.ConflictError as known:
        existing = acme.messages.RegistrationResource(
            uri=known.location, body=acme.messages.Registration()
        )
        client.query_registration(existing)
        owner.remember(known.location)
    return client


def _request(private: rsa.RSAPrivateKey, names: tuple[str, ...]) -> bytes:
    alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(alternative, critical=False)
        .sign(private, hashes.SHA256())
    )
    return request.public_bytes(serialization.Encoding.PEM)


def _dns_challenge(
    authorization: acme.messages.AuthorizationResource,
) -> acme.messages.ChallengeBody:
    for challenge in authorization.body.challenges:
        if isinstance(challenge.chall, challenges.DNS01):
            return challenge
    name = authorization.body.identifier.value
    raise AcmeError("tls.acme.no_dns", name=name)


def _failed(error: acme.errors.ValidationError) -> str:
    """What the authority says of each name that it could not validate."""
    reasons = []
    for authorization in error.failed_authzrs:
        for challenge in authorization.body.challenges:
            if challenge.error is not None:
                name = authorization.body.identifier.value
                reasons.append(f"{name}: {challenge.error.detail}")
    return "; ".join(reasons)
