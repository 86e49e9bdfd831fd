"""Root file systems of fresh Debian VPS, built once for each recipe, and nspawn to boot them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from functools import cache as cached
from pathlib import Path

from tests.lab.network import cache
from tests.lab.process import run

# With the deploy's packages there already, as after an earlier run: for tests that are not about
# the installation. They save a tenth of the whole time.
PREPARED = "bookworm-prepared"
SUITES = ("bookworm", "trixie", PREPARED)
# What a provider's minimal image has. No python, no nftables: the deploy brings what it needs.
_PACKAGES = (
    "systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,iproute2,ca-certificates,sudo,"
    "procps,kmod,netbase,less"
)
_DEPLOYED = (
    "ca-certificates,curl,nftables,openssl,unzip,postfix,opendkim,libsasl2-modules,"
    "opendmarc,dbconfig-no-thanks,publicsuffix,python3,sqlite3,nginx"
)
_NO_CONFIGURATION = (
    "echo postfix postfix/main_mailer_type select No configuration "
    '| chroot "$1" debconf-set-selections'
)
_CUSTOMIZE = r"""
set -e
rm -f "$1"/etc/ssh/ssh_host_*
: > "$1/etc/machine-id"
echo fresh-vps > "$1/etc/hostname"
for u in getty@tty1 console-getty systemd-udevd systemd-networkd-wait-online; do
    ln -sf /dev/null "$1/etc/systemd/system/$u.service"; done
printf "[Journal]\nStorage=volatile\n" > "$1/etc/systemd/journald.conf"
printf 'Acquire::Languages "none";\n' > "$1/etc/apt/apt.conf.d/99lab"
cat > "$1/etc/systemd/system/ssh-hostkeys.service" <<UNIT
[Unit]
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
[Install]
WantedBy=multi-user.target
UNIT
chroot "$1" systemctl enable ssh-hostkeys.service ssh.service
"""
# As a deploy leaves Debian's own nginx.
_NGINX_OFF = 'chroot "$1" systemctl disable nginx.service'
_TOOLS = [
    "mmdebstrap",
    "bind9",
    "bind9-dnsutils",
    "knot",
    "nsd",
    "unbound",
    "pebble",
    "nftables",
    "openssh-client",
    "iproute2",
    "openssl",
    "util-linux",
    "pdns-server",
    "pdns-backend-sqlite3",
    "sqlite3",
]


def install_tools() -> None:
    """Install the Debian packages that the lab is made of; none of their daemons is started."""
    query = run("dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n", check=False)
    there = {line.split()[0] for line in query.splitlines() if line.endswith(" installed")}
    missing = [name for name in _TOOLS if name not in there]
    if not missing:
        return
    print("--> Installing Debian packages:", *missing, flush=True)
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(["apt-get", "update", "-qq"], check=True, env=env)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing],
            check=True,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    finally:
        if ours:
            policy.unlink()


def nspawn() -> list[str]:
    """Return the command of systemd-nspawn: the machine's own, or one unpacked beside it.

    Installing systemd-container could pull a new systemd onto the machine.
    """
    if own := shutil.which("systemd-nspawn"):
        return [own]
    tools = cache() / "tools"
    binary = tools / "usr/bin/systemd-nspawn"
    if not binary.exists():
        _unpack_nspawn(tools)
    libraries = [str(path.parent) for path in tools.rglob("libsystemd*.so*")]
    path = ":".join(sorted(set(libraries)))
    return ["env", f"LD_LIBRARY_PATH={path}", str(binary)]


def _unpack_nspawn(tools: Path) -> None:
    tools.mkdir(parents=True, exist_ok=True)
    packages = ["systemd-container", "libsystemd-shared", "libsystemd0"]
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    subprocess.run(
        ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", *packages],
        check=True,
        cwd=tools,
    )
    for package in tools.glob("*.deb"):
        run("dpkg", "-x", str(package), str(tools))
        package.unlink()


@cached
def mirror() -> str:
    """The Debian mirror that this machine's own apt uses."""
    if given := os.environ.get("MIRROR"):
        return given.rstrip("/")
    listed = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
    found = [line for line in listed.splitlines() if line.rstrip("/").endswith("/debian")]
    if not found:
        raise RuntimeError("no Debian mirror in this machine's apt: set MIRROR")
    return found[0].rstrip("/")


def tarball(suite: str) -> Path:
    """Return the root file system of a suite, built when its recipe is new."""
    source = mirror()
    prepared = suite == PREPARED
    release = suite.removesuffix("-prepared")
    packages = f"{_PACKAGES},{_DEPLOYED}" if prepared else _PACKAGES
    off = (_NGINX_OFF,) if prepared else ()
    recipe = "\n".join((packages, _NO_CONFIGURATION, _CUSTOMIZE, *off, suite, source))
    key = hashlib.sha256(recipe.encode()).hexdigest()[:16]
    path = cache() / "rootfs" / f"{suite}-{key}.tar"
    if path.exists():
        return path
    print(f"--> Building a fresh {suite} (once)", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}.tar")
    security = source.removesuffix("/debian") + "/debian-security"
    sources = (
        f"deb {source} {release} main\ndeb {source} {release}-updates main\n"
        f"deb {security} {release}-security main\n"
    )
    run(
        "mmdebstrap",
        "--variant=minbase",
        "--mode=root",
        f"--include={packages}",
        *((f"--essential-hook={_NO_CONFIGURATION}",) if prepared else ()),
        f"--customize-hook={_CUSTOMIZE}",
        *(f"--customize-hook={each}" for each in off),
        release,
        str(fresh),
        "-",
        input=sources,
    )
    fresh.replace(path)
    return path


def unpacked(suite: str) -> Path:
    """Return the unpacked root file system of a suite; hosts lie on top, it is not changed."""
    archive = tarball(suite)
    folder = cache() / "lower" / archive.stem
    if not (folder / ".ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        run("tar", "-xf", str(archive), "-C", str(folder))
        (folder / ".ready").touch()
    return folder
