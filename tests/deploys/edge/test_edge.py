"""What the edge is configured with: its program, its units, and who may send as whom."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploys.edge import configure
from deploys.host import edge_layout as layout
from deploys.outbound import configure as outbound
from deploys.outbound.configure import Sending
from edge import config as program
from edge.__main__ import PROVING
from postmaster.parse import SettingsError
from postmaster.settings import MailServer
from tests.postmaster.test_settings import site, zone


def server(**data: object) -> MailServer:
    zones = zone("example.com"), zone("other.org")
    return site(*zones, domains=["example.com", "other.org"], **data).servers[0]


def test_the_program_is_one_file_that_runs_and_the_same_each_time(tmp_path: Path) -> None:
    packed = tmp_path / "edge.pyz"
    packed.write_bytes(configure.program())
    assert configure.program() == packed.read_bytes()
    done = subprocess.run(
        [sys.executable, "-IB", str(packed), "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "serve" in done.stdout, done.stderr


def test_the_program_takes_the_settings_that_are_written_for_it() -> None:
    made = server(
        aliases={"sales@example.com": ["bob", "carol"]},
        unknown_recipients="reject",
        mailbox_limits={"messages_hour": 7},
        dmarc_rua="mailto:reports@example.com",
    )
    read = program.parse(configure.program_config(made))
    assert (read.mail_host, read.primary) == ("smtp.example.com", "example.com")
    assert read.aliases == (("sales@example.com", ("bob", "carol")),)
    assert (read.limits.messages_hour, read.limits.messages_day) == (7, 600)
    assert read.always == ("reports@example.com",)
    assert ("qq", (".qq.com",)) in read.receivers
    assert read.addresses == made.addresses


def test_the_program_looks_for_a_proof_where_the_deploy_tells_of_it() -> None:
    assert str(PROVING) == layout.PROVING


def test_a_public_port_that_is_not_wanted_has_no_socket() -> None:
    ports = {each.listen for each in configure.sockets(server())}
    assert "993" in ports and not {"110", "443", "587", "995"} & ports
    assert layout.HTTPS in configure.sockets(server(web="pmail"))
    assert layout.WEB in configure.sockets(server(web="behind"))
    wanted = server(open_ports=[587, 995])
    assert layout.POPS in configure.sockets(wanted)
    submissions = re.compile(r"^587 +inet .*smtpd$", re.MULTILINE)
    assert submissions.search(outbound.master_cf(wanted, Sending("8.8.8.8", None)))
    assert not submissions.search(outbound.master_cf(server(), Sending("8.8.8.8", None)))


def owners(made: MailServer, sender: str) -> str:
    """Whom Postfix lets send as an address: the first line that fits, as regexp_table(5) has it."""
    for line in outbound.logins(made).splitlines():
        found = re.fullmatch(r"/((?:[^/\\]|\\.)*)/ (.*)", line)
        if found and (fits := re.search(found[1], sender, re.IGNORECASE)):
            return found[2].replace("$1", fits[1] or "")
    return ""


@pytest.mark.parametrize(
    ("sender", "allowed"),
    [
        ("bob@example.com", "bob, admin"),
        ("bob+list@other.org", "bob, admin"),
        ("sales@example.com", "carol, admin"),
        ("sales+x@example.com", "carol, admin"),
        ("sales@other.org", "sales, admin"),
        ("bob@elsewhere.org", ""),
        ("bob@exampleXcom", ""),
    ],
)
def test_an_account_sends_as_itself_and_its_aliases(sender: str, allowed: str) -> None:
    assert owners(server(aliases={"sales@example.com": "carol"}), sender) == allowed


@pytest.mark.parametrize("local", ["a/b", "`id`", "a'b", "a|b", "a{1}", "a^b", "a*b", "#a", "a$b"])
def test_an_alias_may_have_any_character_that_an_address_may_have(local: str) -> None:
    made = server(aliases={f"{local}@example.com": "carol"})
    assert owners(made, f"{local}@example.com") == "carol, admin"
    assert owners(made, "b@example.com") == "b, admin"


def test_results_that_only_we_may_give_are_taken_out_of_what_comes_in() -> None:
    patterns = [
        line[1:].rpartition("/")[0] for line in outbound.world_checks(server()).splitlines()
    ]
    forged = (
        "Authentication-Results: smtp.example.com; dmarc=pass",
        "authentication-results:\n smtp.example.com 1; spf=pass",
        "X-PMail-Deploy-Verdict: trusted",
    )
    for line in forged:
        assert any(re.search(each, line, re.I | re.S) for each in patterns if each), line
    others = "Authentication-Results: mx.example.org; dmarc=pass"
    assert not any(re.search(each, others, re.I | re.S) for each in patterns if each)


def test_what_pmail_alone_cannot_do_is_refused_in_direct_and_all_of_it_told() -> None:
    with pytest.raises(SettingsError) as refused:
        server(
            outbound="direct",
            greylist=True,
            unknown_recipients="reject",
            aliases={"a@elsewhere.org": "bob"},
            users=["sent-copies"],
        )
    told = "\n".join(refused.value.reasons)
    for word in ("greylist", "unknown_recipients", "aliases", "a@elsewhere.org", "sent-copies"):
        assert word in told
