from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import FailedError
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.folder import DataFolder, Folder
from tenantry.providers.host.layout import HostLayout

Drift = Callable[..., Any]


@pytest.fixture
def inputs(home: Path, uid: int) -> dict[str, Any]:
    return {"path": str(home / "files"), "uid": uid, "mode": 0o700}


@pytest.fixture(params=[Folder, DataFolder])
def folder(request: pytest.FixtureRequest, executor: Executor, layout: HostLayout) -> Folder:
    made: Folder = request.param(executor, layout)
    return made


@pytest.fixture
def data_folder(executor: Executor, layout: HostLayout) -> DataFolder:
    return DataFolder(executor, layout)


def test_a_new_one_has_its_owner_and_mode(folder: Folder, inputs: dict[str, Any], drift: Drift) -> None:
    folder.create(inputs)
    status = Path(inputs["path"]).stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (inputs["uid"], inputs["uid"], 0o700)


def test_a_second_create_keeps_what_is_in_it(folder: Folder, inputs: dict[str, Any], drift: Drift) -> None:
    folder.create(inputs)
    (Path(inputs["path"]) / "upload").write_text("x")
    folder.create(inputs)
    assert (Path(inputs["path"]) / "upload").exists()


def test_another_mode_is_drift_and_put_right(folder: Folder, inputs: dict[str, Any], drift: Drift) -> None:
    folder.create(inputs)
    Path(inputs["path"]).chmod(0o755)
    assert drift(folder, inputs["path"], inputs) == {"mode"}
    folder.update(inputs["path"], inputs, inputs)
    assert drift(folder, inputs["path"], inputs) == set()


def test_another_owner_is_drift_and_put_right(folder: Folder, inputs: dict[str, Any], drift: Drift) -> None:
    folder.create(inputs)
    os.chown(inputs["path"], 0, 0)
    assert drift(folder, inputs["path"], inputs) == {"uid"}
    folder.update(inputs["path"], inputs, inputs)
    assert drift(folder, inputs["path"], inputs) == set()


def test_a_folder_that_is_gone_is_drift(
    executor: Executor, layout: HostLayout, inputs: dict[str, Any]
) -> None:
    folder = Folder(executor, layout)
    folder.create(inputs)
    shutil.rmtree(inputs["path"])
    assert folder.read(inputs["path"], inputs) is None


def test_lost_data_is_told_and_not_made_anew(data_folder: DataFolder, inputs: dict[str, Any]) -> None:
    data_folder.create(inputs)
    shutil.rmtree(inputs["path"])
    with pytest.raises(FailedError, match="data with it"):
        data_folder.read(inputs["path"], inputs)
    with pytest.raises(FailedError, match="data with it"):
        data_folder.update(inputs["path"], inputs, inputs)
    assert not Path(inputs["path"]).exists()


def test_a_link_in_its_place_is_not_followed(
    folder: Folder, inputs: dict[str, Any], layout: HostLayout
) -> None:
    victim = layout.root / "victim"
    victim.mkdir(mode=0o755)
    Path(inputs["path"]).symlink_to(victim)
    with pytest.raises(FailedError, match="not a folder"):
        folder.create(inputs)
    assert victim.stat().st_uid == 0


def test_delete_removes_it_with_its_content(folder: Folder, inputs: dict[str, Any]) -> None:
    folder.create(inputs)
    (Path(inputs["path"]) / "a" / "b").mkdir(parents=True)
    folder.delete(inputs["path"], inputs)
    assert not Path(inputs["path"]).exists()


def test_only_one_of_the_two_holds_data() -> None:
    assert (Folder.holds_data, DataFolder.holds_data) == (False, True)


def test_a_mode_that_is_none_is_told(folder: Folder, inputs: dict[str, Any]) -> None:
    assert [key for key, _ in folder.check({**inputs, "mode": 0o70000})] == ["mode"]


def test_it_survives_a_kill_at_each_point(
    folder: Folder, inputs: dict[str, Any], survives: Callable[..., None]
) -> None:
    survives(folder, inputs)
