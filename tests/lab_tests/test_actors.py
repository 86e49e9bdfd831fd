"""What a neighbour on the host, or whoever has taken PMail over, gains: nothing."""

from __future__ import annotations

import pytest

from deploys.host.pmail_layout import AS_PMAIL
from tests.lab.actors import Neighbour, TakenOver
from tests.lab.process import wait_for
from tests.lab_tests.site import Server, Site

pytestmark = pytest.mark.lab

DATA = "/var/lib/pmail/data"
STAMPS = "/run/pmail-deploy-stamps"
HOOKS = "/etc/letsencrypt/renewal-hooks/pre"
EVIL = f"#!/bin/sh\nid > {DATA}/ran\nsleep 60\n"
# Root would write the database to a name that is known before, and rename it onto a link.
SWAP_DATABASE = f"""
import os, time
os.chdir("{DATA}")
os.rename("pmail.db", "saved.db")
os.mkfifo("pmail.db.new", 0o600)
with open("pmail.db.new", "rb") as pipe:
    data = pipe.read()
writer = os.open("pmail.db.new", os.O_WRONLY)
os.rename("pmail.db.new", "pipe")
evil = os.open("pmail.db.new", os.O_RDWR | os.O_CREAT, 0o755)
os.write(evil, b"#!/bin/sh\\nid > /etc/taken\\n")
os.symlink("{HOOKS}", "pmail.db")
os.write(writer, data)
os.close(writer)
time.sleep(10)
"""
# Whatever is on the disk by now: it has been read, says PMail.
RESTAMP = f"""
import hashlib, os, time
path = "{STAMPS}/pmail.service.sha256"
print("begun", flush=True)
for _ in range(600):
    try:
        names = [line.split("  ", 1)[1].rstrip() for line in open(path)]
        sums = [hashlib.sha256(open(name, "rb").read()).hexdigest() for name in names]
        open(path, "w").write("".join(map("{{}}  {{}}\\n".format, sums, names)))
    except OSError:
        pass
    time.sleep(0.1)
"""
VIEW = (
    "alter table user rename to u; create view user as select id, account || edit('', 'touch "
    "/var/tmp/escaped; true ') as account, name, password, disabled, is_admin from u;"
)


def pid(server: Server) -> str:
    return server.host.run("systemctl show -P MainPID pmail").strip()


def test_nothing_that_pmail_wrote_is_started_and_nothing_of_root_s_is_written(
    running_site: Site,
) -> None:
    (server,) = running_site.servers
    host, taken = server.host, TakenOver(server.host)
    for folder in ("/var/lib/pmail/plugins", DATA):
        taken.run(f"printf '{EVIL}' > {folder}/evil; chmod 755 {folder}/evil")
    assert "Permission denied" in taken.run(f"{DATA}/evil")
    assert "Permission denied" in taken.run("/var/lib/pmail/plugins/evil")
    for path in (f"{STAMPS}/x", "/usr/local/lib/pmail-deploy/plugins/x", "/run/pmail/x", "/etc/x"):
        taken.run(f"echo x > {path}")
        assert host.run(f"cat {path}") == ""
    good = "/usr/local/lib/pmail-deploy/plugins/good"
    host.run(f"printf '#!/bin/sh\\ntouch {DATA}/good-ran\\n' > {good}; chmod 755 {good}")
    host.run("systemctl restart pmail", check=True)
    assert wait_for(lambda: host.run(f"ls {DATA}/good-ran") != "", 30), "root's plugins are started"
    assert wait_for(lambda: server.answers(993), 60)
    assert host.run(f"cat {DATA}/ran") == ""
    # What root has run as PMail's user, outside of its sandbox, is no way out of that.
    look = host.run(f"{AS_PMAIL} sleep 300 > /dev/null 2>&1 & echo $!", check=True).strip()
    assert wait_for(lambda: "sleep" in host.run(f"cat /proc/{look}/comm"), 20)
    for way in (f"exec 3<> /proc/{look}/mem", f"ls /proc/{look}/root/", f"ls /proc/{look}/fd/"):
        assert "got in" not in taken.run(f"{way} && echo got in"), way
    host.run(f"kill {look}")
    neighbour = Neighbour(host)
    neighbour.arrive()
    secrets = "/var/lib/pmail /etc/pmail-deploy/tls /etc/pmail-deploy/config"
    assert "Permission denied" in neighbour.run(f"cat {secrets.split()[0]}/data/pmail.db")
    assert neighbour.run(f"find {secrets} -type f -readable 2>/dev/null") == ""


@pytest.mark.long
def test_pmail_taken_over_does_not_lead_root_and_escapes_no_restart(new_site: Site) -> None:
    site = new_site
    server = site.add_running("relay")
    host, taken = server.host, TakenOver(server.host)
    host.run(f"mkdir -p {HOOKS}", check=True)

    before = pid(server)
    taken.start(RESTAMP)
    assert wait_for(lambda: "begun" in taken.said, 20)
    server.data["log_level"] = "warn"
    done = site.operator.run()
    assert done.status == 0, done.output
    assert pid(server) != before

    taken = TakenOver(host)
    taken.run(f'sqlite3 {DATA}/pmail.db "{VIEW}"')
    done = site.operator.run()
    assert done.status != 0 and "Traceback" not in done.output, done.output
    assert host.run("ls /var/tmp/escaped") == ""
    taken.run(f'sqlite3 {DATA}/pmail.db "drop view user; alter table u rename to user;"')

    taken.run(f"mv {DATA}/pmail.db {DATA}/saved.db; mkfifo {DATA}/pmail.db")
    done = site.operator.run()
    assert done.status != 0 and "Traceback" not in done.output, done.output
    taken.run(f"rm {DATA}/pmail.db; mv {DATA}/saved.db {DATA}/pmail.db")

    host.run("systemctl stop actor-taken-pmail")
    taken.start(SWAP_DATABASE)
    assert wait_for(lambda: "saved.db" in host.run(f"ls {DATA}"), 20)
    done = site.operator.run("deploy.py", "-y", "--data", f"start_empty={server.name}")
    assert done.status == 0, done.output
    assert host.run(f"ls {HOOKS}; cat /etc/taken") == ""
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output

    neighbour = Neighbour(host)
    neighbour.arrive()
    for command in ("postqueue -p", "postqueue -j", "mailq"):
        assert "not allowed to view the mail queue" in neighbour.run(command)
    # A port that only root may have is nobody's while its program restarts.
    ports = {int(each) for each in host.run("ss -Hltn | awk '{print $4}' | sed 's/.*://'").split()}
    assert ports and max(ports) < 1024, ports
    start = host.run("cat /proc/sys/net/ipv4/ip_unprivileged_port_start")
    assert int(start) > max(ports)
