"""A TCP relay as far away as one likes: what goes through it waits, in each direction.

`python -m benchmarks.delay MILLISECONDS PORT ADDRESS=UPSTREAM ...` relays the port of each address
to the same port upstream. MILLISECONDS: of a round trip; a connection waits for one, too.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import suppress

_CHUNK = 1 << 16


async def relay(address: str, upstream: str, port: int, one_way: float) -> None:
    """Relay a port for ever. one_way: seconds."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * one_way)
        far_reader, far_writer = await asyncio.open_connection(upstream, port)
        for each in (writer, far_writer):
            # What comes in two packets must not wait for the first's acknowledgement.
            each.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(
            _one_way(reader, far_writer, one_way), _one_way(far_reader, writer, one_way)
        )

    server = await asyncio.start_server(connected, address, port)
    await server.serve_forever()


async def _one_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wait: float) -> None:
    """Pass on what comes, each piece as long after it came; the end, too."""
    loop, coming = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()

    async def take() -> None:
        data = b"-"
        while data:
            try:
                data = await reader.read(_CHUNK)
            except OSError:
                data = b""
            coming.put_nowait((loop.time() + wait, data))

    taking = asyncio.create_task(take())
    data = b"-"
    while data:
        due, data = await coming.get()
        await asyncio.sleep(due - loop.time())
        with suppress(OSError):
            writer.write(data)
            await writer.drain()
    await taking
    writer.close()


async def main() -> None:
    """Relay all that is asked for."""
    milliseconds, port = float(sys.argv[1]), int(sys.argv[2])
    ways = (each.split("=") for each in sys.argv[3:])
    relays = [relay(near, far, port, milliseconds / 2000) for near, far in ways]
    await asyncio.gather(*relays)


if __name__ == "__main__":
    asyncio.run(main())
