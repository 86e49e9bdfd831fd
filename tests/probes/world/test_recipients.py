"""What a stranger asks a mail server: never for a message, and each recipient by itself."""

from __future__ import annotations

import socketserver
from dataclasses import dataclass, field

from probes.world.recipients import Kind, look
from tests.probes.talker import HangsUp, talking


@dataclass
class Server:
    """Takes mail for its own domain alone."""

    heard: list[str] = field(default_factory=list)

    def serve(self, stream: socketserver.StreamRequestHandler) -> None:
        """One conversation."""
        stream.wfile.write(b"220 mx.a.test\r\n")
        while line := stream.rfile.readline().decode().strip():
            self.heard.append(line)
            stream.wfile.write(self._reply(line))

    def _reply(self, line: str) -> bytes:
        if line.upper().startswith("EHLO"):
            return b"250-mx.a.test\r\n250-SIZE 1000\r\n250 8BITMIME\r\n"
        if line.startswith("RCPT"):
            return b"250 ok\r\n" if line.endswith("@a.test>") else b"554 no relay\r\n"
        return b"250 ok\r\n"


def test_each_recipient_is_asked_by_itself_and_nothing_is_sent() -> None:
    server = Server()
    with talking(server) as port:
        seen = look("127.0.0.1", ("a.test", "b.test"), port=port)
    assert [each.refused for each in seen.of(Kind.ELSEWHERE)] == [True] * 4
    duties = {each.address: each.taken for each in seen.of(Kind.DUTY)}
    assert duties == {
        **dict.fromkeys(("postmaster@a.test", "abuse@a.test"), True),
        **dict.fromkeys(("postmaster@b.test", "abuse@b.test"), False),
    }
    assert [each.taken for each in seen.of(Kind.NOBODY)] == [True]
    assert {"SIZE", "8BITMIME"} <= set(seen.extensions) and not seen.reason
    words = [line.split()[0] for line in server.heard]
    assert "DATA" not in words and words.count("RCPT") == words.count("RSET") == 9


def test_a_server_that_hangs_up_says_nothing() -> None:
    with talking(HangsUp()) as port:
        seen = look("127.0.0.1", ("a.test",), port=port)
    assert seen.recipients == () and seen.reason
