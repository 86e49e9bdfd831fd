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
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
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
    PRIVATE,
    RECEIVER,
    RECORDS,
    UNVERIFIED,
    Host,
    Pmail,
    Receiver,
    answers,
    call,
    google_dns,
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

pytestmark = pytest.mark.lab

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


# --- PMail's SMTP server ---------------------------------------------------------------


@pytest.fixture
def bob(pmail: Pmail) -> None:
    call("/api/user/create", {"account": "bob", "username": "Bob", "password": "pw"})


def test_a_mail_has_ten_seconds_as_a_whole_however_often_something_comes(pmail: Pmail) -> None:
    with smtplib.SMTP(PMAIL, 25, timeout=20) as smtp:
        smtp.ehlo("client.test")
        smtp.mail("someone@receiver.test")
        smtp.rcpt("admin@example.test")
        smtp.docmd("DATA")
        start = time.monotonic()
        smtp.send("Subject: slow\r\n\r\n")
        while time.monotonic() < start + 9.5:
            smtp.send("line\r\n")
            time.sleep(0.25)
        code, text = smtp.getreply()
        assert 9.5 < time.monotonic() - start < 12
        smtp.close()
    assert code == 554 and b"i/o timeout" in text
    assert owners(pmail, "slow") == []


@pytest.mark.usefixtures("bob")
def test_rset_does_not_make_the_session_forget_recipients(pmail: Pmail) -> None:
    with smtplib.SMTP(PMAIL, 25, timeout=20) as smtp:
        smtp.ehlo("client.test")
        smtp.mail("someone@receiver.test")
        smtp.rcpt("admin@example.test")
        assert smtp.rset()[0] == 250
        smtp.sendmail("someone@receiver.test", ["bob@example.test"], mail("bob", "for-bob"))
    assert owners(pmail, "for-bob") == ["admin", "bob"]


@pytest.mark.usefixtures("bob")
@pytest.mark.parametrize(
    ("to", "owner"), [("BOB@example.test", "bob"), ("bob@Example.Test", "admin")]
)
def test_a_domain_in_capitals_is_a_foreign_one(pmail: Pmail, to: str, owner: str) -> None:
    deliver(to, "capitals")
    assert owners(pmail, "capitals") == [owner]


def test_only_crlf_dot_crlf_ends_a_mail(pmail: Pmail) -> None:
    with smtplib.SMTP(PMAIL, 25, timeout=20) as smtp:
        smtp.ehlo("client.test")
        smtp.mail("someone@receiver.test")
        smtp.rcpt("admin@example.test")
        smtp.docmd("DATA")
        smtp.send("Subject: one\r\n\r\na\n.\nb\n.\r\nRSET\r\n.\r\n")
        assert smtp.getreply() == (250, b"2.0.0 OK: queued")
        assert smtp.noop() == (250, b"2.0.0 I have successfully done nothing")
    assert pmail.host.sql("SELECT text FROM email") == [("a\n.\nb\n.\nRSET\n",)]


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("Subject: long\r\n\r\n" + "x" * 2100, 554, b"too long a line"),
        ("this is no header\r\n\r\nhello", 421, b"Internal server error"),
    ],
    ids=["long line", "no header"],
)
def test_what_it_cannot_read_ends_the_connection(
    pmail: Pmail, text: str, code: int, reason: bytes
) -> None:
    with smtplib.SMTP(PMAIL, 25, timeout=20) as smtp:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            smtp.sendmail("a@receiver.test", ["admin@example.test"], text)
        assert refused.value.smtp_code == code
        assert reason in bytes(refused.value.smtp_error)
    assert pmail.process.poll() is None


# --- what it makes of a mail -----------------------------------------------------------

ATTACHED = """\
Subject: file
Content-Type: multipart/mixed; boundary=MM

--MM
Content-Type: text/plain

see
--MM
Content-Type: application/pdf
Content-Disposition: attachment; filename*=UTF-8''%E4%BC%9A.pdf
Content-Transfer-Encoding: base64

JVBERi0xLjQgdGVzdAo=
--MM--
"""
PICTURE = """\
Subject: contract
Content-Type: multipart/mixed; boundary=MM

--MM
Content-Type: multipart/related; boundary=RR

--RR
Content-Type: text/html; charset=utf-8

<p>See</p><img src="cid:logo1">
--RR
Content-Type: image/png; name=logo.png
Content-ID: <logo1>
Content-Disposition: inline
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--RR--
--MM
Content-Type: application/pdf; name=contract.pdf
Content-Disposition: attachment

pdf
--MM--
"""
CHARACTERS = """\
Subject: Tom & Jerry's "offer"

Don't: if a < b && c > d then "x". Confirm: <https://example.test/?a=1&b=2>
if (a<b) this and all that follows
"""
REPLY = """\
Subject: Re: plan
Reply-To: support@example.test
In-Reply-To: <a@receiver.test>
References: <a@receiver.test>
List-Unsubscribe: <mailto:u@example.test>
Auto-Submitted: auto-replied

hi
"""
MARKUP = """\
Subject: =?utf-8?q?caf=C3=A9_<b>x</b>?=
Content-Type: text/html; charset=utf-8

<!DOCTYPE html><html><head><title>T</title><style>p{}</style></head><body><p style='color:red'>
<a href='https://a.test/?a=1&b=2' target=x>link</a><a href='/rel'>rel</a><img src=http://x.test/y>
<script>x<y</script><font color=red>f</font><br/><other>o</other> a < b &lt; c <!-- c --></p>
"""
SIGNED = """\
Subject: signed
Content-Type: multipart/signed; boundary=S

--S
Content-Type: text/plain

signed
--S
Content-Type: application/pgp-signature

signature
--S--
"""
TO = "To: someone@receiver.test\n"
SHAPES = {
    "no file name": TO + ATTACHED,
    "picture": TO + PICTURE,
    "characters": TO + CHARACTERS,
    "reply": TO + REPLY,
    "markup": TO + MARKUP,
    "signed": TO + SIGNED,
    "comma": 'To: "Smith, Ann" <someone@receiver.test>\nSubject: hello\n\nhi\n',
    "many": TO + f"Cc: {', '.join(f'P N <p{i}@receiver.test>' for i in range(9))}\n\nhi\n",
    "nobody": "Subject: nothing\n\n",
}


def rewritten(inbox: Receiver, shape: str) -> tuple[Message, bytes]:
    """What arrives of a shape that a program submits: parsed, and as it is."""
    text = "From: admin@example.test\nDate: Thu, 26 Nov 2026 14:00:00 +0100\n" + SHAPES[shape]
    with submission() as smtp:
        smtp.sendmail("admin@example.test", ["someone@receiver.test"], text)
    content = inbox.mails[-1].content
    return message_from_bytes(content), content


def texts(message: Message) -> dict[str, str]:
    """The texts by type."""
    leaves = (part for part in message.walk() if part.get_content_maintype() == "text")
    return {p.get_content_type(): bytes(p.get_payload(decode=True)).decode() for p in leaves}


def test_characters_are_escaped_and_angle_brackets_emptied(inbox: Receiver) -> None:
    message, _ = rewritten(inbox, "characters")
    assert message["Subject"] == "Tom &amp; Jerry&#39;s &#34;offer&#34;"
    changed = "Don&#39;t: if a &lt; b &amp;&amp; c &gt; d then &#34;x&#34;. Confirm: \nif (a"
    assert texts(message) == {"text/plain": changed, "text/html": changed}


def test_a_file_beside_an_inline_picture_is_lost(inbox: Receiver) -> None:
    message, _ = rewritten(inbox, "picture")
    names = [part.get_filename() for part in message.walk() if part.get_filename()]
    assert names == ["logo.png"]
    assert texts(message)["text/html"] == "<p>See</p>"


def test_a_file_name_of_rfc_2231_is_lost(inbox: Receiver) -> None:
    message, _ = rewritten(inbox, "no file name")
    assert [p.get_filename() for p in message.walk() if p.get_filename()] == ["no_name_file"]


def test_a_comma_in_a_quoted_name_makes_two_addresses(inbox: Receiver) -> None:
    message, _ = rewritten(inbox, "comma")
    assert message["To"] == '<"&#34;Smith"@>, "Ann" <someone@receiver.test>'


def test_headers_it_does_not_know_are_lost(inbox: Receiver) -> None:
    message, _ = rewritten(inbox, "reply")
    for name in ("Reply-To", "In-Reply-To", "References", "List-Unsubscribe", "Auto-Submitted"):
        assert message[name] is None
    assert message["Sender"] == message["From"] == "<admin@example.test>"
    assert message["Date"] == "Thu, 26 Nov 2026 14:00:00 +0100"


def test_a_received_mail_is_changed_in_the_same_way(pmail: Pmail) -> None:
    for shape in ("characters", "picture", "no file name", "comma", "reply"):
        with smtplib.SMTP(PMAIL, 25, timeout=20) as smtp:
            sender = "someone@receiver.test"
            smtp.sendmail(sender, ["admin@example.test"], f"From: {sender}\n{SHAPES[shape]}")
    rows = pmail.host.sql("SELECT subject,text,html,attachments,`to`,reply_to FROM email")
    assert rows[0][0] == "Tom &amp; Jerry&#39;s &#34;offer&#34;"
    assert rows[0][1].endswith("Confirm: \nif (a")
    assert rows[1][2] == "<p>See</p>"
    assert [file["Filename"] for file in json.loads(rows[1][3])] == ["logo.png"]
    assert [file["Filename"] for file in json.loads(rows[2][3])] == ["no_name_file"]
    assert json.loads(rows[3][4])[0]["EmailAddress"] == "&#34;Smith"
    assert rows[4][5] == "null"


def test_both_binaries_rewrite_every_shape_alike() -> None:
    real = real_binary()
    if real is None:
        pytest.skip("no real PMail binary here (PMAIL_BINARY)")
    ours, theirs = rewritten_by(stand_in().path), rewritten_by(real.path)
    assert ours == theirs


def rewritten_by(binary: Path) -> dict[str, str]:
    """What arrives of each shape, without what is random."""
    found = {}
    with seeded_host() as host, running(binary, host) as pmail:
        pmail.wait_for_ports(*PORTS)
        with receiver() as inbox:
            for shape in SHAPES:
                text = rewritten(inbox, shape)[1].decode()
                text = re.sub(r"DKIM-Signature:.*?\r\n(?=\S)", "", text, flags=re.S)
                text = re.sub(r"[0-9a-f]{32}\.\d+@", "random@", text)
                for number, boundary in enumerate(re.findall(r"boundary=(\w{60})", text)):
                    text = text.replace(boundary, f"boundary-{number}")
                found[shape] = text
    return found


# --- SPF, DKIM and the filter ----------------------------------------------------------


def deliver_privately(to: str, subject: str, sender: str) -> None:
    with smtplib.SMTP(PRIVATE[PMAIL], 25, timeout=20) as smtp:
        smtp.sendmail(sender, [to], mail(to, subject, sender))


def test_a_client_with_a_private_address_passes_spf(pmail: Pmail) -> None:
    deliver_privately("admin@example.test", "inside", "boss@example.test")
    assert pmail.host.sql("SELECT spf_check,status FROM email") == [(1, 0)]


def test_spf_is_asked_of_google_and_for_the_sender_header_only(
    pmail: Pmail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RECORDS, ("good.test.", "TXT"), '"v=spf1 ip4:203.0.113.1 -all"')
    monkeypatch.setitem(RECORDS, ("bad.test.", "TXT"), '"v=spf1 mx -all"')

    def passes(domain: str, header: str = "Sender") -> int:
        text = f"From: a@{domain}\n{header}: a@{domain}\nSubject: {domain}\n\nhi\n"
        with smtplib.SMTP(PMAIL, 25, timeout=20) as smtp:
            smtp.sendmail(f"a@{domain}", ["admin@example.test"], text)
        [(passed,)] = pmail.host.sql("SELECT spf_check FROM email ORDER BY id DESC LIMIT 1")
        return int(passed)

    assert passes("good.test") == 0  # 8.8.8.8 cannot be reached
    with google_dns(pmail):
        assert passes("good.test") == 1
        assert passes("good.test", "X-Sender") == 0
        assert passes("bad.test") == 0
        assert passes("no-policy.test") == 1


def signed(subject: str, monkeypatch: pytest.MonkeyPatch, canonical: bytes) -> bytes:
    """A mail with a valid signature, whose key is in the name server then."""
    key = new_rsa_key()
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    record = "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()
    value = " ".join(f'"{record[at : at + 255]}"' for at in range(0, len(record), 255))
    monkeypatch.setitem(RECORDS, ("k1._domainkey.receiver.test.", "TXT"), value)
    text = mail("admin@example.test", subject, "someone@receiver.test").encode()
    forms = tuple(canonical.split(b"/"))
    field = dkim.sign(text, b"k1", b"receiver.test", pem(key), canonicalize=forms)
    return bytes(field) + text


@pytest.mark.parametrize("canonical", [b"relaxed/relaxed", b"simple/simple"])
def test_a_dkim_signature_is_verified(
    pmail: Pmail, monkeypatch: pytest.MonkeyPatch, canonical: bytes
) -> None:
    text = signed("signed", monkeypatch, canonical)
    for content in (text, text.replace(b"hello", b"hallo")):
        with smtplib.SMTP(PMAIL, 25, timeout=20) as smtp:
            smtp.sendmail("someone@receiver.test", ["admin@example.test"], content)
    assert pmail.host.sql("SELECT dkim_check FROM email ORDER BY id") == [(1,), (0,)]


@pytest.mark.parametrize(
    ("level", "kept"),
    [
        (0, ["neither", "signed", "spf"]),
        (1, ["signed", "spf"]),
        (2, ["spf"]),
        (3, ["signed"]),
    ],
)
def test_the_filter_level_says_what_is_dropped_of_mail_for_nobody(
    binary: Path, host: Host, monkeypatch: pytest.MonkeyPatch, level: int, kept: list[str]
) -> None:
    host.config["spamFilterLevel"] = level
    write_config(host)
    with running(binary, host) as pmail:
        pmail.wait_for_ports(*PORTS)
        deliver("nobody@example.test", "neither")
        deliver_privately("nobody@example.test", "spf", "someone@receiver.test")
        with smtplib.SMTP(PMAIL, 25, timeout=20) as smtp:
            content = signed("signed", monkeypatch, b"relaxed/simple")
            smtp.sendmail("someone@receiver.test", ["nobody@example.test"], content)
    rows = host.sql("SELECT subject FROM email ORDER BY subject")
    assert [subject for (subject,) in rows] == kept


# --- IMAP ------------------------------------------------------------------------------


@contextlib.contextmanager
def mailbox() -> Iterator[imaplib.IMAP4_SSL]:
    with imaplib.IMAP4_SSL(PMAIL, 993, ssl_context=UNVERIFIED, timeout=20) as imap:
        imap.login("admin", ADMIN_PASSWORD)
        yield imap


@pytest.mark.parametrize("initial", [True, False], ids=["with the command", "asked for"])
def test_imap_takes_authenticate_plain(pmail: Pmail, initial: bool) -> None:
    def answer(password: str) -> Any:
        plain = f"\0admin@second.test\0{password}".encode()
        if not initial:
            return imap.authenticate("PLAIN", lambda _: plain)
        return imap.xatom("AUTHENTICATE", "PLAIN", base64.b64encode(plain).decode())

    with imaplib.IMAP4_SSL(PMAIL, 993, ssl_context=UNVERIFIED, timeout=20) as imap:
        with contextlib.suppress(imaplib.IMAP4.error):  # authenticate() raises, xatom() does not
            assert answer("wrong")[0] == "NO"
        assert answer(ADMIN_PASSWORD)[0] == "OK"
        imap.state = "AUTH"
        assert imap.select("INBOX") == ("OK", [b"0"])


def test_imap_shows_received_and_sent_mail(pmail: Pmail, inbox: Receiver) -> None:
    deliver("admin@example.test", "first")
    deliver("admin@example.test", "second")
    submit()
    with mailbox() as imap:
        names = b"\n".join(line for line in imap.list()[1] if isinstance(line, bytes))
        assert b'(\\HasNoChildren \\Sent) "/" "Sent Messages"' in names
        assert imap.status("INBOX", "(MESSAGES UNSEEN)")[1] == [b"INBOX (MESSAGES 2 UNSEEN 2)"]
        imap.select("INBOX")
        assert imap.search(None, "ALL")[1] == [b"1 2"]
        uids = imap.uid("SEARCH", "UNSEEN")[1][0].split()
        whole = imap.uid("FETCH", uids[1].decode(), "(UID BODY.PEEK[])")[1][0]
        # The number is counted in what was asked for, not in the folder.
        assert isinstance(whole, tuple) and whole[0].startswith(b"1 (UID ")
        assert message_from_bytes(whole[1])["Subject"] == "second"
        fetched = imap.fetch("1", "(FLAGS BODY[])")[1][0]
        assert isinstance(fetched, tuple) and b"Subject: first\r\n" in fetched[1]
        assert imap.search(None, "UNSEEN")[1] == [b"2"]
        assert imap.select('"Sent Messages"') == ("OK", [b"1"])
        sent = imap.fetch("1:*", "(RFC822)")[1][0]
        assert isinstance(sent, tuple) and b"Subject: hi\r\n" in sent[1]


def test_imap_says_ok_to_append_and_keeps_nothing(pmail: Pmail) -> None:
    with mailbox() as imap:
        answer = imap.append("INBOX", r"(\Seen)", "", b"Subject: kept?\r\n\r\nhello\r\n")
        assert answer[0] == "OK"
        assert imap.select("INBOX") == ("OK", [b"0"])
    pmail.wait_for_log("Append Not Implemented")


def test_imap_opens_a_folder_that_does_not_exist(pmail: Pmail) -> None:
    with mailbox() as imap:
        assert imap.select("Nowhere") == ("OK", [b"0"])


def test_forged_mail_is_in_the_folder_of_deleted_mail(pmail: Pmail) -> None:
    deliver("admin@example.test", "forged", sender="boss@example.test")
    with mailbox() as imap:
        assert imap.select("INBOX") == ("OK", [b"0"])
        assert imap.select('"Deleted Messages"') == ("OK", [b"1"])


# --- rules -----------------------------------------------------------------------------


def forward(to: str, field: str = "Subject", kind: str = "contains", text: str = "") -> Any:
    condition = {"field": field, "type": kind, "rule": text}
    rule = {"name": "f", "rules": [condition], "action": 2, "params": to, "sort": 1}
    return call("/api/rule/add", rule, "bob", "pw")


@pytest.mark.usefixtures("bob")
def test_a_rule_forwards_forged_mail_unchanged_with_our_envelope_sender(
    pmail: Pmail, inbox: Receiver
) -> None:
    assert forward("away@receiver.test", text="please")["data"] == "succ"
    deliver("bob@second.test", "other", "ceo@example.test")
    deliver("bob@second.test", "please", "ceo@example.test")
    (forwarded,) = inbox.mails
    assert forwarded.sender == "bob@example.test"  # the first of `domains`
    assert forwarded.ehlo == "example.test"
    assert forwarded.content == mail("bob@second.test", "please", "ceo@example.test").encode()
    assert pmail.host.sql("SELECT status FROM email") == [(3,), (3,)]
    pmail.wait_for_log("Forward Success:bob@example.test -> away@receiver.test")


@pytest.mark.usefixtures("bob")
def test_what_a_receiver_refuses_is_forwarded_again_rebuilt(pmail: Pmail, inbox: Receiver) -> None:
    inbox.answer = "550 5.7.1 no"
    forward("away@receiver.test")
    deliver("bob@example.test", "refused")
    original, rebuilt = inbox.mails
    assert b"From: someone@receiver.test\r\n" in original.content
    message = message_from_bytes(rebuilt.content)
    assert message["From"] == message["Sender"] == '"Bob" <bob@example.test>'
    assert message["Reply-To"] == message["X-Original-From"] == "<someone@receiver.test>"
    assert message["References"] == message["In-Reply-To"] == "<refused@t>"
    assert dkim.verify(rebuilt.content, dnsfunc=signing_key_in_dns(pmail.host))
    assert owners(pmail, "refused") == ["bob"]
    pmail.wait_for_log("Forward Error:以下收件人投递失败：away@receiver.test")


@pytest.mark.usefixtures("bob")
@pytest.mark.parametrize(
    ("field", "kind", "text", "matches"),
    [
        ("From", "equal", "someone@receiver.test", True),
        ("From", "equal", "someone", False),
        ("Content", "regex", "^h.*o", True),
        ("To", "contains", "admin", False),
        ("To", "of no known kind", "x", True),
    ],
)
def test_a_rule_looks_at_one_field(
    pmail: Pmail, inbox: Receiver, field: str, kind: str, text: str, matches: bool
) -> None:
    forward("away@receiver.test", field, kind, text)
    deliver("bob@example.test", "hello")
    assert len(inbox.mails) == matches


@pytest.mark.usefixtures("bob")
def test_a_rule_for_an_own_address_gives_the_mail_to_that_user(
    pmail: Pmail, inbox: Receiver
) -> None:
    forward("ADMIN@second.test")
    deliver("bob@example.test", "shared")
    assert owners(pmail, "shared") == ["admin", "bob"]
    assert inbox.mails == []


@pytest.mark.usefixtures("bob")
def test_rules_are_listed_and_deleted(pmail: Pmail, inbox: Receiver) -> None:
    assert forward("nowhere")["errorNo"] == 100
    assert forward("away@receiver.test", field="Sender")["errorNo"] == 100
    forward("away@receiver.test", text="x")
    (rule,) = call("/api/rule/get", {}, "bob", "pw")["data"]
    condition = {"field": "Subject", "type": "contains", "rule": "x"}
    assert rule == {
        "id": 1, "user_id": 2, "name": "f", "rules": [condition],
        "action": 2, "params": "away@receiver.test", "sort": 1,
    }  # fmt: skip
    assert call("/api/rule/get", {})["data"] is None
    call("/api/rule/del", {"id": 1})  # another user's: nothing happens
    assert call("/api/rule/del", {"id": 0}, "bob", "pw")["errorNo"] == 100
    assert len(call("/api/rule/get", {}, "bob", "pw")["data"]) == 1
    assert call("/api/rule/del", {"id": 1}, "bob", "pw")["data"] == "succ"
    deliver("bob@example.test", "x")
    assert inbox.mails == []


# --- the web API's mail ----------------------------------------------------------------


def wait_for_rows(pmail: Pmail, query: str) -> list[tuple[Any, ...]]:
    end = time.monotonic() + 20
    while not (rows := pmail.host.sql(query)):
        assert time.monotonic() < end, f"no rows: {query}\n{pmail.log}"
        time.sleep(0.05)
    return rows


RESULT = (
    "SELECT e.type,e.status,e.error,x.status,x.is_read FROM email e "
    "JOIN user_email x ON x.email_id=e.id"
)


def test_the_web_api_sends_what_it_is_given(pmail: Pmail, inbox: Receiver) -> None:
    file = {"name": "会.pdf", "data": "data:application/pdf;base64,AAAA"}
    to = [{"name": "Smith, Ann", "email": "a@receiver.test"}]
    body = {"subject": "a & b", "to": to, "text": "a < b", "html": "<i>x</i>", "attrs": [file]}
    assert call("/api/email/send", body)["data"] == "Success"
    assert wait_for_rows(pmail, RESULT) == [(1, 1, None, 1, 1)]
    message = message_from_bytes(inbox.mails[0].content)
    assert message["From"] == '"admin" <admin@example.test>'
    assert message["To"] == '"Smith, Ann" <a@receiver.test>'
    assert message["Subject"] == "a & b"
    assert texts(message)["text/plain"] == "a < b"
    assert texts(message)["text/html"] == "<i>x</i>"
    assert dkim.verify(inbox.mails[0].content, dnsfunc=signing_key_in_dns(pmail.host))


def test_the_web_api_says_success_to_what_fails_later(pmail: Pmail, inbox: Receiver) -> None:
    inbox.answer = "451 4.7.1 greylisted"
    body = {"subject": "x", "to": [{"email": "a@receiver.test"}], "text": "x"}
    assert call("/api/email/send", body)["errorNo"] == 0
    failure = "以下收件人投递失败：a@receiver.test"
    assert wait_for_rows(pmail, RESULT) == [(1, 2, failure, 2, 1)]


@pytest.mark.usefixtures("bob")
@pytest.mark.parametrize(
    "change",
    [
        {"subject": ""},
        {"to": []},
        {"from": {"email": "admin@example.test"}},
        {"from": {"email": "bob@foreign.test"}},
    ],
    ids=["no subject", "nobody", "another user", "foreign domain"],
)
def test_the_web_api_refuses_at_once(pmail: Pmail, change: dict[str, object]) -> None:
    body = {"subject": "x", "to": [{"email": "a@receiver.test"}], "text": "x"} | change
    assert call("/api/email/send", body, "bob", "pw")["errorNo"] == 100
    assert pmail.host.sql("SELECT count(*) FROM email") == [(0,)]


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
