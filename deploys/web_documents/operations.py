"""pyinfra operations for documents on the host: put, signed, and taken away when not wanted."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path

from pyinfra import host
from pyinfra.api import FunctionCommand, operation

from deploys.host import files as host_files
from deploys.host import pmail_layout as layout
from deploys.host import web_layout
from deploys.host.files import Wanted
from deploys.host.foreign import Guarded
from deploys.host.gathering import FileAt, Look, Script
from deploys.host.snapshot import look
from deploys.host.templates import render
from deploys.web_documents.contents import documents, profiles
from ground.words import text
from postmaster import mta_sts
from postmaster.settings import MailServer

Commands = Generator[FunctionCommand, None, None]

_HERE = Path(__file__).parent
_DOCUMENTS, _PROFILES = web_layout.WEB_DOCUMENTS, web_layout.PROFILES
_SIGNED = web_layout.PROFILES_SIGNED
_INPUTS = f"sha256sum {layout.TLS_CHAIN} {_PROFILES}/*.mobileconfig"
_THERE = Script(f"cd {_DOCUMENTS} 2>/dev/null && ls -1A")
_SOURCES = Script(f"cd {_PROFILES} 2>/dev/null && ls -1A")


def signer() -> str:
    """Return the program that signs profiles."""
    return render(
        _HERE,
        "sign-profiles.sh.j2",
        chain=layout.TLS_CHAIN,
        key=layout.TLS_KEY,
        profiles=_PROFILES,
        documents=_DOCUMENTS,
        inputs=_INPUTS,
    )


def _is_signed(server: MailServer) -> Script:
    """The look at whether all profiles are there, signed with the certificate that is installed."""
    paths = (shlex.quote(f"{_DOCUMENTS}/{each}") for each in profiles(server))
    there = " && ".join(f"[ -s {path} ]" for path in paths)
    return Script(f"{_INPUTS} 2>/dev/null | cmp -s - {_SIGNED} && {there}")


def wanted(server: MailServer) -> tuple[Wanted, ...]:
    """Return the files to put on a server's host; policies are put by who has looked first."""
    sources = profiles(server)
    program = Wanted(web_layout.SIGN, signer().encode(), "root", "root", "755", layout.MARK)
    return (
        *((program,) if sources else ()),
        *_files(_DOCUMENTS, documents(server)),
        *_files(_PROFILES, sources),
    )


def _files(folder: str, contents: Mapping[str, bytes]) -> Iterable[Wanted]:
    for name, content in contents.items():
        yield Wanted(f"{folder}/{name}", content, "root", "root", "644")


def looks(server: MailServer) -> tuple[Look, ...]:
    """Return what these operations look at on a host."""
    found: list[Look] = [each.look for each in wanted(server)]
    signed = _is_signed(server) if profiles(server) else FileAt(web_layout.SIGN)
    return (*found, _THERE, _SOURCES, signed, *policy_looks(server))


def guarded(server: MailServer) -> tuple[Guarded, ...]:
    """Return the files that must not be somebody else's."""
    return (Guarded(web_layout.SIGN),) if profiles(server) else ()


def policy_path(domain: str) -> str:
    """Return where a domain's MTA-STS policy is on the host."""
    return f"{_DOCUMENTS}/{mta_sts.file(domain)}"


def policy_look(domain: str) -> Script:
    """Return the look at a domain's MTA-STS policy on the host."""
    return Script(f"cat {shlex.quote(policy_path(domain))} 2>/dev/null")


def policy_looks(server: MailServer) -> tuple[Look, ...]:
    """Return the looks at all policies of a server."""
    return tuple(policy_look(each.domain) for each in server.sts)


@operation()
def put(server: MailServer) -> Commands:
    """Ensure a server's documents, and that none of before is left.

    + server: the mail server
    """
    sources, policies = profiles(server), {mta_sts.file(each.domain) for each in server.sts}
    kept = {*documents(server), *sources, *policies}
    gone = [f"{_DOCUMENTS}/{name}" for name in _listed(_THERE) if name not in kept]
    mine = {*sources, *((Path(_SIGNED).name,) if sources else ())}
    gone += [f"{_PROFILES}/{name}" for name in _listed(_SOURCES) if name not in mine]
    gone += [] if sources else [web_layout.SIGN]
    yield from host_files.ensure(wanted(server), tuple(gone))


def _listed(folder: Script) -> tuple[str, ...]:
    names = look(host, folder).stdout.splitlines()
    return tuple(each for each in names if not each.startswith(".new."))  # one that is at work


@operation()
def signed(server: MailServer) -> Commands:
    """Ensure that Apple's profiles are signed with the certificate that is installed.

    + server: the mail server
    """
    if look(host, _is_signed(server)).ok:
        host.noop(text("clients.signed"))
        return
    host.log_styled(f"  ~ {_DOCUMENTS}/*.mobileconfig", fg="green")
    yield FunctionCommand(host_files.run, (web_layout.SIGN, text("clients.not_signed")), {})
