"""The connector for zones, under the name that pyinfra loads it by."""

from __future__ import annotations

from dns_providers.connector import ZoneConnector

__all__ = ["ZoneConnector"]
