from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import RefusedError
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.secret_files import SecretFiles, on_tmpfs

Drift = Callable[..., Any]


@pytest.fixture
def inputs(layout: HostLayout, executor: Executor, opaque: str, uid: int) -> dict[str, Any]:
    executor.folder(layout.private(opaque), mode=0o700, uid=uid)
    return {
        "folder": str(layout.secrets(opaque)),
        "uid": uid,
        "files": {"token": "s3cret", "ca": "line\nline\n"},
    }


@pytest.fixture
def files(executor: Executor, layout: HostLayout) -> SecretFiles:
    return SecretFiles(executor, layout)


def test_each_file_has_its_content_owner_and_mode(files: SecretFiles, inputs: dict[str, Any]) -> None:
    folder, _ = files.create(inputs)
    status = Path(folder, "ca").stat()
    assert Path(folder, "ca").read_text() == "line\nline\n"
    assert (status.st_uid, status.st_mode & 0o7777) == (inputs["uid"], 0o400)


def test_another_user_cannot_read_them(files: SecretFiles, inputs: dict[str, Any]) -> None:
    folder, _ = files.create(inputs)
    other = inputs["uid"] + 1
    look = subprocess.run(
        ["cat", f"{folder}/token"], user=other, group=other, capture_output=True, check=False
    )
    assert look.returncode != 0


def test_a_second_create_writes_nothing(files: SecretFiles, inputs: dict[str, Any]) -> None:
    folder, _ = files.create(inputs)
    before = Path(folder, "token").stat().st_ino
    files.create(inputs)
    assert Path(folder, "token").stat().st_ino == before


def _change_content(path: Path) -> None:
    path.write_text("other")


def _add_file(path: Path) -> None:
    path.with_name("extra").write_text("")


def _make_link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


@pytest.mark.parametrize(
    "change",
    [
        _change_content,
        _add_file,
        _make_link,
        Path.unlink,
        lambda path: path.chmod(0o440),
        lambda path: os.chown(path, 0, 0),
    ],
)
def test_a_change_by_hand_is_drift_and_put_right(
    files: SecretFiles, inputs: dict[str, Any], drift: Drift, change: Callable[[Path], None]
) -> None:
    folder, _ = files.create(inputs)
    change(Path(folder, "token"))
    assert drift(files, folder, inputs) == {"files"}
    files.update(folder, inputs, inputs)
    assert drift(files, folder, inputs) == set()


def test_a_changed_secret_is_written(files: SecretFiles, inputs: dict[str, Any]) -> None:
    folder, _ = files.create(inputs)
    files.update(folder, inputs, {**inputs, "files": {"token": "new"}})
    assert {path.name: path.read_text() for path in Path(folder).iterdir()} == {"token": "new"}


def test_a_folder_on_a_disk_is_refused(files: SecretFiles, inputs: dict[str, Any], home: Path) -> None:
    if on_tmpfs(home):
        pytest.fail("this test needs a root that is not in memory")
    with pytest.raises(RefusedError, match="on a disk"):
        files.create({**inputs, "folder": str(home / "secrets")})


def test_a_name_with_a_slash_is_told(files: SecretFiles, inputs: dict[str, Any]) -> None:
    assert [key for key, _ in files.check({**inputs, "files": {"../x": ""}})] == ["files"]


def test_it_survives_a_kill_at_each_point(
    files: SecretFiles, inputs: dict[str, Any], survives: Callable[..., None]
) -> None:
    survives(files, inputs)
    assert not Path(inputs["folder"]).exists()
