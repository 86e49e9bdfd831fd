"""The web has a front: nginx of ours, a web server of the user's, and PMail alone again."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from deploys.host import web_layout as layout
from probes.world.tls import Certificate, accepting_any, handshake
from tests.lab.network import GATEWAY, UNTRUSTED, Network
from tests.lab.process import wait_for
from tests.lab_tests.site import Server, Site, acme, inbox
from tests.lab_tests.test_edge_safety import imap
from tests.lab_tests.test_tls import short_lived, shown

pytestmark = pytest.mark.lab

__all__ = ["short_lived"]  # a fixture

_WEB = "mail.example.test"
_CONF = "/etc/letsencrypt/renewal/pmail-deploy.conf"
_STRANGER = "setpriv --reuid=nobody --regid=nogroup --clear-groups "


def asked(
    server: Server,
    path: str,
    *,
    host: str = _WEB,
    body: object = None,
    port: int = 443,
    source: str = GATEWAY,
    **fields: str,
) -> tuple[int, str, dict[str, str]]:
    """Ask as a browser does; returns status (0: no answer), body and fields of the answer."""
    with Network().entered():
        try:
            plain = socket.create_connection((server.ip, port), 60, (source, 0))
            way = plain
            if port == 443:
                way = accepting_any().wrap_socket(plain, server_hostname=host)
        except OSError as error:
            return 0, str(error), {}
    connection = http.client.HTTPConnection(host)
    connection.sock = way
    try:
        data = None if body is None else json.dumps(body)
        connection.request("POST" if data else "GET", path, data, fields)
        reply = connection.getresponse()
        said = reply.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error), {}
    finally:
        connection.close()
    return reply.status, said, {name.lower(): value for name, value in reply.headers.items()}


def logged_in(site: Site, server: Server, source: str = GATEWAY, password: str = "") -> int:
    """Log in by the web; returns the HTTP status of a right login, else 0 or what refused it."""
    login = {"account": "admin", "password": password or site.password(server, "admin")}
    status, said, _ = asked(server, "/api/login", body=login, source=source)
    return status if status != 200 or '"errorNo":0' in said else 0


def by_front(server: Server) -> Callable[[], bool]:
    """Whether web mail answers by its name and http leads there."""

    def look() -> bool:
        status, _, fields = asked(server, "/x?y", port=80)
        leads = (status, fields.get("location")) == (301, f"https://{_WEB}/x?y")
        return leads and "pong" in asked(server, "/api/ping")[1]

    return look


def at_the_web(server: Server) -> Certificate:
    """The certificate that browsers are shown."""
    with Network().entered():
        return handshake(socket.create_connection((server.ip, 443), 30), _WEB)


def strangers_are_kept_out(server: Server) -> None:
    """Another local user neither reaches PMail nor takes its place."""
    to = f"curl -s --max-time 5 --unix-socket {layout.ENDPOINT} http://x/api/ping"
    assert "pong" in server.host.run(to)
    assert "pong" not in server.host.run(_STRANGER + to)
    assert "pong" not in server.host.run(
        f"{_STRANGER} curl -s --max-time 5 http://127.0.0.1:880/api/ping"
    )
    assert "Permission denied" in server.host.run(
        f"{_STRANGER} rm {layout.ENDPOINT} 2>&1; {_STRANGER} ln -s /tmp {layout.SOCKETS}/x 2>&1"
    )
    assert not server.answers(880)


def guesses_count_everywhere(site: Site, server: Server) -> None:
    """Who guesses by the web is held off at IMAP, too, by his own address; others are not."""
    assert imap(site, server, "admin", UNTRUSTED) == "OK"
    with ThreadPoolExecutor(6) as pool:
        guessed = pool.map(lambda n: logged_in(site, server, UNTRUSTED, f"wrong-{n}"), range(18))
    assert 200 not in set(guessed)
    assert wait_for(lambda: imap(site, server, "admin", UNTRUSTED) in ("", "BYE"), 120)
    assert logged_in(site, server, UNTRUSTED) == 429
    assert logged_in(site, server) == 200
    # What a client says of itself counts for nothing.
    pretended = {"X-Forwarded-For": GATEWAY, "X-Real-IP": GATEWAY}
    login = {"account": "admin", "password": site.password(server, "admin")}
    assert asked(server, "/api/login", body=login, source=UNTRUSTED, **pretended)[0] == 429


def nobody_else_learns_anything(server: Server) -> None:
    """A name that is none of ours has no certificate and no answer."""
    assert asked(server, "/", host="other.test")[0] == 0
    assert asked(server, "/", host="other.test", port=80)[0] == 0
    bare = socket.socket()
    with Network().entered(), pytest.raises(OSError):
        bare = socket.create_connection((server.ip, 443), 20)
        ssl.SSLContext.wrap_socket(accepting_any(), bare)
    bare.close()


def test_nginx_of_ours_renews_without_a_stop_keeps_strangers_out_and_goes_as_it_came(
    new_site: Site, short_lived: None
) -> None:
    site = new_site
    server = site.add_server("example.test", outbound="relay", web="nginx", **acme("acme-http"))
    first = site.operator.run()
    assert first.status == 0, first.output
    assert site.not_green(server) == []
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output

    assert by_front(server)() and logged_in(site, server) == 200
    fields = asked(server, "/")[2]
    assert "max-age" in fields["strict-transport-security"]
    nobody_else_learns_anything(server)
    strangers_are_kept_out(server)
    guesses_count_everywhere(site, server)

    # certbot's timer: the web server, and PMail's port 25, are there all the time.
    before, run = at_the_web(server), "systemctl show -P MainPID pmail-deploy-nginx"
    pid = server.host.run(run)
    assert "authenticator = webroot" in server.host.run(f"cat {_CONF}")
    renew = "systemctl start certbot.service && echo renewed"
    assert wait_for(lambda: "renewed" in server.host.run(renew), 120)
    assert server.host.run(run) == pid
    assert wait_for(lambda: at_the_web(server).fingerprint != before.fingerprint, 30)
    assert shown(server, 465).fingerprint == at_the_web(server).fingerprint
    server.host.reboot()
    assert wait_for(by_front(server), 90)
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output

    server.data.update(web="pmail")
    back = site.operator.run()
    assert back.status == 0, back.output
    assert site.not_green(server) == [] and not server.answers(80)
    assert "pong" in asked(server, "/api/ping")[1]
    assert "authenticator = standalone" in server.host.run(f"cat {_CONF}")
    left = [path for path in site.tree(server) if "pmail-deploy" in path]
    assert not [path for path in left if re.search(r"web|nginx|endpoint", path)], left
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output


def test_a_web_server_of_the_users_keeps_its_ports_and_its_sites_and_gets_one_line(
    new_site: Site,
) -> None:
    site = new_site
    server = site.add_running("direct")
    theirs = server.host
    theirs.run(
        "rm -f /etc/nginx/sites-enabled/default; mkdir -p /srv/theirs; "
        "echo their page > /srv/theirs/index.html; "
        "printf 'server {\\n listen 80 default_server;\\n root /srv/theirs;\\n}\\n' "
        "> /etc/nginx/sites-enabled/theirs",
        check=True,
    )
    theirs.run("systemctl enable --now nginx", check=True)
    before = site.tree(server)
    server.data.update(web="nginx")
    refused = site.operator.run()
    assert refused.status != 0 and 'web: "behind"' in refused.output, refused.output
    assert site.tree(server) == before

    server.data.update(web="behind")
    told = site.operator.run()
    assert told.status == 1, told.output
    (result,) = [each for each in site.report(server) if each["check"] == "WEB-01"]
    command = str(result["remedy"]).split("On the server: ")[1]
    assert command in told.output
    theirs.run(command, check=True)
    followed = site.operator.run()
    assert followed.status == 0, followed.output
    assert site.not_green(server) == []
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output

    assert by_front(server)() and logged_in(site, server) == 200
    assert asked(server, "/", host="their.test", port=80)[1] == "their page\n"
    strangers_are_kept_out(server)
    with ThreadPoolExecutor(36) as pool:
        slowed = list(
            pool.map(lambda n: logged_in(site, server, UNTRUSTED, f"wrong-{n}"), range(36))
        )
    assert 429 in slowed and logged_in(site, server) == 200

    # A user's server that is gone makes room for ours, and the site's names move over.
    theirs.run("systemctl disable -q --now nginx; rm /etc/nginx/sites-enabled/zz-pmail", check=True)
    server.data.update(web="nginx")
    moved = site.operator.run()
    assert moved.status == 0, moved.output
    assert by_front(server)() and logged_in(site, server) == 200
    assert inbox(site, server) is not None
    server.data.update(web="pmail")
    back = site.operator.run()
    assert back.status == 0, back.output
    assert site.not_green(server) == []
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output


@pytest.mark.long
def test_apache_and_caddy_get_one_line_too_and_name_the_client(new_site: Site) -> None:
    site = new_site
    server = site.add_running("relay")
    theirs = server.host
    theirs.run("systemctl mask -q apache2 caddy; apt-get update -qq", check=True)
    theirs.run(
        "DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends apache2 "
        "caddy libnss3-tools >/dev/null 2>&1; systemctl unmask -q apache2 caddy",
        check=True,
    )
    # The lab's names have no certificate of a public authority.
    own = "{\n\tlocal_certs\n\tskip_install_trust\n}\nhttp://their.test {\n\trespond their\n}\n"
    theirs.run(f"cat > /etc/caddy/Caddyfile <<'END'\n{own}END")
    server.data.update(web="behind")
    for unit in ("apache2", "caddy"):
        # The first run frees the port, and theirs starts then.
        assert site.operator.run().status == 1
        theirs.run(f"systemctl start {unit}", check=True)
        told = site.operator.run()
        assert told.status == 1, told.output
        (result,) = [each for each in site.report(server) if each["check"] == "WEB-01"]
        command = str(result["remedy"]).split("On the server: ")[1]
        assert f"reload {unit}" in command, command
        theirs.run(command, check=True)
        assert site.operator.run().status == int(unit == "caddy")  # nobody trusts its authority
        again = site.operator.run()
        assert again.changed == 0, again.output
        assert wait_for(by_front(server), 30), theirs.run(f"journalctl -u {unit} -n 30")
        assert logged_in(site, server) == 200
        strangers_are_kept_out(server)
        for number in range(12):
            logged_in(site, server, UNTRUSTED, f"{unit}-{number}")
        assert logged_in(site, server, UNTRUSTED) == 429 and logged_in(site, server) == 200
        theirs.run(f"systemctl disable -q --now {unit}; systemctl restart pmail-deploy-edge")
