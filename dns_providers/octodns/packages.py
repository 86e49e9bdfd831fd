"""Which octoDNS packages may be used, what each needs, and what its way to the API can carry.

A package is listed only after its write path was read and run against a fake of its API
(tests/octodns). Nothing of octoDNS is loaded here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from dns_providers.base import Capabilities
from ground.secret_values import BadSecret, read_file, read_variable
from ground.shown import is_name_of_variable, keep_secret
from ground.words import Words

_ALL = frozenset(range(256))
_PRINTABLE = frozenset(range(0x20, 0x7F))


@dataclass(frozen=True, slots=True)
class Text:
    """How a package carries TXT values; `;` is written `\\;` in octoDNS, with exceptions.

    quoted: its API takes and gives presentation format; else the joined octets as they are, and
    quotes among them are not safe: octoDNS takes those around a value for its own. wraps: the
    package puts the outer quotes. sends_escaped, reads_escaped: whether it takes `\\;` apart before
    sending, makes it on reading. refuses: octets that it or its API would change. longest: in
    octets of the joined value.
    """

    quoted: bool
    sends_escaped: bool = True
    reads_escaped: bool = True
    wraps: bool = False
    refuses: bytes = b""
    longest: int | None = None

    @property
    def forbidden(self) -> frozenset[int]:
        """Octets that a value must not have."""
        plain = frozenset[int]() if self.quoted else _ALL - _PRINTABLE | frozenset(b'"')
        return plain | frozenset(self.refuses)


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a package's class.

    variable: environment variable that holds it (`<variable>_FILE` names a file with it instead);
    without one it is given in the inventory. kind: text, or file for a path.
    """

    name: str
    variable: str = ""
    default: str | None = None
    kind: Literal["text", "file"] = "text"


@dataclass(frozen=True, slots=True)
class Package:
    """An octoDNS provider package.

    module, factory: where its class is. api: the host that it talks to, for messages. creators:
    what would make a zone, seen from the class's object. shows_ns: whether the apex's NS are
    among what it reads. by_value: its API knows single records, so only values that differ are
    deleted and created; else an RRset is replaced in one call. needs_settling: what is written
    is served only after a call of its own. null_srv: whether it can say that there is no service
    (target `.`, RFC 2782). caa_refuses: octets that its API takes in no CAA.
    """

    name: str
    module: str
    factory: str
    api: str
    arguments: tuple[Argument, ...]
    text: Text
    creators: tuple[str, ...] = ()
    fixed: tuple[tuple[str, object], ...] = ()
    by_value: bool = False
    needs_settling: bool = False
    null_srv: bool = True
    caa_refuses: bytes = b""
    shows_ns: bool = True
    atomic: Literal["zone", "rrset", "record"] = "rrset"
    min_ttl: int = 1
    max_ttl: int = 2**31 - 1

    @property
    def extra(self) -> str:
        """The extra of ours that installs it, and its own name too."""
        return f"octodns-{self.name}"

    @property
    def capabilities(self) -> Capabilities:
        """As every adapter tells them."""
        return Capabilities(
            "record" if self.by_value else self.atomic,
            "reread",
            self.min_ttl,
            self.max_ttl,
            self.text.longest,
            txt_forbidden=self.text.forbidden,
            txt_trimmed=not self.text.quoted,
        )


_RAW = Text(quoted=False)
_QUOTED = Text(quoted=True)

PACKAGES: dict[str, Package] = {
    package.name: package
    for package in (
        Package(
            "digitalocean",
            "octodns_digitalocean",
            "DigitalOceanProvider",
            "api.digitalocean.com",
            (Argument("token", "DIGITALOCEAN_TOKEN"),),
            # 509 characters in presentation format.
            Text(quoted=False, refuses=b"\\", longest=504),
            creators=("_client.domain_create",),
            by_value=True,
            caa_refuses=b"; ",
            min_ttl=30,
        ),
        Package(
            "hetzner",
            "octodns_hetzner",
            "HetznerProvider",
            "api.hetzner.cloud",
            (Argument("token", "HCLOUD_TOKEN"),),
            _QUOTED,
            creators=("_client.zone_create",),
            # The other one, dns.hetzner.com, was shut down in May 2026.
            fixed=(("backend", "hcloud"),),
            min_ttl=60,
        ),
        Package(
            "gandi",
            "octodns_gandi",
            "GandiProvider",
            "api.gandi.net",
            (Argument("token", "GANDI_TOKEN"),),
            _QUOTED,
            creators=("_client.zone_create",),
            shows_ns=False,
            min_ttl=300,
            max_ttl=2592000,
        ),
        Package(
            "ovh",
            "octodns_ovh",
            "OvhProvider",
            "api.ovh.com",
            (
                Argument("endpoint", default="ovh-eu"),
                Argument("application_key", "OVH_APPLICATION_KEY"),
                Argument("application_secret", "OVH_APPLICATION_SECRET"),
                Argument("consumer_key", "OVH_CONSUMER_KEY"),
            ),
            _QUOTED,
            by_value=True,
            needs_settling=True,
            min_ttl=60,
        ),
        Package(
            "desec",
            "octodns_desec",
            "DesecProvider",
            "desec.io",
            (Argument("token", "DESEC_TOKEN"),),
            Text(quoted=True, sends_escaped=False),
            creators=("desec_api.create_domain",),
            # Its own defaults wait up to ten minutes.
            fixed=(("retries", 2), ("backoff", 1), ("max_sleep", 60)),
            atomic="zone",
            min_ttl=3600,
            max_ttl=86400,
        ),
        Package(
            "porkbun",
            "octodns_porkbun",
            "PorkbunProvider",
            "api.porkbun.com",
            (
                Argument("api_key", "PORKBUN_API_KEY"),
                Argument("secret_key", "PORKBUN_SECRET_KEY"),
            ),
            Text(quoted=False, sends_escaped=False, reads_escaped=False),
            by_value=True,
            null_srv=False,
            shows_ns=False,
            min_ttl=600,
        ),
        Package(
            "googlecloud",
            "octodns_googlecloud",
            "GoogleCloudProvider",
            "googleapis.com",
            (
                Argument("project", default=""),
                Argument("credentials_file", "GOOGLE_APPLICATION_CREDENTIALS", kind="file"),
            ),
            Text(quoted=True, sends_escaped=False, reads_escaped=False),
            creators=("_create_gcloud_zone",),
            fixed=(("private", False),),
            atomic="zone",
        ),
        Package(
            "azure",
            "octodns_azure",
            "AzureProvider",
            "management.azure.com",
            (
                Argument("sub_id"),
                Argument("resource_group"),
                Argument("directory_id"),
                Argument("client_id"),
                Argument("key", "AZURE_CLIENT_SECRET"),
            ),
            # It puts a backslash before each quote, for an API that takes octets as they are.
            Text(quoted=False, longest=4096),
            creators=("_create_zone",),
            fixed=(("client_total_retries", 3), ("client_status_retries", 1)),
        ),
        Package(
            "ns1",
            "octodns_ns1",
            "Ns1Provider",
            "api.nsone.net",
            (Argument("api_key", "NS1_API_KEY"),),
            _RAW,
            creators=("_client.zones_create",),
            fixed=(("retry_count", 1),),
        ),
        Package(
            "bunny",
            "octodns_bunny",
            "BunnyProvider",
            "api.bunny.net",
            (Argument("api_key", "BUNNY_API_KEY"),),
            _RAW,
            creators=("_client.zone_create",),
            by_value=True,
            shows_ns=False,
            min_ttl=15,
        ),
        Package(
            "transip",
            "octodns_transip",
            "TransipProvider",
            "api.transip.nl",
            (Argument("account"), Argument("key", "TRANSIP_KEY")),
            _RAW,
            by_value=True,
            min_ttl=60,
            max_ttl=86400,
        ),
        Package(
            "scaleway",
            "octodns_scaleway",
            "ScalewayProvider",
            "api.scaleway.com",
            (Argument("token", "SCW_SECRET_KEY"),),
            Text(quoted=True, sends_escaped=False, reads_escaped=False),
            fixed=(("create_zone", False),),
            atomic="zone",
            min_ttl=60,
        ),
        Package(
            "dnsimple",
            "octodns_dnsimple",
            "DnsimpleProvider",
            "api.dnsimple.com",
            (Argument("account"), Argument("token", "DNSIMPLE_TOKEN")),
            # It takes every backslash out.
            Text(quoted=False, refuses=b"\\"),
            creators=("_client.domain_create",),
            by_value=True,
            null_srv=False,
        ),
        Package(
            "easydns",
            "octodns_easydns",
            "EasyDnsProvider",
            "rest.easydns.net",
            (Argument("token", "EASYDNS_TOKEN"), Argument("api_key", "EASYDNS_API_KEY")),
            _RAW,
            creators=("_client.domain_create",),
            by_value=True,
            shows_ns=False,
        ),
    )
}


def carried(text: Text, data: bytes) -> bool:
    """Whether a TXT value comes to the API and back as it is."""
    if not data or text.forbidden & set(data):
        return False
    if text.longest is not None and len(data) > text.longest:
        return False
    return text.quoted or data == data.strip()


def pairs(value: str) -> dict[str, str]:
    """Return `a=b, c=d` as a mapping. Raises ValueError."""
    found = {}
    for part in filter(None, (each.strip() for each in value.split(","))):
        name, equals, said = part.partition("=")
        if not equals or not name.strip():
            raise ValueError(part)
        found[name.strip()] = said.strip()
    return found


def arguments_of(
    package: Package, options: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Return what the package's class is to be given; secrets from environment or files.

    Options and variables are as `problems` wants them. Raises OSError for an unreadable file.
    """
    given, variables = _settings(options)
    found: dict[str, str] = {}
    for argument in package.arguments:
        if not argument.variable:
            value = given.get(argument.name, argument.default)
        else:
            value = _from_environ(argument, variables, environ)
        if value:
            found[argument.name] = value
    return found


def secrets_of(package: Package, arguments: Mapping[str, str]) -> tuple[str, ...]:
    """Return the arguments' values that must never be shown."""
    hidden = {each.name for each in package.arguments if each.variable and each.kind == "text"}
    return tuple(value for name, value in arguments.items() if name in hidden)


def variables_of(package: Package) -> tuple[str, ...]:
    """Return the environment variables that hold its credentials."""
    return tuple(each.variable for each in package.arguments if each.variable)


def problems(
    options: Mapping[str, str], environ: Mapping[str, str], opening: bool = True
) -> list[Words]:
    """Return all that is wrong beside the options' own form.

    opening: whether the package and its credentials must be there as well.
    """
    package = PACKAGES.get(options.get("octodns_provider", ""))
    if package is None:
        return []
    found: list[Words] = []
    for option in ("octodns_arguments", "octodns_variables"):
        try:
            pairs(options.get(option, ""))
        except ValueError:
            # Not the value: somebody may have put a secret there.
            found.append(Words.of("dns.option.pairs", option=option))
    if opening and not installed(package):
        values = {"provider": package.name, "extra": package.extra}
        found.append(Words.of("dns.option.octodns_extra", **values))
    if not any(each.id == "dns.option.pairs" for each in found):
        found += _argument_problems(package, options, environ, opening)
    return found


def installed(package: Package) -> bool:
    """Whether octoDNS and the package are there; nothing is loaded."""
    return find_spec("octodns") is not None and find_spec(package.module) is not None


def _settings(options: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    given = pairs(options.get("octodns_arguments", ""))
    return given, pairs(options.get("octodns_variables", ""))


def _from_environ(
    argument: Argument, variables: Mapping[str, str], environ: Mapping[str, str]
) -> str:
    variable = variables.get(argument.name, argument.variable)
    if said := environ.get(variable, ""):
        return said if argument.kind == "file" else read_variable(said, variable)
    if path := environ.get(f"{variable}_FILE", ""):
        return read_file(Path(path))
    return ""


def _argument_problems(
    package: Package, options: Mapping[str, str], environ: Mapping[str, str], opening: bool
) -> list[Words]:
    given, variables = _settings(options)
    plain = {each.name for each in package.arguments if not each.variable}
    hidden = {each.name for each in package.arguments if each.variable}
    found: list[Words] = []
    for option, names, known in (
        ("octodns_arguments", given, plain),
        ("octodns_variables", variables, hidden),
    ):
        for name in sorted(set(names) - known):
            values = {"option": option, "argument": name, "known": ", ".join(sorted(known)) or "–"}
            found.append(Words.of("dns.option.octodns_unknown", **values))
    for argument in package.arguments:
        values = {"argument": argument.name, "provider": package.name}
        if not argument.variable:
            if argument.default is None and not given.get(argument.name):
                found.append(Words.of("dns.option.octodns_argument", **values))
            continue
        if opening:
            variable = variables.get(argument.name, argument.variable)
            told = {**values, "variable": variable}
            found += _variable_problems(argument, variable, told, environ)
    return found


def _secret_problems(argument: Argument, variable: str, said: str, path: str) -> list[Words]:
    """What is wrong with a secret that is there; a file of another kind is for the package."""
    if argument.kind == "file":
        return []
    try:
        read_variable(said, variable) if said else read_file(Path(path))
    except BadSecret as error:
        return [error.words]
    except OSError as error:
        return [Words.of("dns.error.secret_file", path=path, reason=error.strerror or "")]
    return []


def _variable_problems(
    argument: Argument, variable: str, values: dict[str, str], environ: Mapping[str, str]
) -> list[Words]:
    said, path = environ.get(variable, ""), environ.get(f"{variable}_FILE", "")
    if argument.kind == "file":
        said, path = "", said
    there = bool(said) or (bool(path) and Path(path).is_file())
    if not there and not is_name_of_variable(variable):
        keep_secret(variable)
        return [Words.of("secret.no_name", option="octodns_variables")]
    if there:
        return _secret_problems(argument, variable, said, path)
    if path:
        option = variable if argument.kind == "file" else f"{variable}_FILE"
        return [Words.of("dns.option.no_file", option=option, value=path)]
    if argument.kind == "file":
        return [Words.of("dns.option.no_variable", option=argument.name, value=variable)]
    return [Words.of("dns.option.octodns_secret", **values)]
