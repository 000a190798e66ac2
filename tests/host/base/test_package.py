from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import SpecError
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.package import Package, digest_of

Drift = Callable[..., Any]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / "lib").mkdir(parents=True)
    (folder / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (folder / "run.sh").chmod(0o700)
    (folder / "lib" / "data").write_text("data")
    (folder / "lib" / "link").symlink_to("data")
    return folder


@pytest.fixture
def inputs(source: Path, opaque: str) -> dict[str, Any]:
    return {"source": str(source), "opaque": opaque}


@pytest.fixture
def package(executor: Executor, layout: HostLayout) -> Package:
    return Package(executor, layout)


def _change(source: Path, text: str) -> None:
    (source / "lib" / "data").write_text(text)


def test_another_user_can_run_it_and_not_change_it(
    package: Package, inputs: dict[str, Any], uid: int
) -> None:
    place = package.create(inputs)[1]["path"]
    ran = subprocess.run([f"{place}/run.sh"], user=uid, group=uid, capture_output=True, text=True, check=True)
    wrote = subprocess.run(["touch", f"{place}/x"], user=uid, group=uid, capture_output=True, check=False)
    assert (ran.stdout, wrote.returncode) == ("ran\n", 1)


def test_two_instances_share_one_copy(package: Package, inputs: dict[str, Any]) -> None:
    first = package.create(inputs)[1]["path"]
    assert package.create({**inputs, "opaque": "tnother"})[1]["path"] == first


def test_it_stays_until_the_last_one_goes(package: Package, inputs: dict[str, Any]) -> None:
    place = Path(package.create(inputs)[1]["path"])
    package.create({**inputs, "opaque": "tnother"})
    package.delete(inputs["opaque"], inputs)
    assert place.exists()
    package.delete("tnother", inputs)
    assert not place.exists()


def test_nothing_is_left_in_the_packages_folder(
    package: Package, inputs: dict[str, Any], layout: HostLayout
) -> None:
    package.create(inputs)
    package.delete(inputs["opaque"], inputs)
    assert [path.name for path in layout.packages.iterdir()] == [".lock"]


def test_a_change_by_hand_is_drift_and_put_right(
    package: Package, inputs: dict[str, Any], drift: Drift
) -> None:
    opaque, outputs = package.create(inputs)
    Path(outputs["path"], "run.sh").write_text("#!/bin/sh\necho bad\n")
    assert drift(package, opaque, inputs) == {"installed"}
    package.update(opaque, inputs, inputs)
    assert drift(package, opaque, inputs) == set()


def test_a_mode_that_lets_others_write_is_drift_and_put_right(
    package: Package, inputs: dict[str, Any], drift: Drift
) -> None:
    opaque, outputs = package.create(inputs)
    Path(outputs["path"], "run.sh").chmod(0o777)
    assert drift(package, opaque, inputs) == {"installed"}
    package.update(opaque, inputs, inputs)
    assert drift(package, opaque, inputs) == set()


def test_a_copy_that_was_deleted_by_hand_is_drift_and_put_right(
    package: Package, inputs: dict[str, Any], drift: Drift
) -> None:
    opaque, outputs = package.create(inputs)
    shutil.rmtree(outputs["path"])
    assert drift(package, opaque, inputs) == {"installed"}
    package.update(opaque, inputs, inputs)
    assert drift(package, opaque, inputs) == set()


def test_a_reference_that_is_gone_is_drift(
    package: Package, inputs: dict[str, Any], layout: HostLayout, drift: Drift
) -> None:
    opaque, outputs = package.create(inputs)
    (layout.packages / f"{outputs['digest']}.refs" / opaque).unlink()
    assert drift(package, opaque, inputs) is None


def test_a_changed_source_is_drift_and_brought(
    package: Package, inputs: dict[str, Any], source: Path, drift: Drift
) -> None:
    opaque, _ = package.create(inputs)
    _change(source, "two")
    assert drift(package, opaque, inputs) == {"installed"}
    outputs = package.update(opaque, inputs, inputs)
    assert Path(outputs["path"], "lib", "data").read_text() == "two"
    assert drift(package, opaque, inputs) == set()


def test_an_update_keeps_the_copy_that_processes_still_run_from(
    package: Package, inputs: dict[str, Any], source: Path
) -> None:
    opaque, outputs = package.create(inputs)
    _change(source, "two")
    package.update(opaque, inputs, inputs)
    assert Path(outputs["path"]).exists()


def test_the_update_after_lets_go_of_it(package: Package, inputs: dict[str, Any], source: Path) -> None:
    opaque, outputs = package.create(inputs)
    for text in ("two", "three"):
        _change(source, text)
        package.update(opaque, inputs, inputs)
    assert not Path(outputs["path"]).exists()


def test_delete_lets_go_of_every_copy(
    package: Package, inputs: dict[str, Any], source: Path, layout: HostLayout
) -> None:
    opaque, _ = package.create(inputs)
    _change(source, "two")
    package.update(opaque, inputs, inputs)
    package.delete(opaque, inputs)
    assert [path.name for path in layout.packages.iterdir()] == [".lock"]


def test_a_package_whose_source_is_gone_still_serves(
    package: Package, inputs: dict[str, Any], source: Path, drift: Drift
) -> None:
    opaque, _ = package.create(inputs)
    shutil.rmtree(source)
    assert drift(package, opaque, inputs) == set()


def test_a_link_out_of_the_package_is_refused(source: Path) -> None:
    (source / "out").symlink_to("/etc/passwd")
    with pytest.raises(SpecError, match="link out of its package"):
        digest_of(source)


def test_it_survives_a_kill_at_each_point(
    package: Package, inputs: dict[str, Any], survives: Callable[..., None], layout: HostLayout
) -> None:
    survives(package, inputs)
    assert [path.name for path in layout.packages.iterdir()] == [".lock"]
