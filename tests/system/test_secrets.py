"""Where secrets are not: no command line, output, error, log, record, state or disk tells one.

The module's fixture lives through a story (a deploy, another one that fails, looks,
wrong credentials, an erasure) with a watch over the command lines of the whole
machine; the tests look at what it left.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import subprocess
import threading
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from tests.support.installation import EXAMPLES, Answer, Installation
from tests.support.people import Browser, psql, secrets_of

pytestmark = pytest.mark.timeout(600)

_TOKEN = "sms-token-7Qv2mXr9Lk4TzB8wYc1N"
_YOUNG, _SELDOM = 20, 50  # in looks at the machine's processes
# Tells all that it was given and then fails, as a badly written bootstrap may.
_LEAK = """
for (const [name, value] of Object.entries(process.env)) console.error(`${name}=${value}`);
console.error(`ADMIN_PASSWORD=${process.env.ADMIN_PASSWORD}`); // an error tells the last lines only
process.exit(3);
"""


class CommandLines:
    """Reads the command lines of the machine, again and again, while it is entered.

    A process is read often while it is young (it may yet become another program)
    and seldom afterwards, to leave the processor to what is watched.
    """

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._ages: dict[str, int] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._end.wait(0.004):
            there = [name for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - for speed
            self._ages = {pid: self._ages.get(pid, 0) + 1 for pid in there}
            for pid, age in self._ages.items():
                if age < _YOUNG or age % _SELDOM == 0:
                    with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb", 0) as file:  # noqa: PTH123
                        self.seen.add(file.read(100_000))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


@dataclass(kw_only=True)
class Story:
    """What was done, what it told and which secrets there were."""

    installed: Installation
    answers: list[Answer] = field(default_factory=list)
    secrets: dict[str, Mapping[str, str]] = field(default_factory=dict, repr=False)  # by instance
    opaque: dict[str, str] = field(default_factory=dict)
    command_lines: set[bytes] = field(default_factory=set, repr=False)

    def run(self, *arguments: str, stdin: str = "", output: str = "json") -> Answer:
        answer = self.installed.run(*arguments, stdin=stdin, output=output)
        self.answers.append(answer)
        return answer

    def gather(self, name: str) -> None:
        """Take every secret of an instance from its vaults."""
        self.opaque[name] = opaque = self._opaque(name)
        vaults = (secrets_of(self.installed, opaque), secrets_of(self.installed, f"{opaque}-stack"))
        self.secrets[name] = {key: value for vault in vaults for key, value in vault.items()}

    def _opaque(self, name: str) -> str:
        for file in sorted((self.installed.private / "vault").glob("*-stack.age")):
            opaque = file.name.removesuffix("-stack.age")
            if opaque not in self.opaque.values():
                return opaque
        raise AssertionError(f"{name} has no vault")

    @property
    def needles(self) -> list[bytes]:
        """All secrets, in every form that they are searched for in."""
        return sorted({needle for one in self.secrets.values() for needle in forms(one.values())})

    @property
    def places(self) -> list[Path]:
        """Where no secret may be: disks, records, logs, and what of the runtime folder is no secret's."""
        runtime = self.installed.host.runtime / "r"
        return [
            self.installed.host.root,
            Path("/var/log"),
            runtime / "supervisor.log",
            runtime / "proxy" / "config.json",
            runtime / "proxy" / "sites",
        ]


def forms(secrets: Iterable[str]) -> Iterator[bytes]:
    """Yield secrets plain, quoted, in hex and in base64 at each of its three offsets.

    Of a PEM each whole line but the first and the last.
    """
    for secret in secrets:
        for part in secret.split("\n")[1:-2] if secret.startswith("-----") else [secret]:
            yield part.encode()
            yield urllib.parse.quote(part, safe="").encode()
            yield json.dumps(part)[1:-1].encode()
            yield part.encode().hex().encode()
            for offset in range(3):
                encoded = base64.b64encode(b"x" * offset + part.encode())
                inner = encoded[(4 if offset else 0) : -4]
                yield inner
                yield inner.translate(bytes.maketrans(b"+/", b"-_"))


def files_with(needles: Sequence[bytes], places: Sequence[Path], *, workshop: Path) -> list[str]:
    """Return the files, also gzipped ones, that hold one of the needles."""
    patterns = workshop / "needles"
    patterns.touch(mode=0o600)
    patterns.write_bytes(b"\n".join(needles) + b"\n")
    there = [str(place) for place in places if place.exists()]
    try:
        ran = subprocess.run(
            ["grep", "-rlaF", "-f", str(patterns), *there], capture_output=True, text=True, check=False
        )
    finally:
        patterns.unlink()
    assert ran.returncode in {0, 1, 2}, ran.stderr
    return [*ran.stdout.splitlines(), *_gzipped_with(needles, places)]


def _gzipped_with(needles: Sequence[bytes], places: Sequence[Path]) -> Iterator[str]:
    for file in (file for place in places for file in place.rglob("*")):
        with suppress(OSError, EOFError):
            if not file.is_file() or file.is_symlink():
                continue
            with file.open("rb") as opened:
                if opened.read(2) != b"\x1f\x8b":
                    continue
            with gzip.open(file) as opened:
                text = opened.read()
            if any(needle in text for needle in needles):
                yield str(file)


def _write_leaky_profile(installed: Installation) -> None:
    """Add a workload whose bootstrap tells its environment and fails."""
    top = installed.folder / "profiles"
    shutil.copytree(EXAMPLES / "registrations" / "app", top / "leaky" / "app")
    (top / "leaky" / "app" / "bootstrap.js").write_text(_LEAK)
    text = (EXAMPLES / "registrations" / "profile.yaml").read_text()
    (top / "leaky" / "profile.yaml").write_text(text.replace("name: registrations", "name: leaky", 1))
    settings = installed.folder / "tenantry.yaml"
    text = settings.read_text()
    settings.write_text(text.replace(f"profiles: [{EXAMPLES}]", f"profiles: [{EXAMPLES}, {top}]"))


@pytest.fixture(scope="module")
def story(shared: Installation) -> Story:
    story = Story(installed=shared)
    _write_leaky_profile(shared)
    shared.write_spec("benin")
    togo = shared.write_spec("togo", country="TG")
    togo.write_text(togo.read_text().replace("profile: registrations", "profile: leaky"))
    with CommandLines() as watch:
        story.run("credentials", "set", "benin", "SMS_TOKEN", stdin=_TOKEN + "\n").ok()
        story.run("instance", "deploy", "benin", output="table").ok()
        story.gather("benin")
        assert story.run("instance", "deploy", "togo", output="table").code == 1
        story.gather("togo")
        _look_around(story)
        story.run("erase", "run", "togo", "--confirm", "togo", output="table").ok()
    story.command_lines = watch.seen
    return story


def _look_around(story: Story) -> None:
    """Ask for whatever tells of an instance, and give wrong credentials to its doors."""
    for arguments in (
        ("instance", "show", "benin"),
        ("instance", "drift", "benin"),
        ("instance", "logs", "benin", "--reason", "test", "--lines", "10000"),
        ("credentials", "list", "benin"),
        ("credentials", "show", "benin", "NOT_THERE", "--reason", "test"),
        ("operation", "list"),
        ("journal", "show"),
    ):
        story.run(*arguments)
    shown = story.answers[-7].data
    ran = psql(shown["database"], user="app_1", password="wrong-" + story.secrets["benin"]["ADMIN_PASSWORD"])
    assert ran.returncode == 2
    assert Browser.at(shown).log_in("wrong") == 401


def test_the_search_finds_what_is_hidden_in_each_form(tmp_path: Path) -> None:
    secret = "the-quick-brown-fox-jumps"
    (tmp_path / "plain").write_text(f"a {secret} b")
    for offset in range(3):
        (tmp_path / f"base64-{offset}").write_bytes(base64.b64encode(b"y" * offset + secret.encode() + b"z"))
    (tmp_path / "gzip").write_bytes(gzip.compress(json.dumps({"secret": secret}).encode()))
    (tmp_path / "nothing").write_text("the quick brown fox")
    found = files_with(list(forms([secret])), [tmp_path], workshop=tmp_path.parent)
    expected = {"plain", "base64-0", "base64-1", "base64-2", "gzip"}
    assert {Path(one).name for one in found} == expected


def test_the_search_finds_the_secrets_where_they_are_meant_to_be(story: Story) -> None:
    runtime = story.installed.host.runtime
    opaque = story.opaque["benin"]
    found = files_with(list(forms(story.secrets["benin"].values())), [runtime / "r"], workshop=runtime)
    ends = ("env.json", "database.server.key", "pgbackrest.conf")
    assert all(any(one.endswith(end) and opaque in one for one in found) for end in ends)


def test_every_secret_that_an_instance_has_is_looked_for(story: Story) -> None:
    assert story.secrets["benin"]["SMS_TOKEN"] == _TOKEN
    assert {
        "ADMIN_PASSWORD",
        "SESSION_SECRET",
        "backup.database.passphrase",
        "backup.files.password",
        "database.app.password",
        "database.authority.key",
        "database.deploy.password",
        "database.server.key",
        "database.support.password",
        "stack.passphrase",
        "volume.key",
    } <= set(story.secrets["togo"])


def test_no_command_line_of_the_machine_carried_a_secret(story: Story) -> None:
    assert any(b"postgres" in line for line in story.command_lines)
    needles = story.needles
    told = [line for line in story.command_lines if any(needle in line for needle in needles)]
    assert [line.split(b"\0")[0] for line in told] == []


def test_no_command_told_a_secret(story: Story) -> None:
    needles = [needle.decode() for needle in story.needles]
    told = [
        " ".join(answer.argv[1:4])
        for answer in story.answers
        if any(needle in answer.out + answer.err for needle in needles)
    ]
    assert told == []


def test_no_file_on_disk_and_no_log_and_no_record_holds_a_secret(story: Story) -> None:
    assert (story.installed.private / "register.db").exists()
    assert list((story.installed.private / "engine").rglob(f"{story.opaque['benin']}*.json"))
    found = files_with(story.needles, story.places, workshop=story.installed.host.runtime)
    assert found == []


def test_a_failing_bootstrap_is_told_of_without_what_it_told(story: Story) -> None:
    failed = next(one for one in story.answers if one.argv[-1] == "togo" and "deploy" in one.argv)
    assert "ADMIN_PASSWORD=" in failed.out + failed.err
    assert story.secrets["togo"]["ADMIN_PASSWORD"] not in failed.out + failed.err


def test_the_secrets_of_the_erased_are_not_even_in_memory_any_more(story: Story) -> None:
    gone = list(forms(story.secrets["togo"].values()))
    runtime = story.installed.host.runtime
    assert files_with(gone, [*story.places, runtime / "r"], workshop=runtime) == []


def test_the_master_key_is_in_its_file_alone(story: Story) -> None:
    file = story.installed.folder / "master.key"
    keys = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    places = [*story.places, story.installed.host.runtime / "r"]
    found = files_with(list(forms(keys)), places, workshop=story.installed.host.runtime)
    assert found == [str(file)]
    assert not any(key.encode() in line for key in keys for line in story.command_lines)
