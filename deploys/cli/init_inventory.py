"""The text of a first inventory file, from a few answers."""

from __future__ import annotations

from dataclasses import dataclass

from ground.words import text


@dataclass(frozen=True, slots=True)
class Answers:
    """What the user said. host: address of the VPS. options: of the DNS provider."""

    host: str
    ssh_user: str
    domains: tuple[str, ...]
    provider: str
    options: tuple[tuple[str, str], ...]


def inventory_text(answers: Answers) -> str:
    """Return an inventory file: one server, and a zone for each domain."""
    domains = ", ".join(repr(domain) for domain in answers.domains)
    options = "".join(f"    {name!r}: {value!r},\n" for name, value in answers.options)
    zones = "".join(f'    ("@zone/{domain}", _dns),\n' for domain in answers.domains)
    return (
        f'"""{text("cli.inventory_head")}"""\n\n'
        "mail_servers = [\n"
        f"    ({answers.host!r}, {{\n"
        f"        'ssh_user': {answers.ssh_user!r},\n"
        f"        'domains': [{domains}],  # {text('cli.inventory_primary')}\n"
        "        'users': [],\n"
        "    }),\n"
        "]\n\n"
        "_dns = {\n"
        f"    'dns_provider': {answers.provider!r},\n"
        f"{options}"
        "}\n\n"
        "zones = [\n"
        f"{zones}"
        "]\n"
    )
