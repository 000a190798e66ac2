"""Files that survive a kill."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tools.setup import files


def test_a_stamp_of_another_text_does_not_count(tmp_path: Path) -> None:
    files.stamp(tmp_path / "mark", "one")
    assert not files.is_stamped(tmp_path / "mark", "two")


def test_a_digest_changes_with_a_file(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("a")
    before = files.digest([path])
    path.write_text("b")
    assert files.digest([path]) != before


def test_what_a_killed_run_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    (tmp_path / ".node-24.abc.new").mkdir()
    with files.temporary_folder(tmp_path / "node-24"):
        assert not (tmp_path / ".node-24.abc.new").exists()


def test_a_finished_folder_replaces_an_older_one(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "place/old").touch()
    new = tmp_path / "new"
    new.mkdir()
    files.take_place(new, tmp_path / "place")
    assert ((tmp_path / "place/old").exists(), new.exists()) == (False, False)


def test_a_program_in_a_zip_file_stays_executable(tmp_path: Path) -> None:
    item = zipfile.ZipInfo("top/bin/node")
    item.external_attr = 0o100755 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr(item, "#!/bin/sh\n")
    files.unzip(tmp_path / "a.zip", tmp_path, below="top")
    assert (tmp_path / "top/bin/node").stat().st_mode & 0o777 == 0o755
