"""Ordering certificates: what the authority may ask for without an order failing."""

from __future__ import annotations

import acme.client
import acme.messages
import pytest

from deploys.tls_certificate.acme_dns import Network


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
