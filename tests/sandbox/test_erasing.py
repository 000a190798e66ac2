"""What was kept long enough is erased: its bytes first, and several files at once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tenantry.sandbox.parts import erasing


def _folder(top: Path, *, files: int) -> Path:
    for number in range(files):
        file = top / "data" / f"of-{number % 3}" / str(number)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("the rows of a client")
    return top / "data"


def test_the_bytes_of_every_file_are_gone_before_its_name_is(tmp_path: Path) -> None:
    folder = _folder(tmp_path, files=30)
    seen = tmp_path / "seen"
    seen.mkdir()
    for number in range(30):  # another name of the same bytes
        (seen / str(number)).hardlink_to(folder / f"of-{number % 3}" / str(number))
    erasing.erase(folder)
    assert not folder.exists()
    assert {one.read_bytes() for one in seen.iterdir()} == {bytes(len("the rows of a client"))}


def test_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    folder = _folder(tmp_path, files=1)
    kept = tmp_path / "kept"
    kept.write_text("of somebody else")
    (folder / "link").symlink_to(kept)
    erasing.erase(folder)
    assert (folder.exists(), kept.read_text()) == (False, "of somebody else")


def test_files_are_erased_at_once_because_a_disk_takes_its_time_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(4, timeout=10)  # broken, and so an error, where one waits for another
    monkeypatch.setattr(erasing, "overwrite", lambda _: together.wait())
    erasing.erase(_folder(tmp_path, files=16))


def test_a_second_time_does_nothing(tmp_path: Path) -> None:
    folder = _folder(tmp_path, files=2)
    erasing.erase(folder)
    erasing.erase(folder)
    assert not folder.exists()
