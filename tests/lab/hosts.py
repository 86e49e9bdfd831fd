"""Throwaway VPS: real systemd as PID 1 and real sshd, on an overlay in RAM, booted in a second."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab.network import GATEWAY, RESOLVER, Network, cache, instance, state
from tests.lab.process import Daemon, run, wait_for
from tests.lab.rootfs import nspawn, unpacked

APT_PORT = 3142
_START = """#!/bin/bash
for h in systemd unified; do
    [ -d /sys/fs/cgroup/$h ] && echo $$ > /sys/fs/cgroup/$h/{cgroup}/cgroup.procs; done
mount -t overlay {cgroup} -o lowerdir={lower},upperdir={disk}/upper,workdir={disk}/work {root}
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
# 133: a reboot was asked for inside. The time namespace lets the uptime start at 0 each time.
while :; do
    up=$(cut -d. -f1 /proc/uptime)
    unshare --time --monotonic -$up --boottime -$up {nspawn} -q --boot --directory={root} \\
        --machine={machine} --register=no --keep-unit --console=pipe \\
        --network-namespace-path=/run/netns/{netns} --capability=CAP_NET_ADMIN,CAP_NET_RAW \\
        --resolv-conf=off --timezone=off --link-journal=no
    rc=$?; [ $rc = 133 ] || exit $rc
done
"""
# What a host changes by itself, without anybody's doing.
_RESTLESS = re.compile(
    r"^(run|tmp|proc|sys|dev)/|^var/(log|tmp|cache|lib/systemd|lib/apt|lib/private)/"
    r"|^var/lib/(dpkg/lock|pmail/data/|pmail-deploy-(edge|greylist)/|postfix/)|\.dpkg-new$"
    r"|^var/spool/postfix/|^root/\.ssh/|^etc/(machine-id|resolv\.conf)$"
    r"|^home/[^/]+/\.|^var/lib/ucf|^etc/\.updated$|^var/\.updated$|^etc/\.pwd\.lock$"
)


@dataclass(frozen=True)
class Host:
    """One VPS of the lab."""

    name: str
    ip: str
    user: str = "root"

    @property
    def folder(self) -> Path:
        """Its state, in RAM."""
        return state() / "hosts" / self.name

    @property
    def netns(self) -> str:
        """Its network namespace."""
        return f"pmd-{instance()}-{self.name}"

    @property
    def upper(self) -> Path:
        """Everything that was written on its disk since it was fresh."""
        return self.folder / "disk" / "upper"

    @property
    def known_hosts(self) -> Path:
        """Its SSH host key."""
        return self.folder / "known_hosts"

    @property
    def daemon(self) -> Daemon:
        """The process that holds it."""
        return Daemon(self.folder / "pid")

    @property
    def init(self) -> int | None:
        """Process id of its PID 1, as this machine sees it."""
        pid = self.daemon.pid
        for _ in range(3):
            if pid is None:
                return None
            pid = _child(pid)
            if pid is not None and _name(pid) == "systemd":
                return pid
        return None

    def ssh(self, command: str, check: bool = True) -> str:
        """Run a command as a user would, by SSH."""
        return run(*Network().inside([*_ssh(self), command]), check=check)

    def run(self, command: str, check: bool = False) -> str:
        """Run a shell command as root inside, without SSH; returns its output."""
        init = self.init
        if init is None:
            raise RuntimeError(f"{self.name} does not run")
        enter = ["nsenter", "-t", str(init), "-m", "-u", "-i", "-n", "-p", "-C"]
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return run(*enter, "env", "-i", path, "HOME=/root", "sh", "-c", command, check=check)

    def reboot(self) -> None:
        """Reboot it, and wait until it is back."""
        before = self.init
        self.run("systemctl reboot")
        if not wait_for(lambda: self.init not in (None, before), 60):
            raise RuntimeError(f"{self.name} did not reboot")
        self._wait_for_ssh()

    def power_cut(self) -> None:
        """Stop it dead, whatever it is doing, and start it again; its disk stays as it was."""
        self._kill()
        wait_for(lambda: self.init is None, 10)
        # The namespace outlives the machine; a real one's firewall does not.
        run("ip", "netns", "exec", self.netns, "nft", "flush", "ruleset")
        self._start()
        self._wait_for_ssh()

    def cut_ssh(self) -> None:
        """Break every SSH connection to it at once."""
        run("ip", "netns", "exec", Network().name, "ss", "-K", "dst", self.ip, "dport", "=", "22")

    @contextmanager
    def firewall(self, rule: str) -> Iterator[None]:
        """An inbound rule before the host, as a cloud's firewall has it."""
        nft = ["ip", "netns", "exec", Network().name, "nft"]  # the host itself knows nothing of it
        table, chain = (
            f"cloud_{self.netns.replace('-', '_')}",
            "type filter hook output priority 0;",
        )
        rules = (
            f"table ip {table} {{\n chain c {{\n  {chain}\n  ip daddr {self.ip} {rule}\n }}\n}}\n"
        )
        run(*nft, "-f", "-", input=rules)
        try:
            yield
        finally:
            run(*nft, "delete", "table", "ip", table)

    def tree(self) -> dict[str, str]:
        """What the deploy and the packages have written: path -> kind, mode, owner and sum."""
        found = {}
        for path in sorted(self.upper.rglob("*")):
            relative = str(path.relative_to(self.upper))
            if not _RESTLESS.search(relative + ("/" if path.is_dir() else "")):
                found[relative] = _describe(path)
        return found

    def boot(self, suite: str, disk: str | None = None, image: Path | None = None) -> None:
        """Boot it, fresh. disk: size limit of its root ("200M"). image: lies over the suite."""
        self.stop()
        self._make_network()
        self._make_disk(disk)
        if image is None:
            self._settle_in()
        lower = [image, unpacked(suite)] if image else [unpacked(suite)]
        (self.folder / "lower").write_text(":".join(map(str, lower)))
        self._start()
        self._wait_for_ssh()
        # Until it has booted, its units look whether there is what they are for.
        self.run("systemctl is-system-running --wait")

    def shut_down(self) -> None:
        """Shut it down in order; its disk stays."""
        self.run("systemctl poweroff")
        if not wait_for(lambda: self.daemon.pid is None, 60):
            raise RuntimeError(f"{self.name} does not shut down")

    def stop(self) -> None:
        """Pull the plug and forget it."""
        self._kill()
        for hierarchy in ("systemd", "unified"):
            group = Path("/sys/fs/cgroup") / hierarchy / self.netns
            wait_for(lambda group=group: _removed(group), 5)  # type: ignore[misc]
        run("umount", "-q", str(self.folder / "disk"), check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
        run("ip", "netns", "del", self.netns, check=False)
        run("ip", "-n", Network().name, "link", "del", f"v-{self.name}", check=False)

    def _kill(self) -> None:
        init = self.init
        if init:
            os.kill(init, signal.SIGKILL)
        self.daemon.stop(signal.SIGKILL)

    def _make_network(self) -> None:
        lab = Network().name
        last = self.ip.rpartition(".")[2]
        run("ip", "netns", "add", self.netns)
        veth = f"v-{self.name}"
        run(
            *("ip", "-n", lab, "link", "add", veth, "type", "veth"),
            *("peer", "name", "eth0", "netns", self.netns),
        )
        run("ip", "-n", lab, "link", "set", veth, "master", "br0", "up")
        for words in (
            "link set lo up",
            f"addr add {self.ip}/24 dev eth0",
            f"-6 addr add 2001:db8:113::{last}/64 dev eth0 nodad",
            "link set eth0 up",
            f"route add default via {GATEWAY}",
        ):
            run("ip", "-n", self.netns, *words.split())

    def _make_disk(self, size: str | None) -> None:
        disk = self.folder / "disk"
        disk.mkdir(parents=True)
        if size:
            run("mount", "-t", "tmpfs", "-o", f"size={size}", self.netns, str(disk))
        for name in ("upper", "work"):
            (disk / name).mkdir()
        (self.folder / "root").mkdir()
        ssh = self.upper / "root/.ssh"
        ssh.mkdir(parents=True, mode=0o700)
        (self.upper / "root").chmod(0o700)
        keys = ssh / "authorized_keys"
        keys.write_text(_public_key())
        keys.chmod(0o600)

    def _settle_in(self) -> None:
        """Name, resolver and packages' proxy, as a provider's image brings them."""
        apt = self.upper / "etc/apt/apt.conf.d"
        apt.mkdir(parents=True)
        (self.upper / "etc/resolv.conf").write_text(f"nameserver {RESOLVER}\n")
        proxy = f'Acquire::http::Proxy "http://{GATEWAY}:{APT_PORT}";\n'
        (apt / "00proxy").write_text(proxy)
        (self.upper / "etc/hostname").write_text(f"{self.name}\n")

    def _start(self) -> None:
        # One cgroup for each: with --keep-unit two containers would share their payload's.
        for hierarchy in ("systemd", "unified"):
            if (Path("/sys/fs/cgroup") / hierarchy).is_dir():
                (Path("/sys/fs/cgroup") / hierarchy / self.netns).mkdir(exist_ok=True)
        script = self.folder / "start"
        script.write_text(
            _START.format(
                cgroup=self.netns,
                lower=(self.folder / "lower").read_text(),
                disk=self.folder / "disk",
                root=self.folder / "root",
                nspawn=shlex.join(nspawn()),
                machine=self.name,
                netns=self.netns,
            )
        )
        command = ["unshare", "-m", "--propagation", "private", "bash", str(script)]
        self.daemon.start(command, self.folder / "console.log")

    def _wait_for_ssh(self) -> None:
        root = Host(self.name, self.ip)
        command = Network().inside([*_ssh(root, strict=False), "true"])
        if not wait_for(lambda: subprocess.run(command, capture_output=True).returncode == 0, 120):
            # A host without root login has no key for us there; its port has to do.
            scan = Network().inside(["ssh-keyscan", "-T", "5", self.ip])
            if not wait_for(lambda: bool(run(*scan, check=False)), 60):
                console = (self.folder / "console.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.name} does not let us in by SSH:\n{console}")
        keys = run(*Network().inside(["ssh-keyscan", "-T", "5", self.ip]), check=False)
        self.known_hosts.write_text(keys)

    def make_sudo_user(self, user: str) -> Host:
        """Return the same host with a user for sudo, and root kept out of SSH."""
        self.run(
            f"useradd -m -s /bin/bash {user}; "
            f"echo '{user} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/{user}; "
            f"cp -r /root/.ssh /home/{user}/; chown -R {user}: /home/{user}/.ssh; "
            "echo 'PermitRootLogin no' > /etc/ssh/sshd_config.d/lab.conf; systemctl restart ssh",
            check=True,
        )
        return Host(self.name, self.ip, user)

    def data(self) -> dict[str, object]:
        """Inventory data with which pyinfra reaches it."""
        return {
            "ssh_hostname": self.ip,
            "ssh_user": self.user,
            "ssh_key": str(ssh_key()),
            "ssh_known_hosts_file": str(self.known_hosts),
            "ssh_strict_host_key_checking": "yes",
        }


def _removed(group: Path) -> bool:
    """Remove a cgroup, the deepest first; False while a process is still in it."""
    folders = [path for path in group.rglob("*") if path.is_dir()] if group.is_dir() else []
    try:
        for path in sorted(folders, reverse=True):
            path.rmdir()
        if group.is_dir():
            group.rmdir()
    except OSError:
        return False
    return True


def _child(pid: int) -> int | None:
    """Its first child; None where it has none or has ended meanwhile."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    return int(children[0]) if children else None


def _name(pid: int) -> str:
    """Its name; empty when it has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _describe(path: Path) -> str:
    status = path.lstat()
    about = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
    if path.is_symlink():
        return f"{about} -> {path.readlink()}"
    if stat.S_ISREG(status.st_mode):
        return f"{about} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return about


def ssh_key() -> Path:
    """The operator's SSH key, made once for each instance."""
    path = state() / "id_ed25519"
    if not path.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(path))
    return path


def _public_key() -> str:
    return ssh_key().with_suffix(".pub").read_text()


def _ssh(host: Host, strict: bool = True) -> list[str]:
    known = str(host.known_hosts) if strict else "/dev/null"
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes" if strict else "no",
        "UserKnownHostsFile": known,
        "ConnectTimeout": "1",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", "-q", "-i", str(ssh_key()), *words, f"{host.user}@{host.ip}"]


def apt_proxy() -> Daemon:
    """The proxy that the hosts' apt goes through; started when it does not run."""
    daemon = Daemon(state() / "apt_proxy.pid")
    if daemon.pid is None:
        module = [sys.executable, "-m", "tests.lab.apt_proxy", Network().name, GATEWAY]
        command = [*module, str(APT_PORT), str(cache() / "apt")]
        daemon.start(command, state() / "apt_proxy.log", {"PYTHONPATH": os.getcwd()})
    return daemon
