"""Where the bytes of a blob go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tenantry.cli import blobs
from tenantry.errors import FailedError, UnavailableError, UsageError


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(UsageError) as refused, blobs._sink(tmp_path / "mine"):
        pass
    assert (refused.value.code, (tmp_path / "mine").read_text()) == ("no-file", "kept")


def test_a_file_that_is_not_whole_is_removed_again(tmp_path: Path) -> None:
    def half() -> None:
        with blobs._sink(tmp_path / "new") as sink:
            blobs._write(sink, b"half of it")
            assert (tmp_path / "new").read_bytes() == b"half of it"
            raise FailedError("the rest did not come")

    with pytest.raises(FailedError):
        half()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_is_told() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(UnavailableError) as told:
        blobs._write(full, b"x")
    assert told.value.code == "no-room"


def test_standard_output_gets_the_bytes_and_nothing_else_and_is_not_closed() -> None:
    program = (
        "from tenantry.cli import blobs\n"
        "with blobs._sink(None) as sink:\n"
        "    blobs._write(sink, bytes(range(256)) * 1024)\n"
        "print('!', end='')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    assert done.stdout == bytes(range(256)) * 1024 + b"!"
