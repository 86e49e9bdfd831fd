"""The stand-in for PMail behaves like PMail where it matters: same claims, both binaries.

The real one takes part where there is one (PMAIL_BINARY or the cache).
"""

from __future__ import annotations

import base64
import contextlib
import imaplib
import json
import os
import poplib
import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.pmail_binary import PmailBinary, pmail_binary, real_binary, stand_in
from tests.stand_in.build import machine_arch
from tests.stand_in.isolated import (
    ADMIN_PASSWORD,
    PMAIL,
    PORTS,
    RECEIVER,
    UNVERIFIED,
    Host,
    Pmail,
    Receiver,
    answers,
    call,
    name_server,
    new_rsa_key,
    outside_world,
    pem,
    pmail_hash,
    post,
    receiver,
    running,
    seeded_host,
    self_signed,
    token,
    write_certificate,
    write_config,
)

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

MAIL = (
    "From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@t>\r\n\r\nhello\r\n"
)


@pytest.fixture(scope="module", params=["stand-in", "real"])
def binary(request: pytest.FixtureRequest) -> Path:
    if request.param == "stand-in":
        return stand_in().path
    real = real_binary()
    if real is None:
        pytest.skip("no real PMail binary here (PMAIL_BINARY)")
    return real.path


@pytest.fixture(scope="module", autouse=True)
def world() -> Iterator[None]:
    with outside_world(), name_server():
        yield


@pytest.fixture
def host() -> Iterator[Host]:
    with seeded_host() as host:
        yield host


@pytest.fixture
def pmail(binary: Path, host: Host) -> Iterator[Pmail]:
    with running(binary, host) as pmail:
        pmail.wait_for_ports(*PORTS)
        yield pmail


@contextlib.contextmanager
def submission(account: str = "admin", password: str = ADMIN_PASSWORD) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP_SSL(PMAIL, 465, timeout=30, context=UNVERIFIED) as smtp:
        smtp.login(account, password)
        yield smtp


def mail(to: str, subject: str = "hi", sender: str = "admin@example.test") -> str:
    return MAIL.format(sender=sender, to=to, subject=subject)


def submit(to: str = "friend@receiver.test") -> None:
    with submission() as smtp:
        smtp.sendmail("admin@example.test", [to], mail(to))


# --- start failures --------------------------------------------------------------------


def remove(name: str) -> Callable[[Host], None]:
    return lambda host: host.path(name).unlink()


def garble(name: str) -> Callable[[Host], None]:
    return lambda host: host.path(name).write_text("no such format")


def foreign_key(host: Host) -> None:
    host.path("config/ssl/private.key").write_bytes(pem(new_rsa_key()))


def expired(host: Host) -> None:
    write_certificate(host, names=("mail.example.test",), days=-1)


def database_elsewhere(host: Host) -> None:
    host.config["dbDSN"] = f"{host.root}/missing/pmail.db"
    write_config(host)


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (remove("config/dkim/dkim.priv"), "DKIM load fail!.*no such file or directory"),
        (garble("config/dkim/dkim.priv"), "DKIM load fail!.*no PEM data found"),
        (remove("config/ssl/public.crt"), "open .*public.crt: no such file"),
        (expired, "Certificate has expired"),
        (foreign_key, "tls: private key does not match public key"),
        (database_elsewhere, re.escape("unable to open database file: out of memory (14)")),
    ],
    ids=["no key", "no PEM", "no certificate", "expired", "foreign key", "no directory"],
)
def test_a_bad_input_ends_the_start_with_a_panic(
    binary: Path, host: Host, spoil: Callable[[Host], None], text: str
) -> None:
    spoil(host)
    with running(binary, host) as pmail:
        assert pmail.exit_code() == 2, pmail.log
    assert re.search(text, pmail.log)


def test_a_taken_port_ends_the_start_with_one_fatal_line(binary: Path, host: Host) -> None:
    with running(binary, host, taken=25) as pmail:
        assert pmail.exit_code() == 1, pmail.log
    assert re.search(
        r"^\[fatal\]\[.*listen tcp :25: bind: address already in use$", pmail.log, re.M
    )


def test_a_database_that_cannot_be_written_is_no_reason_not_to_start(
    binary: Path, host: Host
) -> None:
    with running(binary, host) as pmail:
        pmail.wait_for_ports(*PORTS)
    with running_read_only(binary, host) as pmail:
        pmail.wait_for_ports(*PORTS)
        answer = call("/api/user/create", {"account": "b", "username": "B", "password": "p"})
    assert answer["errorNo"] == 500
    assert "readonly" in answer["errorMsg"]


@contextlib.contextmanager
def running_read_only(binary: Path, host: Host) -> Iterator[Pmail]:
    """The same, with a database owned by root and closed to writing."""
    give, database = Host.give_to_pmail, host.path("data/pmail.db")

    class Closed(Host):
        def give_to_pmail(self) -> None:
            give(self)
            os.chown(database, 0, 0)
            database.chmod(0o644)

    with running(binary, Closed(host.root, host.config)) as pmail:
        yield pmail


# --- the set-up server -----------------------------------------------------------------


def not_initialised(host: Host) -> None:
    host.config["isInit"] = False
    write_config(host)


def no_domain(host: Host) -> None:
    host.config |= {"domain": "", "domains": []}
    write_config(host)


def setup(**step: object) -> Any:
    return post("/api/setup", step, port=8080).json


@pytest.mark.parametrize(
    "spoil",
    [
        remove("config/config.json"),
        garble("config/config.json"),
        not_initialised,
        no_domain,
    ],
    ids=["missing", "not JSON", "isInit false", "no domain"],
)
def test_a_config_that_is_not_initialised_opens_the_set_up_server_to_the_world(
    binary: Path, host: Host, spoil: Callable[[Host], None]
) -> None:
    spoil(host)
    with running(binary, host) as pmail:
        pmail.wait_for_ports(8080)
        assert post("/api/user/list", {}, port=8080).json["errorNo"] == 402
        assert setup(action="get", step=1)["errorNo"] == 500
        assert not answers(25)
        assert pmail.process.poll() is None


def test_a_config_that_cannot_be_read_opens_the_set_up_server(binary: Path, host: Host) -> None:
    host.path("config/config.json").chmod(0)  # its owner may not read it either
    with running(binary, host) as pmail:
        pmail.wait_for_ports(8080)
        assert setup(action="get", step="database")["errorNo"] == 500


def test_the_set_up_adds_a_second_admin_and_leaves_https_off(binary: Path, host: Host) -> None:
    host.path("config/config.json").unlink()
    host.path("data/pmail.db").unlink()
    host.path("config/dkim/dkim.priv").unlink()
    ssl_step = {
        "ssl_type": "1",
        "key_path": f"{host.root}/config/ssl/private.key",
        "crt_path": f"{host.root}/config/ssl/public.crt",
    }
    with running(binary, host) as pmail:
        pmail.wait_for_ports(8080)
        database = {"db_type": "sqlite", "db_dsn": f"{host.root}/data/pmail.db"}
        assert setup(action="get", step="database")["data"]["db_type"] == "sqlite"
        assert setup(action="set", step="database", **database)["data"] == "Succ"
        assert setup(action="get", step="password")["data"] == ""
        for account in ("admin", "intruder"):
            answer = setup(action="set", step="password", account=account, password="p")
            assert answer["data"] == "Succ"
        assert setup(action="get", step="password")["data"] == "admin"
        domain = {"smtp_domain": "example.test", "web_domain": "mail.example.test"}
        setup(action="set", step="domain", multi_domain="second.test", **domain)
        assert setup(action="get", step="domain")["data"]["domains"] == ["second.test"]
        records = setup(action="get", step="dns")["data"]["example.test"]
        assert any(r["value"].startswith("v=DKIM1; k=rsa; p=") for r in records)
        with contextlib.suppress(ConnectionError):  # the answer may be lost
            setup(action="set", step="ssl", **ssl_step)
        pmail.wait_for_ports(25, 993, 80)
        login = post("/api/login", {"account": "intruder", "password": "p"}, port=80).json
    assert login["data"]["is_admin"] == 1
    written = json.loads(host.path("config/config.json").read_text())
    assert written["httpsEnabled"] == 2
    assert written["domains"] == ["second.test", "example.test"]
    assert dkim_key_bits(host) == 1024


def dkim_key_bits(host: Host) -> int:
    data = host.path("config/dkim/dkim.priv").read_bytes()
    key = serialization.load_pem_private_key(data, None)
    return int(getattr(key, "key_size", 0))


# --- the web API -----------------------------------------------------------------------


def test_the_api_answers_by_https_only(pmail: Pmail) -> None:
    ping = {"errorNo": 0, "errorMsg": "", "data": "pong"}
    assert post("/api/ping", {}).json == ping
    assert post("/api/ping", {}, port=8080).json == ping
    redirect = post("/api/login", {}, port=8080)
    assert redirect.status == 301
    assert redirect.headers["Location"] == "https://mail.example.test/api/login"


def test_the_set_up_cannot_be_repeated_on_an_initialised_server(pmail: Pmail) -> None:
    step = {"action": "get", "step": "password"}
    assert post("/api/setup", step).status == 404
    assert post("/api/setup", step, port=8080).status == 301


def test_login_opens_a_session_kept_in_the_database(pmail: Pmail) -> None:
    wrong = post("/api/login", {"account": "admin", "password": "no"}).json
    assert wrong["errorNo"] == 100
    reply = post("/api/login", {"account": "admin", "password": ADMIN_PASSWORD})
    expected = {"account": "admin", "name": "admin", "is_admin": 1}
    assert reply.json["data"] == expected | {"domains": ["example.test", "second.test"]}
    cookie = reply.headers["Set-Cookie"].partition(";")[0]
    assert post("/api/user/info", {}, headers={"Cookie": cookie}).json["errorNo"] == 0
    assert post("/api/user/info", {}).json["errorNo"] == 403
    stored = pmail.host.sql("SELECT token FROM sessions")
    assert (cookie.partition("=")[2],) in stored


@pytest.mark.parametrize(("ahead", "number"), [(0, 0), (600, 0), (-6, 403)])
def test_a_token_may_be_from_the_future_but_not_old(pmail: Pmail, ahead: int, number: int) -> None:
    answer = post("/api/user/info", {}, headers={"Token": token(ahead=ahead)}).json
    assert answer["errorNo"] == number


def test_users_are_made_listed_and_edited(pmail: Pmail) -> None:
    bob = {"account": "bob", "username": "Bob", "password": "pw"}
    row = {"ID": 2, "Account": "bob", "Name": "Bob", "Disabled": 0, "IsAdmin": 0}
    assert call("/api/user/create", bob)["data"] == row
    again = call("/api/user/create", bob)
    assert again["errorNo"] == 500
    assert "UNIQUE constraint failed: user.account" in again["errorMsg"]
    assert call("/api/user/create", {"account": "x"})["errorNo"] == 100
    assert call("/api/user/list", {}, "bob", "pw")["errorNo"] == 405
    disabled = call("/api/user/edit", {"account": "bob", "disabled": 1})
    assert disabled["data"] == row | {"Disabled": 1}
    assert call("/api/user/info", {}, "bob", "pw")["errorNo"] == 403
    # `disabled` left out enables, and an edit without a change is no error.
    assert call("/api/user/edit", {"id": 2})["data"] == row
    assert call("/api/user/edit", {"id": 2})["data"] == row
    assert call("/api/user/edit", {"account": "nobody"})["errorNo"] == 100
    listed = call("/api/user/list", {"current_page": 1, "page_size": 15})["data"]
    assert [user["Account"] for user in listed["list"]] == ["admin", "bob"]
    assert listed["total_page"] == 1


def test_a_user_changes_the_own_password_without_the_old_one(pmail: Pmail) -> None:
    answer = call("/api/settings/modify_password", {"password": "another"})
    assert answer["errorNo"] == 0
    assert call("/api/user/info", {})["errorNo"] == 403
    assert call("/api/user/info", {}, "admin", "another")["data"]["is_admin"] is True


# --- the database and the log ----------------------------------------------------------


def test_a_seeded_user_table_is_completed_to_the_whole_schema(pmail: Pmail) -> None:
    tables = {name for (name,) in pmail.host.sql("SELECT name FROM sqlite_master")}
    assert {"user", "email", "group", "rule", "sessions", "user_email", "version"} <= tables
    assert pmail.host.sql("SELECT info FROM version") == [("v2.9.7",)]


def test_both_binaries_make_the_same_schema() -> None:
    real = real_binary()
    if real is None:
        pytest.skip("no real PMail binary here (PMAIL_BINARY)")
    assert schema_made_by(stand_in().path) == schema_made_by(real.path)


def schema_made_by(binary: Path) -> set[str]:
    with seeded_host() as host:
        host.path("data/pmail.db").unlink()
        with running(binary, host) as pmail:
            pmail.wait_for_ports(*PORTS)
            return {sql for (sql,) in host.sql("SELECT sql FROM sqlite_master WHERE sql <> ''")}


def test_a_single_user_becomes_admin(binary: Path, host: Host) -> None:
    host.sql("UPDATE user SET is_admin=0")
    with running(binary, host) as pmail:
        pmail.wait_for_ports(*PORTS)
    assert host.sql("SELECT is_admin FROM user") == [(1,)]


def test_the_whole_config_is_logged_at_every_start(pmail: Pmail) -> None:
    pmail.wait_for_log("Config File Info:")
    line = next(line for line in pmail.log.splitlines() if "Config File Info:" in line)
    stamp = r"\[warning\]\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\]\[\S+\.go:\d+\]"
    assert re.match(stamp, line)
    logged = json.loads(line[line.index("{") :])
    assert {key: logged[key] for key in pmail.host.config} == pmail.host.config


# --- receiving and mailboxes -----------------------------------------------------------


def test_port_25_takes_no_password_in_clear(pmail: Pmail) -> None:
    plain = base64.b64encode(f"\0admin\0{ADMIN_PASSWORD}".encode()).decode()
    with smtplib.SMTP(PMAIL, 25, timeout=20) as smtp:
        assert smtp.ehlo("client.test")[0] == 250
        assert not smtp.has_extn("auth")
        assert smtp.docmd("AUTH", f"PLAIN {plain}") == (523, b"5.7.10 TLS is required")
        smtp.starttls(context=UNVERIFIED)
        smtp.ehlo("client.test")
        assert smtp.has_extn("auth")
        assert smtp.login("admin", ADMIN_PASSWORD)[0] == 235


def test_port_587_takes_a_password_in_clear(pmail: Pmail) -> None:
    with smtplib.SMTP(PMAIL, 587, timeout=20) as smtp:
        assert smtp.login("admin@any.domain", ADMIN_PASSWORD)[0] == 235


def test_a_wrong_password_is_refused_with_a_temporary_code(pmail: Pmail) -> None:
    with smtplib.SMTP_SSL(PMAIL, 465, timeout=20, context=UNVERIFIED) as smtp:
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            smtp.login("admin", "wrong")
        assert refused.value.smtp_code == 454


def deliver(to: str, subject: str, sender: str = "someone@receiver.test") -> None:
    with smtplib.SMTP(PMAIL, 25, timeout=20) as smtp:
        smtp.sendmail(sender, [to], mail(to, subject, sender))


def owners(pmail: Pmail, subject: str) -> list[str]:
    query = (
        "SELECT u.account FROM email e JOIN user_email x ON x.email_id=e.id "
        "JOIN user u ON u.id=x.user_id WHERE e.subject=? ORDER BY u.account"
    )
    return [account for (account,) in pmail.host.sql(query, subject)]


def test_mail_for_nobody_goes_to_the_admin_and_foreign_domains_are_accepted(
    pmail: Pmail,
) -> None:
    call("/api/user/create", {"account": "bob", "username": "Bob", "password": "pw"})
    deliver("bob@second.test", "known")
    deliver("nobody@example.test", "unknown")
    deliver("bob@foreign.test", "foreign")
    assert owners(pmail, "known") == ["bob"]
    assert owners(pmail, "unknown") == ["admin"]
    assert owners(pmail, "foreign") == ["admin"]


def test_unsigned_mail_for_nobody_is_dropped_in_silence_at_filter_level_1(
    binary: Path, host: Host
) -> None:
    host.config["spamFilterLevel"] = 1
    write_config(host)
    with running(binary, host) as pmail:
        pmail.wait_for_ports(*PORTS)
        deliver("nobody@example.test", "unknown")
        deliver("admin@example.test", "known")
        assert owners(pmail, "unknown") == []
        assert owners(pmail, "known") == ["admin"]
        pmail.wait_for_log(
            "收件人不存在且DKIM验证失败，丢弃邮件: someone@receiver.test -> [nobody]"
        )


def test_mail_in_our_name_from_elsewhere_is_stored_as_deleted(pmail: Pmail) -> None:
    deliver("admin@example.test", "forged", sender="boss@example.test")
    assert pmail.host.sql("SELECT status FROM email WHERE subject='forged'") == [(3,)]


def test_a_received_mail_is_in_the_mailbox(pmail: Pmail) -> None:
    deliver("admin@example.test", "in-the-box")
    with imaplib.IMAP4_SSL(PMAIL, 993, ssl_context=UNVERIFIED, timeout=20) as imap:
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            imap.login("admin", "wrong")
        imap.login("admin@example.test", ADMIN_PASSWORD)
        assert imap.select("INBOX") == ("OK", [b"1"])
    pop = poplib.POP3_SSL(PMAIL, 995, context=UNVERIFIED, timeout=20)
    pop.user("admin@example.test")
    with pytest.raises(poplib.error_proto, match="Password incorrect"):
        pop.pass_("wrong")
    pop.pass_(ADMIN_PASSWORD)
    assert pop.stat()[0] == 1
    assert b"Subject: in-the-box" in pop.retr(1)[1]
    assert pop.quit().startswith(b"+OK Bye")


# --- sending ---------------------------------------------------------------------------


def signing_key_in_dns(host: Host) -> Callable[..., bytes]:
    private = serialization.load_pem_private_key(
        host.path("config/dkim/dkim.priv").read_bytes(), None
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    zone = {b"default._domainkey.example.test.": record}
    return lambda name, timeout=5: zone.get(name, b"")


@pytest.fixture
def inbox(pmail: Pmail) -> Iterator[Receiver]:
    with receiver() as inbox:
        yield inbox


def test_sent_mail_carries_a_dkim_signature_of_the_primary_domain(
    pmail: Pmail, inbox: Receiver
) -> None:
    with submission() as smtp:
        to = "friend@receiver.test"
        smtp.sendmail("a@second.test", [to], mail(to, "signed", "admin@second.test"))
    (received,) = inbox.mails
    assert received.ehlo == "second.test"  # the bare domain of From
    assert received.sender == "admin@second.test"
    assert b" d=example.test;" in received.content
    assert b" s=default;" in received.content
    assert b"c=simple/simple" in received.content
    assert dkim.verify(received.content, dnsfunc=signing_key_in_dns(pmail.host))
    altered = received.content.replace(b"Subject: signed", b"Subject: forged")
    assert not dkim.verify(altered, dnsfunc=signing_key_in_dns(pmail.host))
    assert pmail.host.sql("SELECT status,type FROM email") == [(1, 1)]


def test_an_ec_key_starts_and_sends_unsigned(binary: Path, host: Host) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    host.path("config/dkim/dkim.priv").write_bytes(pem(key))
    with running(binary, host) as pmail:
        pmail.wait_for_ports(*PORTS)
        with receiver() as inbox:
            submit()
    (received,) = inbox.mails
    assert b"dkim-signature" not in received.content.lower()
    assert "dkim: unsupported key algorithm" in pmail.log


def test_a_verified_certificate_gets_starttls(binary: Path, host: Host) -> None:
    key = new_rsa_key()
    trusted = host.path("receiver.pem")
    trusted.write_bytes(self_signed(key, (RECEIVER,), 30) + pem(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted)
    with running(binary, host, environment={"SSL_CERT_FILE": str(trusted)}) as pmail:
        pmail.wait_for_ports(*PORTS)
        with receiver(context) as inbox:
            submit()
    assert [received.tls for received in inbox.mails] == [True]


def test_a_certificate_nobody_vouches_for_ends_in_clear_text(
    binary: Path, host: Host, tmp_path: Path
) -> None:
    key = new_rsa_key()
    unknown = tmp_path / "receiver.pem"
    unknown.write_bytes(self_signed(key, (RECEIVER,), 30) + pem(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(unknown)
    with running(binary, host) as pmail:
        pmail.wait_for_ports(*PORTS)
        with receiver(context) as inbox:
            submit()
    assert [received.tls for received in inbox.mails] == [False]
    steps = ("SMTP STARTTLS on 25", "SMTPS on 587", "SMTPS on 465", "Send By Unsafe SMTP")
    positions = [pmail.log.index(step) for step in steps]
    assert positions == sorted(positions)


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        ("550 5.7.1 unsolicited", 550, "Downstream delivery permanently failed: receiver.test:"),
        ("451 4.7.1 greylisted", 451, "Downstream delivery temporarily failed: receiver.test:"),
    ],
)
def test_the_submitter_is_told_what_the_receiver_said(
    pmail: Pmail, inbox: Receiver, answer: str, code: int, text: str
) -> None:
    inbox.answer = answer
    with pytest.raises(smtplib.SMTPDataError) as refused:
        submit()
    assert refused.value.smtp_code == code
    told = bytes(refused.value.smtp_error).decode()
    assert text in told and answer[:3] in told and answer[4:9] in told
    quoted = f'{answer[:3]} "{answer[4:]}"'
    failure = rf"^\[error\]\[.*\]\[[0-9a-f]{{32}}\]\[.*\]\[0x[0-9a-f]+\] 邮件投递失败{quoted}$"
    assert re.search(failure, pmail.log, re.M)
    row = (2, "以下收件人投递失败：friend@receiver.test")
    assert pmail.host.sql("SELECT status,error FROM email") == [row]


def test_a_domain_with_an_address_record_only_is_not_reached(pmail: Pmail, inbox: Receiver) -> None:
    with pytest.raises(smtplib.SMTPDataError) as refused:
        submit("friend@implicit.test")
    assert inbox.mails == []
    assert b"smtp.implicit.test" in bytes(refused.value.smtp_error)


def test_a_second_mail_in_one_connection_also_goes_to_the_recipients_of_the_first(
    pmail: Pmail, inbox: Receiver
) -> None:
    with submission() as smtp:
        for name in ("first", "second"):
            to = f"{name}@receiver.test"
            smtp.sendmail("admin@example.test", [to], mail(to, name))
    assert [sorted(received.recipients) for received in inbox.mails] == [
        ["first@receiver.test"],
        ["first@receiver.test", "second@receiver.test"],
    ]


def test_everybody_in_the_header_gets_the_mail_whatever_the_envelope_says(
    pmail: Pmail, inbox: Receiver
) -> None:
    with submission() as smtp:
        header = "a@receiver.test, b@receiver.test"
        smtp.sendmail("admin@example.test", ["c@receiver.test"], mail(header))
    (received,) = inbox.mails
    wanted = ["a@receiver.test", "b@receiver.test", "c@receiver.test"]
    assert sorted(received.recipients) == wanted


def test_a_user_sends_in_the_own_name_only(pmail: Pmail, inbox: Receiver) -> None:
    call("/api/user/create", {"account": "bob", "username": "Bob", "password": "pw"})
    with submission("bob", "pw") as smtp, pytest.raises(smtplib.SMTPDataError, match="No Auth"):
        smtp.sendmail("bob@example.test", ["x@receiver.test"], mail("x@receiver.test"))
    assert inbox.mails == []


# --- the choice of the binary ----------------------------------------------------------


def test_the_named_binary_is_preferred(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named = tmp_path / "pmail"
    named.touch()
    monkeypatch.setenv("PMAIL_BINARY", str(named))
    assert pmail_binary() == PmailBinary(named, real=True)
    monkeypatch.setenv("PMAIL_BINARY", str(tmp_path / "nothing"))
    with pytest.raises(FileNotFoundError, match="PMAIL_BINARY"):
        pmail_binary()


def test_the_stand_in_is_one_static_executable() -> None:
    built = stand_in(machine_arch())
    content = built.path.read_bytes()
    assert not built.real
    assert content[:4] == b"\x7fELF"
    assert b"ld-linux" not in content.partition(b"\0.shstrtab")[0][:4096]  # no interpreter
    assert pmail_hash("admin") == "faddb6ec2efe16116a342f5512583c48"
