"""PMail on a small network of its own: one host, and the tests as the world outside it.

The calling thread moves into a new network namespace and back; PMail runs in a
second one, as an ordinary user with the right to low ports, like under its unit.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

OUTSIDE = "203.0.113.1"  # the tests: name server and receiving mail server
PMAIL = "203.0.113.2"
PRIVATE = {OUTSIDE: "10.255.255.1", PMAIL: "10.255.255.2"}  # the same two, another network
GOOGLE_DNS = "8.8.8.8"  # PMail's SPF asks there and nowhere else
RECEIVER = "mx.receiver.test"
PORTS = (25, 465, 587, 110, 995, 993, 8080, 443)
NOBODY = 65534
CLONE_NEWNET = 0x40000000
ADMIN_PASSWORD = "a-long-admin-password"  # PMail's POP3 reads no spaces

USER_TABLE = """
CREATE TABLE `user` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `account` TEXT NOT NULL,
  `name` TEXT NOT NULL, `password` TEXT NOT NULL, `disabled` INTEGER DEFAULT 0 NOT NULL,
  `is_admin` INTEGER DEFAULT 0 NOT NULL);
CREATE UNIQUE INDEX `UQE_user_account` ON `user` (`account`);
"""

START = """
mount --bind {root}/resolv.conf /etc/resolv.conf
read -r go
cd {root}
exec setpriv --reuid {user} --regid {user} --clear-groups --no-new-privs \
  --inh-caps=-all,+net_bind_service --ambient-caps=+net_bind_service \
  --bounding-set=-all,+net_bind_service {binary} -p 8080
"""


def md5_hex(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def pmail_hash(password: str) -> str:
    """The `password` column (PMail: utils/password)."""
    return md5_hex(md5_hex(password + "pmail") + "pmail2023")


# --- namespaces ------------------------------------------------------------------------


@contextlib.contextmanager
def outside_world() -> Iterator[None]:
    """This thread, and all it starts, in an empty network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET)")
        _run("ip", "link", "set", "lo", "up")
        yield
    finally:
        if libc.setns(home, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns: this process is lost in a namespace")
        os.close(home)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _connect(pid: int) -> None:
    """A cable between the outside world and the namespace of PMail's process."""
    inside = ("nsenter", "--target", str(pid), "--net", "ip")
    _run("ip", "link", "add", "world", "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    for address in (OUTSIDE, PRIVATE[OUTSIDE]):
        _run("ip", "addr", "add", f"{address}/24", "dev", "world")
    _run("ip", "link", "set", "world", "up")
    for address in (PMAIL, PRIVATE[PMAIL]):
        _run(*inside, "addr", "add", f"{address}/24", "dev", "eth0")
    for device in ("lo", "eth0"):
        _run(*inside, "link", "set", device, "up")


# --- what PMail is given ---------------------------------------------------------------


@dataclass(slots=True)
class Host:
    """PMail's files; `config` is written to config.json as it stands at start."""

    root: Path
    config: dict[str, Any] = field(default_factory=dict)

    def path(self, name: str) -> Path:
        return self.root / name

    def sql(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.path("data/pmail.db"), timeout=5)) as db, db:
            return db.execute(query, values).fetchall()

    def give_to_pmail(self) -> None:
        """Everything belongs to the user PMail runs as."""
        for path in (self.root, *self.root.rglob("*")):
            os.chown(path, NOBODY, NOBODY)


@contextlib.contextmanager
def seeded_host() -> Iterator[Host]:
    """Config, keys, certificate and a database with just the `user` table and the admin."""
    # Not below pytest's own directory: that is closed to other users.
    root = Path(tempfile.mkdtemp(prefix="pmail-stand-in-"))
    root.chmod(0o755)
    try:
        for name in ("config/dkim", "config/ssl", "data"):
            (root / name).mkdir(parents=True)
        host = Host(root, seeded_config(root))
        write_config(host)
        host.path("resolv.conf").write_text(f"nameserver {OUTSIDE}\noptions timeout:1\n")
        host.path("config/dkim/dkim.priv").write_bytes(pem(new_rsa_key()))
        write_certificate(host, names=("mail.example.test", "smtp.example.test"), days=30)
        with contextlib.closing(sqlite3.connect(root / "data/pmail.db")) as db, db:
            db.executescript(USER_TABLE)
            row = ("admin", "admin", pmail_hash(ADMIN_PASSWORD))
            db.execute("INSERT INTO user(account,name,password,is_admin) VALUES(?,?,?,1)", row)
        yield host
    finally:
        shutil.rmtree(root)


def seeded_config(root: Path) -> dict[str, Any]:
    return {
        "logLevel": "info",
        "domain": "example.test",
        "domains": ["example.test", "second.test"],
        "webDomain": "mail.example.test",
        "dkimPrivateKeyPath": f"{root}/config/dkim/dkim.priv",
        "sslType": "1",
        "SSLPrivateKeyPath": f"{root}/config/ssl/private.key",
        "SSLPublicKeyPath": f"{root}/config/ssl/public.crt",
        "dbType": "sqlite",
        "dbDSN": f"{root}/data/pmail.db",
        "httpsEnabled": 1,
        "spamFilterLevel": 0,
        "httpPort": 8080,
        "httpsPort": 443,
        "isInit": True,
    }


def write_config(host: Host) -> None:
    host.path("config/config.json").write_text(json.dumps(host.config))


def new_rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def self_signed(key: rsa.RSAPrivateKey, names: tuple[str, ...], days: int) -> bytes:
    """A certificate in PEM that ends `days` from now (negative: expired)."""
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=90))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def write_certificate(host: Host, names: tuple[str, ...], days: int) -> None:
    key = new_rsa_key()
    host.path("config/ssl/private.key").write_bytes(pem(key))
    host.path("config/ssl/public.crt").write_bytes(self_signed(key, names, days))


# --- PMail running ---------------------------------------------------------------------


@dataclass(slots=True)
class Pmail:
    """A started PMail; `log` is stdout and stderr together."""

    process: subprocess.Popen[bytes]
    host: Host

    @property
    def log(self) -> str:
        return self.host.path("pmail.log").read_text()

    def exit_code(self, timeout: float = 20) -> int:
        return self.process.wait(timeout)

    def wait_for_ports(self, *ports: int, timeout: float = 30) -> None:
        """Returns when all answer; AssertionError with the log when PMail ended or hangs."""
        end = time.monotonic() + timeout
        for port in ports:
            while not answers(port):
                alive = self.process.poll() is None and time.monotonic() < end
                assert alive, f"nothing on port {port}:\n{self.log}"
                time.sleep(0.05)

    def wait_for_log(self, text: str, timeout: float = 20) -> None:
        end = time.monotonic() + timeout
        while text not in self.log:
            assert time.monotonic() < end, f"{text!r} is not in the log:\n{self.log}"
            time.sleep(0.05)


def answers(port: int) -> bool:
    try:
        socket.create_connection((PMAIL, port), timeout=2).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def running(
    binary: Path, host: Host, *, environment: Mapping[str, str] | None = None, taken: int = 0
) -> Iterator[Pmail]:
    """PMail started with this host's files; `taken` is a port somebody else holds."""
    program = host.path("pmail")
    shutil.copy(binary, program)
    host.give_to_pmail()
    host.path("pmail").chmod(0o755)
    script = START.format(root=host.root, user=NOBODY, binary=program)
    if taken:
        script = script.replace("exec setpriv", f"{_holding(taken)}\nexec setpriv")
    with host.path("pmail.log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--net", "--mount", "--kill-child", "sh", "-ec", script],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "PMail_ROOT": f"{host.root}/"} | (environment or {}),
            start_new_session=True,
        )
    try:
        _wait_for_namespace(process.pid)
        _connect(process.pid)
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.close()
        yield Pmail(process, host)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        subprocess.run(["ip", "link", "del", "world"], capture_output=True)


def _holding(port: int) -> str:
    listen = f"import socket,time; s=socket.create_server(('', {port})); print('held', flush=True)"
    return f'python3 -c "{listen}; time.sleep(60)" &\nsleep 1'


def _wait_for_namespace(pid: int) -> None:
    own = os.readlink("/proc/thread-self/ns/net")
    end = time.monotonic() + 10
    while os.readlink(f"/proc/{pid}/ns/net") == own:
        assert time.monotonic() < end, "unshare did not start"
        time.sleep(0.01)


# --- talking to it ---------------------------------------------------------------------

UNVERIFIED = ssl.create_default_context()
UNVERIFIED.check_hostname = False
UNVERIFIED.verify_mode = ssl.CERT_NONE


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.body)
        return answer


def post(
    path: str, data: object, *, port: int = 443, headers: Mapping[str, str] | None = None
) -> Reply:
    """POST as JSON; by HTTPS on 443, else in clear."""
    connection = (
        http.client.HTTPSConnection(PMAIL, 443, timeout=20, context=UNVERIFIED)
        if port == 443
        else http.client.HTTPConnection(PMAIL, port, timeout=20)
    )
    with contextlib.closing(connection):
        connection.request("POST", path, json.dumps(data), dict(headers or {}))
        answer = connection.getresponse()
        return Reply(answer.status, dict(answer.getheaders()), answer.read().decode())


def token(account: str = "admin", password: str = ADMIN_PASSWORD, *, ahead: int = 0) -> str:
    """The `Token` header for now plus `ahead` seconds."""
    stamp = int(time.time()) + ahead
    return f"{account}:{md5_hex(pmail_hash(password) + str(stamp))}:{stamp}"


def call(path: str, data: object, account: str = "admin", password: str = ADMIN_PASSWORD) -> Any:
    """An API call with a token; returns the whole answer as a dict."""
    return post(path, data, headers={"Token": token(account, password, ahead=3)}).json


# --- the world outside -----------------------------------------------------------------

RECORDS = {
    ("receiver.test.", "MX"): f"10 {RECEIVER}.",
    (f"{RECEIVER}.", "A"): OUTSIDE,
    ("implicit.test.", "A"): OUTSIDE,  # an address record only: PMail does not use it
}


@contextlib.contextmanager
def google_dns(pmail: Pmail) -> Iterator[None]:
    """RECORDS are served at 8.8.8.8 too; before and after it PMail cannot reach that."""
    inside = ("nsenter", "--target", str(pmail.process.pid), "--net", "ip")
    _run("ip", "addr", "add", f"{GOOGLE_DNS}/32", "dev", "world")
    _run(*inside, "route", "add", f"{GOOGLE_DNS}/32", "dev", "eth0")
    try:
        with name_server(GOOGLE_DNS):
            yield
    finally:
        _run(*inside, "route", "del", f"{GOOGLE_DNS}/32")
        _run("ip", "addr", "del", f"{GOOGLE_DNS}/32", "dev", "world")


@contextlib.contextmanager
def name_server(address: str = "0.0.0.0") -> Iterator[None]:
    """Answers RECORDS over UDP; NXDOMAIN for names it does not know."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, 53))
    listener.settimeout(0.2)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                query, client = listener.recvfrom(4096)
                listener.sendto(_answer(query), client)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        listener.close()


def _answer(wire: bytes) -> bytes:
    query = dns.message.from_wire(wire)
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.AA
    question = query.question[0]
    name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
    if (name, kind) in RECORDS:
        reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, RECORDS[name, kind]))
    elif not any(name == known for known, _ in RECORDS):
        reply.set_rcode(dns.rcode.NXDOMAIN)
    return reply.to_wire()


@dataclass(frozen=True, slots=True)
class Received:
    ehlo: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes
    tls: bool


@dataclass(slots=True)
class Receiver:
    """What the receiving server got, and what it answers to the end of DATA."""

    mails: list[Received] = field(default_factory=list)
    answer: str = "250 2.0.0 got it"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        self.mails.append(
            Received(
                session.host_name or "",
                envelope.mail_from or "",
                tuple(envelope.rcpt_tos),
                content,
                session.ssl is not None,
            )
        )
        return self.answer


@contextlib.contextmanager
def receiver(starttls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A mail server for receiver.test; start it once PMail's host is connected."""
    handler = Receiver()
    controller = Controller(handler, OUTSIDE, 25, tls_context=starttls)
    controller.start()
    try:
        yield handler
    finally:
        controller.stop()
