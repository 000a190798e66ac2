"""The names of a sandbox in the machine's file of hosts."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from tenantry.sandbox.hosts import HostsFile

_OTHERS = "127.0.0.1\tlocalhost\n127.0.0.2\tlogin.other.sandbox.test\t# tenantry-sandbox other\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "hosts"
    made.write_text(_OTHERS)
    made.chmod(0o644)
    return made


def _hosts(file: Path, identity: str = "mine") -> HostsFile:
    return HostsFile(identity, file=file, lock=file.with_name("lock"))


def test_names_are_added_and_taken_away_and_nobody_elses_line_is_touched(file: Path) -> None:
    hosts = _hosts(file)
    hosts.replace({"login.mine.sandbox.test": "127.0.0.3"})
    assert file.read_text() == f"{_OTHERS}127.0.0.3\tlogin.mine.sandbox.test\t# tenantry-sandbox mine\n"
    hosts.replace({})
    assert file.read_text() == _OTHERS
    assert (file.stat().st_mode & 0o777, sorted(one.name for one in file.parent.iterdir())) == (
        0o644,
        ["hosts", "lock"],
    )


def test_who_reads_while_sandboxes_come_and_go_always_finds_the_others(file: Path) -> None:
    many = {f"{number}.mine.sandbox.test": "127.0.0.3" for number in range(300)}
    done, missed = threading.Event(), []

    def read() -> None:
        while not done.is_set():
            with file.open("rb", buffering=0) as opened:  # in pieces, as the resolver does
                text = b"".join(iter(lambda: opened.read(4096), b""))
            if b"login.other.sandbox.test" not in text:
                missed.append(text)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(200):
            _hosts(file).replace(many)
            _hosts(file, "other").replace({"login.other.sandbox.test": f"127.0.1.{number}"})  # behind them
            _hosts(file).replace({})
    finally:
        done.set()
        reader.join()
    assert missed == []


def test_a_file_that_cannot_be_renamed_over_is_written_in_place(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(self: Path, _target: Path) -> Path:
        raise OSError(errno.EBUSY, "it is bind-mounted", str(self))

    monkeypatch.setattr(Path, "replace", busy)
    node = file.stat().st_ino
    _hosts(file).replace({"login.mine.sandbox.test": "127.0.0.3"})
    assert (file.stat().st_ino, "login.mine" in file.read_text()) == (node, True)
    assert sorted(one.name for one in file.parent.iterdir()) == ["hosts", "lock"]
