"""A certificate, a TLS server on loopback, and a watch that sees another address."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge import config
from edge.guesses import Guesses, Watch

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def certificate(folder: Path, name: str = "mail.example.test") -> tuple[Path, Path]:
    """Write a self-signed certificate; return the paths of chain and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.datetime(2026, 1, 1)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36_500))
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, private


@asynccontextmanager
async def server(folder: Path, handler: Handler, port: int = 0) -> AsyncIterator[int]:
    """Serve TLS on loopback, at any port where none is given; yields the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(folder))

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    made = await asyncio.start_server(served, "127.0.0.1", port, ssl=context)
    try:
        yield made.sockets[0].getsockname()[1]
    finally:
        made.close()


class Elsewhere(Watch):
    """Takes every client for one at 192.0.2.7 (loopback is never held); waits by noting it."""

    def __init__(self, free: int = 3, most: int = 10) -> None:
        self.waits: list[float] = []
        self.settled: list[tuple[str, bool]] = []
        self.passwords: list[bytes] = []
        rule = config.Guesses(free=free, most=most, within=600, hold=900)
        super().__init__(Guesses(rule), lambda: 0.0, self._wait)

    async def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)

    def held(self, address: str) -> bool:
        """See Watch."""
        return super().held("192.0.2.7")

    async def settle(
        self, address: str, account: str, right: bool, since: float, password: bytes = b""
    ) -> bool:
        """See Watch."""
        self.settled.append((account, right))
        self.passwords.append(password)
        return await super().settle("192.0.2.7", account, right, since)
