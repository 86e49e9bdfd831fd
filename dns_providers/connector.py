"""`@zone/example.com`: a DNS zone as a pyinfra host, so that zone work is done once per zone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from pyinfra.api.exceptions import ConnectError, InventoryError
from pyinfra.connectors.base import BaseConnector

from ground.words import text


class ZoneConnector(BaseConnector):
    """A zone has no shell: operations on it are Python calls to its DNS provider."""

    handles_execution = True

    @staticmethod
    def make_names_data(name: str) -> Iterator[tuple[str, dict[str, str], list[str]]]:
        """Give one host for each zone name. Raises InventoryError without a name."""
        if not name:
            raise InventoryError(text("dns.zone_host.nameless"))
        yield f"@zone/{name}", {"zone": name.rstrip(".").lower()}, ["@zone"]

    def connect(self) -> None:
        """Nothing to connect to: the provider is opened by the operation that needs it."""

    def disconnect(self) -> None:
        """Nothing to close."""

    def run_shell_command(self, *arguments: Any, **options: Any) -> NoReturn:
        """Refuse: there is no shell."""
        raise ConnectError(text("dns.zone_host.no_shell", host=self.host.name))

    def put_file(self, *arguments: Any, **options: Any) -> NoReturn:
        """Refuse: there are no files."""
        raise ConnectError(text("dns.zone_host.no_shell", host=self.host.name))

    def get_file(self, *arguments: Any, **options: Any) -> NoReturn:
        """Refuse: there are no files."""
        raise ConnectError(text("dns.zone_host.no_shell", host=self.host.name))
