"""Trouble that goes away leaves a running server: no unit of ours gives up for good."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploys.edge import configure as edge
from deploys.host import edge_layout, outbound_layout, pmail_layout
from deploys.host import web_layout as front_layout
from deploys.outbound import configure as outbound
from deploys.pmail_server import configure as pmail
from deploys.tls_certificate.steps import stopgap_units
from deploys.web_front import configure as front
from tests.deploys.host.test_host_files import direct, relay

ROOT = Path(__file__).parents[3]
SERVER = relay()
SOCKETS = {each.unit: edge.socket_unit(each) for each in edge.sockets(SERVER)}
SERVICES = {
    **edge.service_units(SERVER),
    "pmail.service": pmail.unit(SERVER),
    "pmail.service of direct": pmail.unit(direct()),
    "firewall": pmail.firewall_unit(),
    "opendkim's": outbound.opendkim_drop_in(),
    "postfix's": outbound.postfix_drop_in(SERVER),
    "mta-sts": outbound.mta_sts_drop_in(),
    outbound_layout.RESOLVER_UNIT: outbound.resolver_unit(),
    **{f"{name} of relay": unit for name, unit in front.units(SERVER).items()},
    front_layout.PROXY: front.units(direct())[front_layout.PROXY],
    "stopgap": stopgap_units()["pmail-tls-stopgap.service"],
}
# Its timer tries again each hour.
TIMED = {"stopgap"}


# Started once, by whoever tries another PMail, and looks how it ends.
TRIAL = "trial.service.j2"


def values(unit: str, name: str) -> list[str]:
    """What a unit says of something, each word."""
    return [word for line in re.findall(rf"^{name}=(.*)$", unit, re.M) for word in line.split()]


def test_all_units_are_looked_at() -> None:
    files = [*(ROOT / "deploys").rglob("*.service*"), *(ROOT / "deploys").rglob("*drop-in.j2")]
    services = [each for each in files if each.suffix in (".j2", ".service") and each.name != TRIAL]
    # judge.service.j2 is two units, proxy.service.j2 three, pmail.service.j2 two here.
    assert len(SERVICES) == len(services) + 4
    assert len(list((ROOT / "deploys").rglob("*socket.j2"))) == 2 and SOCKETS


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_tried_again_for_ever(name: str) -> None:
    unit = SERVICES[name]
    assert values(unit, "StartLimitIntervalSec") == ["0"]
    assert name in TIMED or values(unit, "Restart") in (["always"], ["on-failure"])
    assert name in TIMED or int(values(unit, "RestartSec")[0]) >= 1


@pytest.mark.parametrize("name", SERVICES)
def test_no_start_fails_for_another_unit_that_is_tried_again_itself(name: str) -> None:
    """Such a start ends with the result `dependency`, and systemd does not try it again."""
    unit = SERVICES[name]
    needed = {word: values(unit, word) for word in ("Requires", "BindsTo", "Requisite")}
    bound = {
        # It is started by its socket only.
        **{each.service: [each.unit] for each in edge.sockets(SERVER)},
        # Which starts PMail when it is up itself.
        "pmail.service of direct": ["pmail-deploy-firewall.service"],
        front_layout.PROXY: [front_layout.SOCKET],
    }
    bound.pop(edge_layout.EDGE_UNIT)
    assert [each for found in needed.values() for each in found] == bound.get(name, [])
    assert "systemctl start --no-block pmail" in SERVICES["firewall"]


def test_sockets_are_started_again_by_what_needs_them() -> None:
    program = SERVICES[edge_layout.EDGE_UNIT]
    mine = {each.unit for each in edge.sockets(SERVER) if each.service == edge_layout.EDGE_UNIT}
    # Before each try of its own, and it runs with all of them only.
    assert mine <= set(values(program, "Wants")) and mine <= set(values(program, "After"))
    names = [each.name for each in edge.sockets(SERVER) if each.unit in mine]
    assert values(program, "ExecStart")[-len(names) :] == names
    assert set(values(program, "Upholds")) == SOCKETS.keys() - mine
    for unit in SOCKETS.values():
        assert values(unit, "TriggerLimitIntervalSec") == ["0"] and not values(unit, "Requires")


@pytest.mark.parametrize("name", [edge_layout.EDGE_UNIT, "pmail.service"])
def test_what_is_in_the_namespace_goes_with_it_and_makes_it_where_it_is_not(name: str) -> None:
    for word in ("Wants", "PartOf", "After"):
        assert edge_layout.NET_UNIT in values(SERVICES[name], word)
    inside = [each.unit for each in edge.sockets(SERVER) if each.inside]
    assert inside
    for unit in inside:
        assert values(SOCKETS[unit], "PartOf") == values(SOCKETS[unit], "Wants")


# What holds them up is said in their templates: root, the host's network, a right that they need.
AT_MOST = 4.0


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_exposed_no_more_than_it_has_to_be(name: str, tmp_path: Path) -> None:
    if name in ("postfix's", "mta-sts"):
        pytest.skip("Debian's own unit, with a few lines of ours")
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    unit = tmp_path / "some.service"
    unit.write_text(SERVICES[name])
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (level,) = re.findall(r"Overall exposure level for .*: ([0-9.]+)", done.stdout)
    assert float(level) <= AT_MOST, done.stdout


def test_pmail_starts_nothing_that_it_has_written() -> None:
    for unit in (SERVICES["pmail.service"], SERVICES["pmail.service of direct"]):
        (plugins,) = values(unit, "TemporaryFileSystem")
        folder, _, options = plugins.partition(":")
        assert folder == pmail_layout.PLUGINS and "noexec" in options.split(",")
        assert values(unit, "NoExecPaths") == values(unit, "ReadWritePaths")
        bound = f"-{pmail_layout.PROGRAMS}:{pmail_layout.PLUGINS}/programs"
        assert bound in values(unit, "BindReadOnlyPaths")
