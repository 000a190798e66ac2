"""People who reach into an instance: secrets set and shown, logs read, commands run, all journaled."""

from __future__ import annotations

import getpass
import json
import os
import pwd
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.installation import COMMAND, Installation
from tests.support.people import processes_of, wait_until, web_processes

pytestmark = pytest.mark.timeout(600)

_FIRST, _SECOND = "first-token-4f1c", "second-token-9e2b"


@dataclass(frozen=True, kw_only=True)
class Benin:
    """The instance, with what ``instance show`` told once."""

    installed: Installation
    opaque: str
    uid: int

    def run(self, *arguments: str, stdin: str = "") -> Any:
        return self.installed.run(*arguments, stdin=stdin)

    def journal(self) -> list[dict[str, Any]]:
        return list(self.run("journal", "show").ok().data["lines"])

    def last_access(self) -> str:
        return [str(line["text"]) for line in self.journal() if line["kind"] == "access"][-1]

    def token(self) -> str:
        """What the running workload has as SMS_TOKEN."""
        (pid,) = web_processes(self.uid)
        found = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        return next((one.partition("=")[2] for one in found if one.startswith("SMS_TOKEN=")), "")


@pytest.fixture(scope="module")
def benin_with_token(shared: Installation) -> Benin:
    """Benin, whose token was set before it was first deployed."""
    shared.write_spec("benin")
    shared.run("credentials", "set", "benin", "SMS_TOKEN", stdin=f"{_FIRST}\n").ok()
    shared.deploy("benin").ok()
    opaque = shared.opaque("benin")
    uid = pwd.getpwnam(opaque).pw_uid if os.geteuid() == 0 else os.geteuid()
    return Benin(installed=shared, opaque=opaque, uid=uid)


def test_a_token_reaches_the_workload_with_the_next_deploy_and_not_before(
    benin_with_token: Benin, tmp_path: Path
) -> None:
    assert benin_with_token.token() == _FIRST
    file = tmp_path / "token"
    file.write_text(_SECOND + "\r\n")
    benin_with_token.run("credentials", "set", "benin", "SMS_TOKEN", "--file", str(file)).ok()
    assert benin_with_token.token() == _FIRST
    benin_with_token.installed.deploy("benin").ok()
    assert benin_with_token.token() == _SECOND


def test_a_value_without_an_expiry_does_not_inherit_the_one_before(benin_with_token: Benin) -> None:
    def expiry() -> str:
        listed = benin_with_token.run("credentials", "list", "benin").ok().data["credentials"]
        return next(str(one["expires"]) for one in listed if one["name"] == "SMS_TOKEN")

    setting = ("credentials", "set", "benin", "SMS_TOKEN")
    value = benin_with_token.installed.secret("benin", "SMS_TOKEN")
    benin_with_token.run(*setting, "--expires", "2090-06-30", stdin=value).ok()
    assert expiry() == "2090-06-30"
    benin_with_token.run(*setting, stdin=value).ok()
    assert expiry() == ""


def test_listing_tells_names_and_no_value(benin_with_token: Benin) -> None:
    answer = benin_with_token.run("credentials", "list", "benin").ok()
    assert {"ADMIN_PASSWORD", "SMS_TOKEN"} <= {one["name"] for one in answer.data["credentials"]}
    assert all(set(one) == {"name", "expires"} for one in answer.data["credentials"])


@pytest.mark.parametrize(
    ("secret", "value", "more", "expected"),
    [
        ("NOT_A_SECRET", "x", [], (65, "no-such-secret")),
        ("ADMIN_PASSWORD", "x", [], (65, "no-such-secret")),  # generated: ours to make
        ("SMS_TOKEN", "", [], (65, "empty-secret")),
        ("SMS_TOKEN", "\n", [], (65, "empty-secret")),
        ("SMS_TOKEN", "x" * (64 * 1024 + 1), [], (65, "too-long")),
        ("SMS_TOKEN", "a\0b", [], (65, "bad-secret")),
        ("SMS_TOKEN", "x", ["--expires", "tomorrow"], (2, "usage")),
        ("SMS_TOKEN", "x", ["--expires", "2027-02-30"], (2, "usage")),
        ("SMS_TOKEN", "x", ["--file", "/not/there"], (65, "unreadable")),
        ("SMS_TOKEN", "x", ["--file", "/dev/zero"], (65, "too-long")),
    ],
)
def test_what_cannot_be_a_secret_is_refused(
    benin_with_token: Benin, secret: str, value: str, more: list[str], expected: tuple[int, str]
) -> None:
    benin_with_token.installed.write_spec("togo", country="TG")
    refused = benin_with_token.run("credentials", "set", "togo", secret, *more, stdin=value)
    assert (refused.code, refused.problems[0]["code"]) == expected


def test_a_secret_that_was_refused_leaves_no_trace_of_an_instance(benin_with_token: Benin) -> None:
    benin_with_token.installed.write_spec("togo", country="TG")
    assert benin_with_token.run("credentials", "set", "togo", "NOT_A_SECRET", stdin="x").code == 65
    listed = benin_with_token.run("instance", "list").data["instances"]
    assert [one["name"] for one in listed] == ["benin"]


def test_a_token_that_is_no_text_is_refused(benin_with_token: Benin, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"\xff\xfe\x00")
    refused = benin_with_token.run("credentials", "set", "benin", "SMS_TOKEN", "--file", str(file))
    assert (refused.code, refused.problems[0]["code"]) == (65, "unreadable")


@pytest.mark.parametrize(
    "arguments",
    [
        ("credentials", "show", "benin", "ADMIN_PASSWORD"),
        ("instance", "logs", "benin"),
        ("instance", "exec", "benin", "--", "true"),
    ],
    ids=["show", "logs", "exec"],
)
def test_without_a_reason_nobody_looks_and_nothing_is_journaled(
    benin_with_token: Benin, arguments: tuple[str, ...]
) -> None:
    before = len(benin_with_token.journal())
    noun, verb, *rest = arguments
    for reason in ([], ["--reason", ""], ["--reason", " \t"]):
        assert benin_with_token.run(noun, verb, *reason, *rest).code == 2
    assert len(benin_with_token.journal()) == before


def test_who_was_shown_a_secret_and_why_is_journaled_before(benin_with_token: Benin) -> None:
    benin_with_token.run(
        "credentials", "show", "benin", "ADMIN_PASSWORD", "--reason", "handover to the client"
    ).ok()
    person = getpass.getuser() if "SUDO_USER" not in os.environ else os.environ["SUDO_USER"]
    told = benin_with_token.last_access()
    assert all(part in told for part in (person, "ADMIN_PASSWORD", "handover to the client"))


def test_a_secret_that_is_not_there_is_said_to_be_so(benin_with_token: Benin) -> None:
    answer = benin_with_token.run("credentials", "show", "benin", "NOT_THERE", "--reason", "test")
    assert (answer.code, answer.problems[0]["code"]) == (1, "no-secret")


def test_who_read_the_logs_and_why_is_journaled(benin_with_token: Benin) -> None:
    answer = benin_with_token.run(
        "instance", "logs", "benin", "--process", "database", "--reason", "ticket 118"
    ).ok()
    assert any("ready to accept connections" in line for line in answer.data["lines"])
    assert "database" in benin_with_token.last_access()
    assert "ticket 118" in benin_with_token.last_access()


def test_the_logs_of_all_processes_say_whose_each_line_is(benin_with_token: Benin) -> None:
    lines = benin_with_token.run("instance", "logs", "benin", "--reason", "test").ok().data["lines"]
    assert {line.split(":")[0] for line in lines} == {"database", "web"}


def test_as_many_lines_as_were_asked_for(benin_with_token: Benin) -> None:
    arguments = ("instance", "logs", "benin", "--reason", "test", "--process", "web", "--lines", "1")
    assert len(benin_with_token.run(*arguments).ok().data["lines"]) == 1


def test_the_log_of_a_process_that_is_none_is_refused(benin_with_token: Benin) -> None:
    answer = benin_with_token.run("instance", "logs", "benin", "--process", "nobody", "--reason", "test")
    assert (answer.code, answer.problems[0]["code"]) == (65, "no-such-process")


def _execute(benin: Benin, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(COMMAND), "instance", "exec", "--reason", "ticket 119", "benin", "--", *command],
        input=stdin,
        capture_output=True,
        text=True,
        env=benin.installed.environment({"OF_THE_CALLER": "must not pass"}),
        check=False,
    )


def test_a_command_runs_as_the_instance_in_its_environment(benin_with_token: Benin) -> None:
    script = (
        "import json, os; print(json.dumps({'uid': os.getuid(), 'groups': os.getgroups(),"
        " 'cwd': os.getcwd(), 'env': sorted(os.environ)}))"
    )
    told = json.loads(_execute(benin_with_token, "/usr/bin/python3", "-I", "-c", script).stdout)
    assert told["uid"] == benin_with_token.uid
    assert told["cwd"] == str(benin_with_token.installed.host.root / "host" / benin_with_token.opaque)
    assert "DATABASE_PASSWORD" in told["env"]
    assert "OF_THE_CALLER" not in told["env"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a Unix user per instance")
def test_a_command_has_no_group_of_the_callers(benin_with_token: Benin) -> None:
    assert _execute(benin_with_token, "id", "-G").stdout.split() == [str(benin_with_token.uid)]


def test_input_output_and_exit_code_of_a_command_pass_through(benin_with_token: Benin) -> None:
    ran = _execute(
        benin_with_token, "/bin/sh", "-c", "read line; echo got $line; echo oh >&2; exit 7", stdin="hello\n"
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (7, "got hello\n", "oh\n")


def test_the_workloads_interpreter_is_found_by_its_name(benin_with_token: Benin) -> None:
    assert _execute(benin_with_token, "node", "--version").stdout.startswith("v24.")


def test_who_ran_a_command_and_why_is_journaled_without_its_arguments(benin_with_token: Benin) -> None:
    _execute(benin_with_token, "/bin/echo", "an argument that may be personal")
    assert "/bin/echo" in benin_with_token.last_access()
    assert "ticket 119" in benin_with_token.last_access()
    assert not any("personal" in str(line["text"]) for line in benin_with_token.journal())


def test_a_program_that_is_not_there_is_said_to_be_so(benin_with_token: Benin) -> None:
    ran = _execute(benin_with_token, "not-a-program")
    assert (ran.returncode, "missing-program" in ran.stderr) == (69, True)


def test_the_journal_holds_after_all_that(benin_with_token: Benin) -> None:
    assert benin_with_token.run("journal", "verify").code == 0


# --- how long logs are kept ---


def test_rotated_logs_older_than_the_retention_go_and_younger_stay(benin_with_token: Benin) -> None:
    host = benin_with_token.installed.host
    folder = host.root / "host" / benin_with_token.opaque / "logs" / "web"
    old, young = (folder / f"@400000006{number:015x}.s" for number in (1, 2))
    for path, days in ((old, 91), (young, 89)):
        path.write_text("a line of long ago\n")
        os.chown(path, benin_with_token.uid, benin_with_token.uid)
        os.utime(path, (time.time() - days * 86400,) * 2)
    subprocess.run(["s6-svc", "-t", str(host.runtime / "r" / "services" / "janitor")], check=True)
    wait_until(lambda: not old.exists())
    assert young.exists()
    young.unlink()


def test_the_loggers_run_as_the_instance(benin_with_token: Benin) -> None:
    commands = [Path(f"/proc/{pid}/cmdline").read_text() for pid in processes_of(benin_with_token.uid)]
    assert sum("s6-log" in one for one in commands) == 2
