"""A caching proxy for the hosts' apt: listens in the lab, fetches from outside it.

Started as `python -m tests.lab.apt_proxy NAMESPACE ADDRESS PORT CACHE`. Serves only the mirrors
that this machine's own apt uses.
"""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from tests.lab.network import entered

_FRESH = 6 * 3600.0


def _allowed() -> set[str | None]:
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {urlsplit(uri).hostname for uri in listed.stdout.split()}


class Proxy(BaseHTTPRequestHandler):
    """Answers GET from the cache, or fetches and keeps."""

    protocol_version = "HTTP/1.1"
    folder: Path
    allowed: set[str | None]

    def do_GET(self) -> None:
        """Serve one file."""
        url = urlsplit(self.path)
        if url.hostname not in self.allowed:
            self.send_error(403)
            return
        kept = self.folder / hashlib.sha256(self.path.encode()).hexdigest()
        for_ever = url.path.endswith(".deb") or "/by-hash/" in url.path
        if not (kept.exists() and (for_ever or time.time() - kept.stat().st_mtime < _FRESH)):
            try:
                with urllib.request.urlopen(self.path, timeout=120) as reply:
                    body = reply.read()
            except urllib.error.HTTPError as error:
                self.send_error(error.code)
                return
            fresh = kept.with_name(f"{kept.name}.{os.getpid()}.{id(self)}")
            fresh.write_bytes(body)
            fresh.replace(kept)
        body = kept.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


def main() -> None:
    """Listen in the lab's namespace; fetch from the machine's own."""
    namespace, address, port, folder = sys.argv[1:5]
    Proxy.folder, Proxy.allowed = Path(folder), _allowed()
    Proxy.folder.mkdir(parents=True, exist_ok=True)
    with entered(namespace):
        listener = socket.create_server((address, int(port)), backlog=64)
    server = ThreadingHTTPServer((address, int(port)), Proxy, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
