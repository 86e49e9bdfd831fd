"""Is a host fit: every finding, and where one stops the run or only warns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ground.words import say
from postmaster.checks.bare import Kept, Password
from postmaster.checks.results import Status, exit_status
from probes.host.past import Found, Kind
from tests.postmaster.full_view import fit, found, one, server

PASS, WARN, FAIL, UNKNOWN = Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN
SERVER, DIRECT = server(), server("direct")
MIB = 1024  # KiB


def not_fine(*changes: str, outbound: str = "relay", **data: Any) -> list[tuple[str, Status]]:
    """What did not pass on a host that is different."""
    results = found(fit(server(outbound, **data), *changes))
    return [(each.rule.id, each.status) for each in results if each.status is not PASS]


@pytest.mark.parametrize(
    ("line", "rule", "status"),
    [
        ("uid 1000", "PRE-01", FAIL),
        ("init runit", "PRE-02", FAIL),
        ("os fedora 42", "PRE-03", WARN),
        ("arch riscv64", "PRE-04", FAIL),
        ('listen 0.0.0.0:25 users:(("exim4",pid=7,fd=3))', "PRE-05", FAIL),
        ('listen [::]:80 users:(("nginx",pid=7,fd=3))', "PRE-05", FAIL),
        ("clock 1061", "PRE-08", FAIL),
        ("clock 939", "PRE-08", FAIL),
        ("clock 1060", "PRE-08", WARN),
        ("clock 1006", "PRE-08", WARN),
        ("clock 994", "PRE-08", WARN),
        ("clock ?", "PRE-08", UNKNOWN),
        ("synced no", "PRE-08", WARN),
        ("resolver no", "PRE-09", FAIL),
        ("resolver ?", "PRE-09", UNKNOWN),
        ("nat no", "PRE-10", FAIL),
        ("nat unknown", "PRE-10", UNKNOWN),
        ("open 0", "PRE-16", FAIL),
        ("open 995", "PRE-16", FAIL),
        ("open ", "PRE-16", UNKNOWN),
        ("mailer exim4-daemon-light", "PRE-12", FAIL),
        ("connect yahoo.com 192.0.2.2 refused 9", "PRE-17", WARN),
        ("connect yahoo.com 192.0.2.2 timeout 5000", "PRE-17", WARN),
        ("connect yahoo.com 192.0.2.2 unreachable 5", "PRE-17", WARN),
    ],
)
def test_each_finding_stops_or_warns(line: str, rule: str, status: Status) -> None:
    assert not_fine(line) == [(rule, status)]


@pytest.mark.parametrize(
    "line",
    [
        'listen 127.0.0.1:25 users:(("exim4",pid=7,fd=3))',
        "arch aarch64",
        "open 996",
        *(f"os {name}" for name in ("debian 12", "debian 13", "ubuntu 22.04", "ubuntu 24.04")),
        "clock 1005",
        "clock 995",
        "connect yahoo.com 192.0.2.2 open 5000",
    ],
)
def test_what_is_fine_is_not_in_the_way(line: str) -> None:
    assert not_fine(line) == []


@pytest.mark.parametrize(
    ("free", "outbound", "status"),
    [
        (1024 * MIB, "relay", None),
        (1024 * MIB - 1, "relay", WARN),
        (350 * MIB, "relay", WARN),
        (350 * MIB - 1, "relay", FAIL),
        (100 * MIB, "direct", WARN),
        (100 * MIB - 1, "direct", FAIL),
        (None, "relay", UNKNOWN),
    ],
)
def test_room_on_the_disk(free: int | None, outbound: str, status: Status | None) -> None:
    assert not_fine(f"disk {free}", outbound=outbound) == ([("PRE-06", status)] if status else [])


def test_what_we_have_put_on_the_disk_already_needs_no_room_again() -> None:
    ours = ("front 25", "front 465")
    assert not_fine(f"disk {100 * MIB}", *ours) == [("PRE-06", WARN)]
    assert not_fine(f"disk {100 * MIB - 1}", *ours) == [("PRE-06", FAIL)]


@pytest.mark.parametrize(
    ("size", "outbound", "status"),
    [
        (480 * MIB, "relay", None),
        (480 * MIB - 1, "relay", WARN),
        (400 * MIB, "direct", None),
        (400 * MIB - 1, "direct", WARN),
        (None, "relay", UNKNOWN),
    ],
)
def test_memory(size: int | None, outbound: str, status: Status | None) -> None:
    line = f"memory {size}"
    assert not_fine(line, outbound=outbound) == ([("PRE-07", status)] if status else [])


def test_our_own_programs_may_hold_our_ports() -> None:
    line = 'listen *:25 users:(("pmail",pid=77,fd=3))'
    assert not_fine(line, "ours 77") == [] and not_fine(line, "ours 78") == [("PRE-05", FAIL)]
    assert not_fine('listen *:465 users:(("master",pid=5,fd=3))', "front 465") == []


def test_each_port_that_is_taken_is_told_with_who_has_it() -> None:
    seen = fit(
        SERVER,
        'listen 0.0.0.0:25 users:(("exim4",pid=7,fd=3))',
        'listen [::]:25 users:(("exim4",pid=7,fd=4))',
        'listen 0.0.0.0:993 users:(("dovecot",pid=9,fd=3))',
    )
    words = [say(each.seen) for each in found(seen, "PRE-05")]
    assert words == [
        "port 25 is taken by the mail server exim4 (pid 7)",
        "port 993 is taken by dovecot (pid 9)",
    ]


def test_port_80_matters_only_where_the_certificate_or_the_front_needs_it() -> None:
    line = 'listen 0.0.0.0:80 users:(("nginx",pid=7,fd=3))'
    assert not_fine(line, tls="acme-dns", web="pmail") == [("PRE-05", WARN)]
    assert not_fine(line, tls="acme-dns") == [("PRE-05", FAIL)]


@pytest.mark.parametrize("port", [80, 443])
def test_a_web_server_of_somebody_keeps_its_ports_where_ours_is_behind_it(port: int) -> None:
    line = f'listen 0.0.0.0:{port} users:(("apache2",pid=7,fd=3))'
    assert not_fine(line, web="behind") == []
    for web in ("nginx", "pmail"):
        (result,) = found(fit(server(web=web), line), "PRE-05")
        assert result.status is FAIL and 'web: "behind"' in say(result.remedy)
    ours = ("front 80", "front 443", 'listen 0.0.0.0:80 users:(("nginx",pid=7,fd=3))', line)
    assert not_fine(*ours) == []
    mail = 'listen 0.0.0.0:25 users:(("apache2",pid=7,fd=3))'
    assert not_fine(mail, web="behind") == [("PRE-05", FAIL)]


def test_all_findings_come_together_and_every_foreign_mail_system_is_named() -> None:
    mailers = ("mailer exim4", "mailer postfix")
    stops = not_fine("uid 1000", "arch riscv64", "disk 5", *mailers)
    assert stops == [(rule, FAIL) for rule in ("PRE-01", "PRE-04", "PRE-06", "PRE-12", "PRE-12")]


def test_without_nat_only_direct_is_possible() -> None:
    assert not_fine("nat no", outbound="direct") == [("PRE-10", WARN)]


def test_an_address_that_is_on_no_interface_is_a_warning_that_names_it() -> None:
    (result,) = found(fit(server(ipv6="2001:4860:4860::1234")), "PRE-11")
    assert result.status is WARN and "2001:4860:4860::1234" in say(result.seen)


def test_who_delivers_by_itself_must_be_answered_in_time() -> None:
    for took, status in ((1999, PASS), (2000, WARN)):
        line = f"connect yahoo.com 192.0.2.2 open {took}"
        assert found(fit(DIRECT, line), "PRE-17")[-1].status is status
        assert found(fit(SERVER, line), "PRE-17")[-1].status is PASS


def test_outbound_port_25_that_nobody_answers_is_told_as_blocked() -> None:
    nobody = fit(SERVER)
    tried = tuple(replace(each, reach="timeout") for each in nobody.fitness.outbound)
    blocked = one(replace(nobody, fitness=replace(nobody.fitness, outbound=tried)), "PRE-17")
    assert (blocked.status, blocked.seen.id) == (WARN, "preflight.outbound_blocked")
    assert "163.com, qq.com" in say(blocked.seen)
    none = one(replace(nobody, fitness=replace(nobody.fitness, outbound=())), "PRE-17")
    assert none.status is UNKNOWN


@pytest.mark.parametrize(
    ("kept", "status", "said"),
    [
        (Kept.KNOWN, PASS, "the password of mailer is known"),
        (Kept.EXPOSED, FAIL, "PMAIL_SMTP can be read by others"),
        (Kept.MISSING, FAIL, "the password of mailer is neither here nor on the host"),
    ],
)
def test_a_smarthosts_password_is_known_and_private(kept: Kept, status: Status, said: str) -> None:
    there = fit(server("smarthost"))
    asked = Password("out.provider.test", "mailer", "PMAIL_SMTP", kept)
    result = one(replace(there, passwords=(asked,)), "PRE-13")
    assert (result.status, say(result.seen)) == (status, said)
    assert result.remedy is None or "PMAIL_SMTP" in say(result.remedy)


def test_each_thing_of_a_pmail_that_is_not_ours_is_told_and_stops_the_run() -> None:
    there = Found(Kind.DATABASE, "/opt/pmail.db", "9 octets"), Found(Kind.UNIT, "/etc/a", "pmail")
    results = found(replace(fit(SERVER), foreign=there), "PRE-14")
    assert [each.status for each in results] == [FAIL, FAIL]
    assert ["/opt/pmail.db" in say(results[0].seen), "/etc/a" in say(results[1].seen)] == [True] * 2
    assert all("another host" in say(each.remedy) for each in results if each.remedy)
    assert one(fit(SERVER), "PRE-14").status is PASS


def test_what_is_fine_or_short_is_told_with_its_size() -> None:
    assert say(one(fit(SERVER, f"memory {2 * MIB}"), "PRE-07").seen) == "only 2 MiB of memory"
    assert say(one(fit(SERVER, f"disk {3 * MIB}"), "PRE-06").seen).startswith("only 3 MiB free")
    assert say(one(fit(SERVER), "PRE-05").seen).startswith("free: 25, ")


def test_what_could_not_be_seen_stops_nothing() -> None:
    unseen = found(fit(SERVER, "clock ?", "resolver ?", "nat ?", "memory ?", "disk ?"))
    assert sum(each.status is UNKNOWN for each in unseen) == 5 and exit_status(unseen) == 0
