"""Key records and DMARC records of other projects' tests: what our rules say of each."""

from __future__ import annotations

import pytest

from postmaster import dmarc, dmarc_lint
from postmaster.checks.results import Status
from postmaster.dmarc import DmarcSyntaxError
from postmaster.dmarc_lint import Flaw
from tests.postmaster.worlds.dkim import OWNER, key
from tests.postmaster.worlds.world import honest
from tests.public_data import public

# dkimpy's files, and the rules on key records that do not hold for each; DKIM-06 (another key than
# our server's) and DKIM-17 with it hold for none of them.
DKIMPY = {
    "1024_testkey_wo_markers.pub.rsa.txt": {"DKIM-05": Status.WARN},  # RSAPublicKey: erratum 3017
    "1024_testkey_wo_markers.pub.txt": {"DKIM-05": Status.WARN},
    "2048_testkey_wo_markers.pub.rsa.txt": {},
    "2048_testkey_wo_markers.pub.txt": {},
    "2048_testkey_PKCS8.key.pub.txt": {},
    "test.txt": {"DKIM-05": Status.WARN},
    "test2.txt": {"DKIM-05": Status.WARN},
    "badk.txt": {"DKIM-10": Status.FAIL},  # k=ed25519-sha256 is a signature's algorithm, no kind
    "badversion.txt": {"DKIM-03": Status.FAIL},  # v=DKIM1: with a colon
    "test_bad.txt": {"DKIM-04": Status.FAIL},  # one octet less
    "test_tlsrpt.txt": {"DKIM-10": Status.FAIL},
    "ed25519test.dns": {"DKIM-11": Status.WARN},
    "eximtest.dns": {"DKIM-11": Status.WARN},
}


@pytest.mark.slow
@pytest.mark.parametrize("file", DKIMPY)
def test_of_a_key_record_of_dkimpys_the_rules_hold_that_should(file: str) -> None:
    record = public(f"dkimpy/{file}").read_text("ascii").strip()
    world = honest()
    key(record)(world)
    results = [each for each in world.results() if str(each.subject) == OWNER]
    wrong = {each.rule.id: each.status for each in results if each.status is not Status.PASS}
    skipped = {rule for rule, status in wrong.items() if status is Status.SKIP}
    others = {rule: status for rule, status in wrong.items() if rule not in (*skipped, "DKIM-06")}
    assert others == DKIMPY[file]
    assert "DKIM-06" in wrong


def _read(record: str) -> object:
    """What is made of a record: its flaws, or at which tag it is ignored."""
    try:
        return {flaw for flaw, _ in dmarc_lint.flaws(dmarc.read(record.encode()))}
    except DmarcSyntaxError as error:
        return str(error)


IGNORED, NONE = frozenset[Flaw](), Flaw.NO_POLICY
# mox's vectors for RFC 7489: 35 that it takes for bad, 6 for good. Ours is RFC 9989: an unknown or
# wrong value is as if it were not there (section 4.7), `pct`, `rf` and `ri` are unknown, and a
# record without a policy and without an address for reports is none (section 4.10.1).
BAD = {
    "": "v",
    "v=": "v",
    "v=DMARC12": "v",
    "v=DMARC1": "p=",
    "v=dmarc1; p=none": "v",
    "v=DMARC1 p=none": "v",
    "v=DMARC1;": "p=",
    "v=DMARC1; sp=invalid": "p=",
    "v=DMARC1; sp=reject; p=reject": {Flaw.ORDER},  # RFC 9989: in any order; older readers: none
    "v=DMARC1; p=none; p=none": "p",  # a tag twice: RFC 6376 section 3.2
    "v=DMARC1; p=none; p=reject": "p",
    "v=DMARC1;;": "p=",
    "v=DMARC1; adkim=x": "p=",
    "v=DMARC1; aspf=123": "p=",
    "v=DMARC1; ri=": "p=",
    "v=DMARC1; ri=-1": "p=",
    "v=DMARC1; ri=99999999999999999999999999999999999999": "p=",
    "v=DMARC1; ri=123bad": "p=",
    "v=DMARC1; ri=bad": "p=",
    "v=DMARC1; fo=": "p=",
    "v=DMARC1; fo=01": "p=",
    "v=DMARC1; fo=bad": "p=",
    "v=DMARC1; rf=bad-trailing-dash-": "p=",
    "v=DMARC1; rf=": "p=",
    "v=DMARC1; rf=bad.non-alphadigitdash": "p=",
    "v=DMARC1; p=badvalue": "p=badvalue",
    "v=DMARC1; sp=bad": "p=",
    "v=DMARC1; pct=110": "p=",
    "v=DMARC1; pct=bogus": "p=",
    "v=DMARC1; pct=": "p=",
    "v=DMARC1; rua=": "p=",
    "v=DMARC1; rua=bogus": "p=",
    # An address is a URI; what stands behind "!" is ignored (RFC 9989 section 4.6).
    "v=DMARC1; rua=mailto:dmarc-feedback@example.com!": {NONE},
    "v=DMARC1; rua=mailto:dmarc-feedback@example.com!" + "9" * 47: {NONE, Flaw.SIZE},
    "v=DMARC1; rua=mailto:dmarc-feedback@example.com!10p": {NONE},
}
GOOD = {
    "v=DMARC1; rua=mailto:mjl@mox.example": {NONE},
    # Receivers take it as "none", so it is not what its owner wants: we say that it is wrong.
    "v=DMARC1; p=reject; sp=invalid; rua=mailto:mjl@mox.example": "sp=invalid",
    "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com": set(),
    "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com;ruf=mailto:auth-reports@example.com": (
        set()
    ),
    "v=DMARC1; p=quarantine; rua=mailto:dmarc-feedback@example.com,"
    "mailto:tld-test@thirdparty.example.net!10m; pct=25": {Flaw.SIZE, Flaw.REMOVED},
    "V = DMARC1 ; P = reject ;\tSP=none; unknown \t=\t ignored-future-value \t ; adkim=s; aspf=s; "
    "rua=mailto:dmarc-feedback@example.com  ,\t\tmailto:tld-test@thirdparty.example.net!10m; "
    "RUF=mailto:auth-reports@example.com  ,\t\tmailto:tld-test@thirdparty.example.net!0G; "
    "RI = 123; FO = 0:1:d:s ; RF= afrf : other; Pct = 0": {Flaw.UNKNOWN, Flaw.SIZE, Flaw.REMOVED},
}


@pytest.mark.parametrize(("record", "made"), [*BAD.items(), *GOOD.items()])
def test_of_each_of_moxs_dmarc_records_it_is_decided_what_it_is(record: str, made: object) -> None:
    assert _read(record) == made


def test_all_of_moxs_vectors_are_here() -> None:
    assert (len(BAD), len(GOOD)) == (35, 6)


@pytest.mark.parametrize("record", [each for each in {**BAD, **GOOD} if _read(each) == set()])
def test_what_has_no_flaw_is_written_anew_as_it_is(record: str) -> None:
    read = dmarc.read(record.encode())
    anew = dmarc.read(dmarc_lint.rewritten(read).encode())
    assert dict(anew.tags) == dict(read.tags)


@pytest.mark.parametrize("record", [each for each in {**BAD, **GOOD} if _read(each)])
def test_what_is_proposed_instead_has_no_flaw(record: str) -> None:
    better = dmarc_lint.repaired(record.encode())
    assert better is None or dmarc_lint.flaws(dmarc.read(better.encode())) == ()
