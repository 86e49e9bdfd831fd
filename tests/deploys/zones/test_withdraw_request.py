"""What may be withdrawn: what leaves, in a zone that the run is for, however it is typed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploys.zones.request import DeployRequest, DnsRequest
from postmaster.leaving import with_leaving
from postmaster.settings import Site
from tests.postmaster.ledgers import published
from tests.postmaster.test_leaving import NOW
from tests.postmaster.test_settings import site, zone

ZONES = (zone("example.com"), zone("例子.com"))
BOTH = site(*ZONES, domains=["example.com", "例子.com"])
LEFT = with_leaving(site(*ZONES), published(BOTH), NOW)


def wrong(*names: str, here: Site = LEFT) -> list[str]:
    asked = (DeployRequest(withdraw=names), DnsRequest("publish", withdraw=names))
    first, second = (list(each.problems_in(LEFT, here)) for each in asked)
    assert first == second
    return [each.id for each in first]


@pytest.mark.parametrize("typed", ["例子.com", "xn--fsqu00a.com", "XN--FSQU00A.com"])
def test_a_domain_that_leaves_may_be_withdrawn_however_it_is_typed(typed: str) -> None:
    assert wrong(typed) == []
    assert DeployRequest(withdraw=(typed,)).withdrawn == ("xn--fsqu00a.com",)


def test_what_does_not_leave_cannot_be_withdrawn() -> None:
    assert wrong("example.com", "not a name") == ["leaving.not_leaving"]


def test_a_zone_that_the_run_is_not_for_is_not_written() -> None:
    here = replace(LEFT, zones=LEFT.zones[:1])
    assert wrong("例子.com", here=here) == ["flow.left_out"]
