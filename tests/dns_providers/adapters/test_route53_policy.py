"""The IAM policy: enough for what the adapter calls, and for no record that is not ours."""

from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path
from typing import Any

from dns_providers.adapters import route53
from dns_providers.spec import Rights

NAMES = ("example.com", "SMTP.example.com.", "_dmarc.example.com", "*.example.com")
HOSTED_ZONE = {"route53_zone_id": "Z123"}
WRITE = "route53:ChangeResourceRecordSets"


def made(**options: Any) -> dict[str, Any]:
    arguments = {"names": NAMES, "rtypes": ("a", "TXT", "MX"), **options}
    return route53.policy(Rights("example.com", **{"options": HOSTED_ZONE, **arguments}))


def allowed(document: dict[str, Any]) -> set[str]:
    return {action for each in document["Statement"] for action in each["Action"]}


def writing(document: dict[str, Any]) -> dict[str, Any]:
    (found,) = [each for each in document["Statement"] if each["Action"] == [WRITE]]
    return dict(found)


def called() -> set[str]:
    """The API's actions that the adapter's code names."""
    source = Path(route53.__file__).read_text()
    methods = re.findall(r"_api\(\)\.(\w+)\(", source)
    methods += re.findall(r'get_paginator\("(\w+)"\)', source)
    words = {"".join(part.title() for part in each.split("_")) for each in methods}
    return {f"route53:{word}" for word in words - {"GetPaginator"}}


def test_every_call_of_the_adapter_is_allowed() -> None:
    assert len(called()) == 5 and called() <= allowed(made())
    assert len(allowed(made())) == 6


def test_a_dry_run_needs_no_right_to_write() -> None:
    assert allowed(made(read_only=True)) == allowed(made()) - {WRITE, "route53:GetChange"}


def test_names_are_as_route53_compares_them() -> None:
    condition = writing(made())["Condition"]["ForAllValues:StringLike"]
    assert condition == {
        f"{WRITE}NormalizedRecordNames": [
            "\\052.example.com",
            "_dmarc.example.com",
            "example.com",
            "smtp.example.com",
        ]
    }


def test_only_what_the_adapter_does_with_our_types_is_allowed() -> None:
    condition = writing(made())["Condition"]["ForAllValues:StringEquals"]
    assert condition == {
        f"{WRITE}RecordTypes": ["A", "MX", "TXT"],
        f"{WRITE}Actions": ["CREATE", "DELETE"],
    }


def test_each_new_key_may_be_written_and_nothing_else_below_the_zone() -> None:
    document = made(below=("_domainkey.example.com",))
    patterns = writing(document)["Condition"]["ForAllValues:StringLike"][
        f"{WRITE}NormalizedRecordNames"
    ]

    def may(name: str) -> bool:
        # IAM knows no sets of characters and no escapes: "[" and "\\" stand for themselves.
        return any(fnmatch.fnmatchcase(name, each) for each in patterns)

    assert may("pm202701a._domainkey.example.com") and may("smtp.example.com")
    assert not may("www.example.com") and not may("anything.example.com")


def test_writes_are_for_this_zone_only() -> None:
    assert writing(made())["Resource"] == "arn:aws:route53:::hostedzone/Z123"
    assert writing(made(options={}))["Resource"] == "arn:aws:route53:::hostedzone/*"


def test_it_is_json_and_fits_a_managed_policy() -> None:
    names = tuple(f"name{number}.mail.example.com" for number in range(40))
    text = json.dumps(made(names=names, below=("_domainkey.example.com",)))
    assert len(re.sub(r"\s", "", text)) < 6144
