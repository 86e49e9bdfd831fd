"""Any provider that an octoDNS package of our list writes to."""

from __future__ import annotations

from dns_providers.base import AuthError, Provider
from dns_providers.octodns import packages
from dns_providers.rrset import owner_name
from dns_providers.spec import Environ, Option, Options, ProviderSpec, unreadable
from ground.secret_values import BadSecret


def _open(zone: str, options: Options, environ: Environ) -> Provider:
    # Needs octoDNS, which only who uses it has installed.
    from dns_providers.octodns.bridge import OctoDnsProvider

    package = packages.PACKAGES[options["octodns_provider"]]
    try:
        arguments = packages.arguments_of(package, options, environ)
    except BadSecret as error:
        raise AuthError(error.words.id, **error.words.named) from None
    except OSError as error:
        raise unreadable(str(error.filename), error) from None
    return OctoDnsProvider(owner_name(zone), package, arguments)


SPEC = ProviderSpec(
    (
        Option("octodns_provider", required=True, choices=tuple(sorted(packages.PACKAGES))),
        Option("octodns_arguments"),
        Option("octodns_variables"),
    ),
    _open,
    problems=packages.problems,
    policy="policy.octodns",
)
