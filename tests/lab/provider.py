"""A provider that relays for a password: a second real Postfix with SASL, on a host of its own."""

from __future__ import annotations

import shlex
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.certificates import Files, issued_once
from tests.lab.hosts import Host
from tests.lab.nameservers import NameServers
from tests.lab.rootfs import PREPARED

NAME, ZONE, ADDRESS = "out.provider.test", "provider.test", "203.0.113.30"
ACCOUNTS = {"mailer": 'p:a"s\\s #w$d', "second": "another-secret-2"}  # their passwords
_MAIN = f"""compatibility_level = 3.6
myhostname = {NAME}
mydestination =
inet_protocols = ipv4
smtpd_tls_cert_file = /etc/postfix/chain.pem
smtpd_tls_key_file = /etc/postfix/key.pem
smtpd_sasl_auth_enable = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions =
smtpd_tls_security_level = encrypt
"""
_MASTER = """465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
587 inet n - n - - smtpd
"""
_SASL = "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n"


@dataclass(frozen=True)
class Provider:
    """The provider; its host is stopped with the others."""

    host: Host = field(default_factory=lambda: Host("provider", ADDRESS))

    @property
    def authority(self) -> Path:
        """PEM file of the authority that its certificate comes from."""
        return self._files().authority

    def up(self, dns: NameServers) -> None:
        """Boot it, with its accounts, and its names in DNS."""
        dns.add(ZONE, f"{NAME}. 60 A {ADDRESS}")
        dns.add(ZONE, f'{ZONE}. 60 TXT "v=spf1 ip4:{ADDRESS} -all"')
        dns.set_ptr(ADDRESS, NAME)
        self.host.boot(PREPARED)
        install = "apt-get install -y -qq --no-install-recommends sasl2-bin </dev/null"
        self.host.run(f"apt-get update -qq; DEBIAN_FRONTEND=noninteractive {install}", check=True)
        files = self._files()
        for path, content in {
            "main.cf": _MAIN,
            "sasl/smtpd.conf": _SASL,
            "chain.pem": files.chain.read_text(),
            "key.pem": files.key.read_text(),
        }.items():
            self._write(">", path, content)
        self._write(">>", "master.cf", _MASTER)
        for user, password in ACCOUNTS.items():
            self.set_password(user, password)
        self.host.run("systemctl restart 'postfix@-'", check=True)

    def set_password(self, user: str, password: str) -> None:
        """Give a user a password, a new one or another."""
        # Not as it is: tests look for passwords in the arguments of all processes.
        encoded = b64encode(password.encode()).decode()
        self.host.run(
            f"echo {encoded} | base64 -d | saslpasswd2 -p -c -u {NAME} {user}; "
            "chown postfix /etc/sasldb2",
            check=True,
        )

    def _write(self, how: str, name: str, content: str) -> None:
        self.host.run(f"printf %s {shlex.quote(content)} {how} /etc/postfix/{name}", check=True)

    def _files(self) -> Files:
        return issued_once("provider-tls", (NAME,))
