"""What is looked at is gathered once, told apart, and trusted until something is done."""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from deploys.host import files, remote, snapshot
from deploys.host.files import Wanted
from deploys.host.gathering import FileAt, Look, Script, Seen, parse
from deploys.host.remote import Reply
from deploys.host.snapshot import act, foresee, look, look_anew, look_at
from ground.errors import DeployError
from tests.deploys.host.here import Here


@pytest.fixture
def host(tmp_path: Path) -> Any:
    return Here(tmp_path / "programs")


def test_what_is_foreseen_is_gathered_with_the_first_look_in_one_command(
    host: Any, tmp_path: Path
) -> None:
    (tmp_path / "there").write_text("a mark in it")
    there, none = FileAt(f"{tmp_path}/there", "a mark"), FileAt(f"{tmp_path}/none")
    foresee(host, (Script("echo one"), there, none, Script("echo two; exit 3")), again=True)
    assert look(host, "echo one").stdout == "one"
    two = look(host, "echo two; exit 3")
    assert (two.ok, two.stdout) == (False, "two")
    seen, missing = look_at(host, (there, none))
    assert (seen.kind, seen.marked) == ("regular file", True)
    assert seen.sha256 == hashlib.sha256(b"a mark in it").hexdigest()
    assert missing == Seen() and not missing.exists
    assert len(host.scripts) == 1


def test_how_many_files_are_looked_at_makes_no_more_programs(host: Any, tmp_path: Path) -> None:
    counted = tmp_path / "counted"
    for name in ("stat", "sha256sum", "grep"):
        program = (
            f'#!/bin/sh\necho {name} >> {counted}\nPATH={os.environ["PATH"]} exec {name} "$@"\n'
        )
        host.program(name, program)
    for number in range(40):
        (tmp_path / f"{number}").write_text(f"mark {number}")
    seen = look_at(host, [FileAt(f"{tmp_path}/{number}", "mark") for number in range(40)])
    assert all(each.marked and each.sha256 for each in seen)
    assert sorted(counted.read_text().split()) == ["grep", "sha256sum", "stat"]


def test_what_one_script_does_to_itself_is_nothing_to_the_next(host: Any) -> None:
    odd = (
        "set -e; false",
        "exit 7",
        "cat; exec true",
        "if; then",  # no shell at all
        "wrote=; cd /; trap 'echo trapped' EXIT; see() { :; }",
        "printf 'a\\n\\nb'; printf 'why\\n' >&2; exit 1",
        "printf '1 0\\n3 1\\n王\\n\\377'; echo '! looks' >&2",
        "kill -9 $(sh -c 'echo $PPID')",
    )
    foresee(host, (*map(Script, odd), Script("echo last")), again=True)
    assert look(host, "echo last").stdout == "last"
    said = look(host, odd[5])
    assert (said.ok, said.stdout, said.stderr) == (False, "a\n\nb", "why")
    assert look(host, odd[2]).ok and look(host, odd[4]).stdout == "trapped"
    assert not any(look(host, each).ok for each in (odd[0], odd[1], odd[3], odd[7]))
    assert look(host, odd[6]) == Reply(True, "1 0\n3 1\n王\n\ufffd", "! looks")
    assert len(host.scripts) == 1


def test_of_what_broke_off_counts_what_had_come_to_its_end() -> None:
    looks = (FileAt("/etc/x"), Script("a"), Script("b"))
    first = "= directory|root|root|755|/etc/x"
    frames = [f"{each}\n{len(each)} 0" for each in (first, "seen", "why")]
    written = [f"{len(each)}\n{each}" for each in frames]

    def parsed(text: str) -> set[Look]:
        return set(parse(b64encode(text.encode()).decode(), looks))

    assert parsed("".join(written)) == set(looks)
    assert parsed("".join(written)[:-1]) == parsed("".join(written[:2])) == {looks[0], looks[1]}
    assert parsed(written[0][:-1]) == parsed("") == parsed("dash: out of memory") == set()
    assert parse("no Base64!", looks) == {}


def test_who_asks_where_the_gathering_broke_off_is_answered_alone(
    host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "_WITHIN", 1)
    foresee(host, (Script("sleep 30"), Script("echo seen")), again=True)
    assert look(host, "echo seen").stdout == "seen"
    assert len(host.scripts) == 2


def test_a_host_that_does_not_answer_has_shown_no_files(
    host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(host, "run_shell_command", gone)
    with pytest.raises(DeployError):
        look_at(host, (FileAt("/etc/passwd"),))
    assert not look(host, "echo x").ok


def test_what_was_seen_counts_until_something_is_done(host: Any, tmp_path: Path) -> None:
    file = tmp_path / "file"
    script = f"cat {file}"
    foresee(host, (Script(script), FileAt(str(file))), again=True)
    file.write_text("before")
    assert look(host, script).stdout == "before"
    file.write_text("after")
    assert look(host, script).stdout == "before", "it is trusted"
    remote.read(host, "true")
    assert look(host, script).stdout == "after"
    file.write_text("later")
    look_anew(host)
    assert look(host, script).stdout == "later"


def test_what_was_seen_long_ago_does_not_count(
    host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    foresee(host, (Script(f"cat {file}"),), again=True)
    file.write_text("before")
    look(host, f"cat {file}")
    file.write_text("after")
    now = snapshot.time.monotonic()
    monkeypatch.setattr(snapshot.time, "monotonic", lambda: now + 61)
    assert look(host, f"cat {file}").stdout == "after"


def test_a_run_that_is_carried_out_begins_with_nothing_seen(host: Any, tmp_path: Path) -> None:
    file = tmp_path / "file"
    host.state.is_executing = False
    foresee(host, (Script(f"cat {file}"), Script("echo other")), again=True)
    foresee(host, (Script("echo refusals only"),), again=False)
    file.write_text("while it was prepared")
    look(host, f"cat {file}")
    file.write_text("while the question waited")
    host.state.is_executing = True
    assert look(host, f"cat {file}").stdout == "while the question waited"
    assert "refusals only" not in host.inputs[-1] and "echo other" in host.inputs[-1]
    look(host, "echo other")
    assert len(host.scripts) == 2


def test_what_nobody_has_foreseen_is_looked_at_each_time(host: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("1")
    assert look(host, f"cat {tmp_path}/file").stdout == "1"
    (tmp_path / "file").write_text("2")
    assert look(host, f"cat {tmp_path}/file").stdout == "2"


def test_a_file_that_was_put_is_not_as_it_was_seen_and_others_are(
    host: Any, tmp_path: Path
) -> None:
    host.program("stat", '#!/bin/sh\ncase $1 in -Lc) exit 0;; esac\nexec /usr/bin/stat "$@"\n')
    one, other = tmp_path / "one", tmp_path / "other"
    looks = (FileAt(str(one)), FileAt(str(other)))
    foresee(host, (*looks, Script("echo x")), again=True)
    look_at(host, looks)
    owner, group = one.parent.owner(), one.parent.group()
    wanted = tuple(Wanted(str(each), b"new", owner, group, "600") for each in (one,))
    assert files.install(host, wanted) == ""
    other.write_text("somebody's")
    count = len(host.scripts)
    assert look_at(host, looks[1:]) == (Seen(),) and len(host.scripts) == count
    (seen,) = look_at(host, looks[:1])
    assert seen.sha256 == hashlib.sha256(b"new").hexdigest() and len(host.scripts) == count + 1


def test_what_is_still_to_come_is_looked_at_behind_what_is_done_last(
    host: Any, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("before")
    foresee(host, (Script("echo first"), Script(f"cat {file}")), again=True)
    look(host, "echo first")
    does = f"echo done; echo why >&2; echo after > {file}; exit 4"
    done = act(host, f"trap 'echo > {tmp_path}/ended' EXIT; {does}")
    assert (done.ok, done.stdout, done.stderr) == (False, "done", "why")
    count = len(host.scripts)
    assert look(host, f"cat {file}").stdout == "after" and len(host.scripts) == count
    assert (tmp_path / "ended").exists()


def test_what_is_done_tells_itself_where_it_breaks_off_before_the_looks(host: Any) -> None:
    foresee(host, (Script("echo a"), Script("echo b")), again=True)
    look(host, "echo a")
    done = act(host, "echo so far; sleep 30", timeout=1)
    assert (done.ok, done.stdout) == (False, "so far")
    assert look(host, "echo b").stdout == "b"


def test_what_a_script_reads_is_no_other_s(host: Any) -> None:
    foresee(host, (Script("echo a"), Script("cat")), again=True)
    look(host, "echo a")
    done = act(host, "head -c 3", stdin="abcdefgh")
    assert done.stdout == "abc" and look(host, "cat").stdout == ""


def test_what_is_secret_in_a_look_is_no_argument_of_a_process(host: Any) -> None:
    secret = Script("echo pass; echo word", secret=True)
    foresee(host, (Script("echo a"), secret, Script("echo b")), again=True)
    look(host, "echo a")
    remote.read(host, "true")
    assert act(host, "true").ok
    count = len(host.scripts)
    assert look(host, "echo b").stdout == "b" and len(host.scripts) == count
    assert look(host, secret).stdout == "pass\nword"
    assert not any(secret.text in each for each in host.scripts)
    assert secret.text not in repr(secret)
