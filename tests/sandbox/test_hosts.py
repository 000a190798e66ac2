"""The names of a sandbox in the machine's file of hosts."""

from __future__ import annotations

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
    node = file.stat().st_ino
    hosts = _hosts(file)
    hosts.replace({"login.mine.sandbox.test": "127.0.0.3"})
    assert file.read_text() == f"{_OTHERS}127.0.0.3\tlogin.mine.sandbox.test\t# tenantry-sandbox mine\n"
    hosts.replace({})
    left = file.read_text()
    assert (left.startswith(_OTHERS), "mine" in left) == (True, False)
    _hosts(file, "other").replace({})
    assert file.read_text() == "127.0.0.1\tlocalhost\n", "no room is kept when no sandbox is left"
    assert file.stat().st_ino == node, "somewhere it may be a mount point"


def test_the_room_of_one_that_is_gone_is_taken_by_the_next(file: Path) -> None:
    _hosts(file, "aaaaaa").replace({"login.aaaaaa.sandbox.test": "127.0.0.3"})
    size = file.stat().st_size
    for identity in ("bbbbbb", "cccccc"):
        _hosts(file, "aaaaaa").replace({})
        _hosts(file, identity).replace({f"login.{identity}.sandbox.test": "127.0.0.3"})
        assert (file.stat().st_size, f"login.{identity}" in file.read_text()) == (size, True)
        _hosts(file, identity).replace({})


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
