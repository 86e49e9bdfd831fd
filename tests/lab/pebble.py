"""An ACME certificate authority for tests (Pebble), validating through the lab's primary."""

from __future__ import annotations

import json
import shutil
import ssl
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.lab.nameservers import PRIMARY
from tests.lab.network import Network, state
from tests.lab.process import Daemon, run, wait_for

ADDRESS = "198.51.100.80"
DIRECTORY = f"https://{ADDRESS}:14000/dir"
REFUSED = "refused.example.test"  # a name that the authority gives no certificate for
YEAR = 365 * 86400


@dataclass(frozen=True)
class Pebble:
    """The authority of one lab instance."""

    @property
    def folder(self) -> Path:
        """Its state."""
        return state() / "pebble"

    @property
    def daemon(self) -> Daemon:
        """Its process."""
        return Daemon(self.folder.parent / "pebble.pid")

    @property
    def api_ca(self) -> Path:
        """PEM file that the directory's own HTTPS certificate is trusted with."""
        return self.folder / "api.pem"

    @property
    def root(self) -> Path:
        """PEM file of the root that issued certificates come from."""
        return self.folder / "root.pem"

    def up(self, validity: int = YEAR) -> None:
        """Start it. validity: seconds that its certificates are valid."""
        self.down()
        self.folder.mkdir(parents=True)
        run(
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=pebble"),
            *("-addext", f"subjectAltName=IP:{ADDRESS}"),
            *("-keyout", str(self.folder / "api.key"), "-out", str(self.api_ca)),
        )
        settings = {
            "listenAddress": f"{ADDRESS}:14000",
            "managementListenAddress": f"{ADDRESS}:15000",
            "certificate": str(self.api_ca),
            "privateKey": str(self.folder / "api.key"),
            "httpPort": 80,
            "tlsPort": 443,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            "certificateValidityPeriod": validity,
            "domainBlocklist": [REFUSED],
        }
        (self.folder / "config.json").write_text(json.dumps({"pebble": settings}))
        command = ["pebble", "-config", str(self.folder / "config.json")]
        inside = ["ip", "netns", "exec", Network().name, *command]
        self.daemon.start(
            [*inside, "-dnsserver", f"{PRIMARY}:53", "-strict"],
            self.folder / "log",
            {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "5"},
        )
        if not wait_for(self._fetch_root, 60):
            raise RuntimeError(f"pebble: {(self.folder / 'log').read_text()[-1000:]}")

    def down(self) -> None:
        """End it."""
        self.daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _fetch_root(self) -> bool:
        context = ssl.create_default_context(cafile=str(self.api_ca))
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context), urllib.request.ProxyHandler({})
        )
        try:
            with Network().entered():
                reply = opener.open(f"https://{ADDRESS}:15000/roots/0", timeout=3)
                self.root.write_bytes(reply.read())
        except OSError:
            return False
        return True
