"""What is spoken to on loopback is not proven by the authorities of the whole world."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest

_END = "-----END CERTIFICATE-----\n"


@pytest.fixture(scope="package", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One trusted authority instead of 140: each client of each test loads them all."""
    first = Path(certifi.where()).read_text("utf-8").partition(_END)[0] + _END
    path = tmp_path_factory.mktemp("authority") / "one.pem"
    path.write_text(first)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(path))
        patch.delenv("SSL_CERT_DIR", raising=False)
        yield
