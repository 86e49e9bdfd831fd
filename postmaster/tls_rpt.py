"""TLS-RPT records (RFC 8460 section 3): where senders report that they could not encrypt."""

from __future__ import annotations

from collections.abc import Iterable

from dns_providers.rrset import TXT, Value

# Some receivers compare these octets, so no blank may stand in them.
_BEGIN = b"v=TLSRPTv1;"
# What parts one address from the next, or ends the list (RFC 8460 section 3).
_CODED: dict[str, str | int | None] = {",": "%2C", "!": "%21", ";": "%3B"}


class TlsRptSyntaxError(ValueError):
    """The text is no valid TLS-RPT record; the message is what is wrong with it."""


def owner(domain: str) -> str:
    """Return the owner name of a domain's TLS-RPT record."""
    return f"_smtp._tls.{domain}"


def build(uris: Iterable[str]) -> TXT:
    """Return the record that asks for reports at `mailto:` and `https:` URIs."""
    listed = ",".join(uri.translate(str.maketrans(_CODED)) for uri in uris)
    return TXT(f"v=TLSRPTv1; rua={listed}".encode("ascii"))


def found_in(values: Iterable[Value]) -> list[bytes]:
    """Return those of a name's values that mean to be TLS-RPT records, sorted."""
    texts = (value.data for value in values if isinstance(value, TXT))
    return sorted(each for each in texts if each.lower().startswith(b"v=tlsrptv1"))


def parse(data: bytes) -> tuple[str, ...]:
    """Return where a record has reports sent. Raises TlsRptSyntaxError."""
    if not data.startswith(_BEGIN):
        raise TlsRptSyntaxError(data[:12].decode("ascii", "backslashreplace"))
    tags = dict[str, str]()
    for part in data[len(_BEGIN) :].decode("ascii", "backslashreplace").split(";"):
        name, equals, value = part.partition("=")
        if part.strip() and not equals:
            raise TlsRptSyntaxError(part.strip())
        tags.setdefault(name.strip(), value.strip())
    uris = tuple(each.strip() for each in tags.get("rua", "").split(","))
    for uri in uris:
        if not uri.startswith(("mailto:", "https:")):
            raise TlsRptSyntaxError(f"rua={uri}")
    return uris


def outside(uris: Iterable[str], domain: str) -> bool:
    """Return whether some reports go elsewhere than to mailboxes of the domain itself.

    Those are not delivered while the domain's own mail cannot be.
    """
    return any(
        not uri.startswith("mailto:") or uri.rpartition("@")[2].lower() != domain for uri in uris
    )
