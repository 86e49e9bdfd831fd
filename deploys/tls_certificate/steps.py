"""The certificate's steps on a mail server: tools, stopgap, then the method of its settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pyinfra import host
from pyinfra.api.operation import OperationMeta

from deploys.host import files as host_files
from deploys.host import pmail_layout as layout
from deploys.host import web_layout
from deploys.host.files import Folder
from deploys.host.foreign import Guarded
from deploys.host.gathering import FileAt, Look
from deploys.host.packages import packages, packages_there
from deploys.host.templates import render
from deploys.tls_certificate import operations
from ground.words import text
from postmaster.settings import MailServer, Site
from postmaster.web import web_of

_HERE = Path(__file__).parent
_STOPGAP_UNITS = ("pmail-tls-stopgap.service", "pmail-tls-stopgap.timer")
_STOPGAP_FILES = tuple(f"{layout.UNITS}/{unit}" for unit in _STOPGAP_UNITS)
_CERTBOT = ("certbot",)
_CERTBOT_DROP_IN = f"{layout.UNITS}/certbot.service.d/pmail-deploy.conf"
_DROP_INS = Folder(str(Path(_CERTBOT_DROP_IN).parent))
_HOOKS = Folder(str(Path(operations.HOOK).parent))


def certificate_steps(
    server: MailServer, site: Site, *, proven: bool = True
) -> tuple[OperationMeta, ...]:
    """Put a valid certificate on the host; nothing is restarted.

    proven: the server's names point to it, so that an authority can be shown. Else one that is
    there has to do, or one that the server signs itself, until they do.

    Returns the operations that may change what PMail reads at start.
    """
    _put_ours(operations.INSTALL, install_certificate(server), "755")
    _own_file("certificate-stopgap.sh", operations.STOPGAP, "755")
    if server.tls.method == "acme-http" and web_of(server).ports == "theirs":
        # What the user's web server includes names a certificate: without one it cannot read it.
        operations.some(name=text("tls.name.some"), server=server)
    if proven or server.tls.method != "acme-http":
        certificate = _METHODS[server.tls.method](server, site)
    else:
        certificate = operations.some(name=text("tls.name.some"), server=server)
    for name in host.loop(_STOPGAP_UNITS):
        _put_ours(f"{layout.UNITS}/{name}", stopgap_units()[name], "644")
    operations.timer(name=text("tls.name.stopgap"), unit=_STOPGAP_UNITS[1])
    return (certificate,)


def renewal_steps(server: MailServer) -> None:
    """Have certbot's timer prove names by who has port 80 from now on."""
    if server.tls.method == "acme-http":
        operations.renews(name=text("tls.name.renews"), server=server)


def looks(server: MailServer) -> tuple[Look, ...]:
    """Return what these steps look at on a host, in their order."""
    found = [_ours(operations.INSTALL), _ours(operations.STOPGAP)]
    if server.tls.method == "acme-http":
        found += [packages_there(_CERTBOT), _HOOKS.look, _ours(operations.HOOK)]
    if server.tls.ca_file:
        found += [FileAt(operations.CA_BUNDLE), _DROP_INS.look, _ours(_CERTBOT_DROP_IN)]
    found += [operations.CHAIN]
    if server.tls.method == "acme-http":
        found += [operations.waits("certbot.timer"), operations.RENEWAL]
    return (*found, *map(_ours, _STOPGAP_FILES), operations.waits(_STOPGAP_UNITS[1]))


def _ours(path: str) -> Look:
    return FileAt(path, layout.MARK)


def guarded(server: MailServer) -> tuple[Guarded, ...]:
    """Return the files for certificates that must not be somebody else's."""
    paths = [operations.INSTALL, operations.STOPGAP, *_STOPGAP_FILES]
    if server.tls.method == "acme-http":
        paths += [operations.HOOK, *([_CERTBOT_DROP_IN] if server.tls.ca_file else [])]
    return tuple(map(Guarded, paths))


def install_certificate(server: MailServer) -> str:
    """Return the program that installs a certificate."""
    prune = host_files.prune_script(
        layout.TLS_VERSIONS, "?" * 64, layout.TLS_CURRENT, server.keep_versions
    )
    return render(
        _HERE,
        "install-certificate.sh.j2",
        versions=layout.TLS_VERSIONS,
        prune=prune,
        sign=web_layout.SIGN,
    )


def stopgap_units() -> dict[str, str]:
    """Return the units that look at the certificate each hour, by name."""
    service, timer = _STOPGAP_UNITS
    return {
        service: render(_HERE, f"{service}.j2", versions=layout.TLS_VERSIONS),
        timer: (_HERE / timer).read_text("utf-8"),
    }


def _own_file(source: str, path: str, mode: str) -> None:
    _put_ours(path, (_HERE / source).read_text("utf-8"), mode)


def _put_ours(path: str, content: str, mode: str) -> None:
    host_files.file(
        name=text("tls.name.file", path=path),
        path=path,
        content=content,
        mode=mode,
        ours=layout.MARK,
    )


def _acme_http(server: MailServer, site: Site) -> OperationMeta:
    packages(name=text("tls.name.certbot"), names=_CERTBOT)
    host_files.directories(name=text("tls.name.hooks"), folders=(_HOOKS,))
    _own_file("renewed-certificate.sh", operations.HOOK, "755")
    if server.tls.ca_file:
        _private_authority(server.tls.ca_file)
    done = operations.by_acme_http(name=text("tls.name.order"), server=server, site=site)
    operations.timer(name=text("tls.name.timer"), unit="certbot.timer")
    return done


def _private_authority(ca_file: str) -> None:
    """A directory whose own certificate comes from a private authority, renewals included."""
    host_files.file(
        name=text("tls.name.file", path=operations.CA_BUNDLE),
        path=operations.CA_BUNDLE,
        content=Path(ca_file).read_text("utf-8"),
    )
    host_files.directories(name=text("tls.name.file", path=_DROP_INS.path), folders=(_DROP_INS,))
    host_files.file(
        name=text("tls.name.file", path=_CERTBOT_DROP_IN),
        path=_CERTBOT_DROP_IN,
        content=(
            f"# {layout.MARK}\n[Service]\nEnvironment=REQUESTS_CA_BUNDLE={operations.CA_BUNDLE}\n"
        ),
        ours=layout.MARK,
    )


def _acme_dns(server: MailServer, site: Site) -> OperationMeta:
    return operations.by_acme_dns(name=text("tls.name.order"), server=server, site=site)


def _files(server: MailServer, site: Site) -> OperationMeta:
    return operations.from_files(name=text("tls.name.order"), server=server)


_METHODS: dict[str, Callable[[MailServer, Site], OperationMeta]] = {
    "acme-http": _acme_http,
    "acme-dns": _acme_dns,
    "files": _files,
}
