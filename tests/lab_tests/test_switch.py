"""Another PMail takes the place of the one that runs, or the old one comes back with all mail."""

from __future__ import annotations

import smtplib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploys.host import pmail_layout as layout
from tests.lab import binaries
from tests.lab.network import Network
from tests.lab.process import wait_for
from tests.lab_tests.site import Server, Site, converges, inbox

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not binaries.can_compile(), reason="a C compiler: gcc"),
]
NOW = f"readlink {layout.BINARY_CURRENT}; cat {layout.BINARY_VERSION}"
RUN = "systemctl show -P InvocationID pmail"
LEFT = f"ls {layout.SWITCHING} {layout.HELD} {layout.TRIAL} {layout.TRIAL_UNIT} 2>/dev/null"


@contextmanager
def arriving(server: Server) -> Iterator[list[str]]:
    """Meanwhile mail comes in from outside; subjects of what was accepted."""
    accepted, ended = list[str](), threading.Event()

    def feed() -> None:
        number = 0
        while not ended.wait(0.3):
            number += 1
            subject = f"arriving-{threading.get_ident()}-{number}."
            text = f"From: friend@recv.test\r\nSubject: {subject}\r\n\r\nHello.\r\n"
            try:
                with Network().entered(), smtplib.SMTP(server.ip, 25, "mx.recv.test") as mx:
                    mx.sendmail("friend@recv.test", [f"admin@{server.domain}"], text)
                accepted.append(subject)
            except (OSError, smtplib.SMTPException):
                continue

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield accepted
    finally:
        ended.set()
        feeder.join()


def has_all(site: Site, server: Server, accepted: list[str]) -> bool:
    """Whether all of it gets into the mailbox."""

    def there() -> bool:
        server.host.run("postqueue -f")
        box = inbox(site, server)
        return all(each in box for each in accepted)

    return bool(accepted) and wait_for(there, 120)


@pytest.mark.more
def test_another_pmail_is_tried_on_a_copy_and_where_it_fails_the_old_one_and_its_mail_are_back(
    new_site: Site, tmp_path: Path
) -> None:
    server = new_site.add_running("relay")
    host, before = server.host, server.host.run(NOW)
    running = host.run(RUN)
    wanted = {"pmail_source": str(binaries.ends_at_once(tmp_path)), "pmail_version": "v2.9.9"}
    server.data.update(wanted)
    done = new_site.operator.run()
    assert done.status == 1 and "did not work on a copy" in done.output, done.output
    # It was never stopped.
    assert (host.run(RUN), host.run(NOW), host.run(LEFT)) == (running, before, "")

    server.data["pmail_source"] = str(binaries.spoiler(tmp_path))
    with arriving(server) as accepted:
        done = new_site.operator.run()
    assert done.status == 1 and "its database are back" in done.output, done.output
    assert "spoiling all" in done.output
    assert (host.run(NOW), host.run(LEFT)) == (before, "")
    assert has_all(new_site, server, accepted)

    server.data["pmail_source"] = str(binaries.other_version(tmp_path))
    with arriving(server) as accepted:
        run = new_site.operator.start()
        kill_once_it_is_stopped(server)
        run.communicate()
        again = new_site.operator.run()
    assert again.status == 0, again.output
    assert host.run(NOW).split()[1] == "v2.9.8"
    assert host.run(LEFT) == ""
    assert has_all(new_site, server, accepted)
    converges(new_site, server)


def kill_once_it_is_stopped(server: Server) -> None:
    """Kill what switches, when PMail is stopped for it."""
    assert wait_for(lambda: "HELD" in server.host.run(f"[ -e {layout.HELD} ] && echo HELD"), 240)
    server.host.run(f"systemctl kill -s KILL --kill-whom=main {layout.SWITCH_UNIT}")
