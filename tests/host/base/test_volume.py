from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import FailedError, RefusedError
from tenantry.providers.host import luks, mounts
from tenantry.providers.host import volume as volume_module
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.volume import Volume
from tenantry.providers.host.volume_state import observe, why_not_encrypted
from tests.support.namespaces import in_namespace

Drift = Callable[..., Any]

needs_encryption = pytest.mark.skipif(
    bool(why_not_encrypted(Path("/"))),
    reason="the kernel lacks fscrypt for ext4 on loop devices, and device-mapper",
)
_MARKER = b"MARKER-OF-THE-CLIENT-"


@pytest.fixture
def inputs(layout: HostLayout, opaque: str, uid: int) -> dict[str, Any]:
    return {
        "path": str(layout.home(opaque)),
        "image": str(layout.volume(opaque)),
        "sizeGib": 1,
        "uid": uid,
        "method": "auto",
        "key": "k" * 64,
    }


@pytest.fixture
def volume(executor: Executor, layout: HostLayout, inputs: dict[str, Any]) -> Iterator[Volume]:
    volume = Volume(executor, layout)
    yield volume
    volume.delete(inputs["path"], inputs)


def _umount(inputs: dict[str, Any]) -> None:
    subprocess.run(["umount", inputs["path"]], check=True)
    deadline = time.monotonic() + 10
    # The loop device goes with the last mount, unless device-mapper still has it.
    while len(mounts.devices_of(Path(inputs["image"]))) == 1 and time.monotonic() < deadline:
        time.sleep(0.05)


@needs_encryption
def test_it_is_encrypted_where_the_kernel_allows(volume: Volume, inputs: dict[str, Any]) -> None:
    _, outputs = volume.create(inputs)
    assert (outputs["encrypted"], outputs["mounted"]) == (True, True)
    assert outputs["method"] in (("native", "loop") if luks.why_not() else ("luks",))


def test_it_belongs_to_the_user_alone(volume: Volume, inputs: dict[str, Any]) -> None:
    volume.create(inputs)
    status = Path(inputs["path"]).stat()
    assert (status.st_uid, status.st_mode & 0o7777) == (inputs["uid"], 0o700)


@needs_encryption
def test_what_is_written_is_not_to_be_found_on_the_disk(volume: Volume, inputs: dict[str, Any]) -> None:
    volume.create(inputs)
    (Path(inputs["path"]) / "rows").write_bytes(_MARKER * 5000)
    os.sync()
    seen = subprocess.run(["grep", "-c", _MARKER.decode(), inputs["image"]], capture_output=True, check=False)
    assert seen.returncode == 1


@needs_encryption
def test_programs_of_others_are_not_set_to_their_owner_on_it(volume: Volume, inputs: dict[str, Any]) -> None:
    volume.create(inputs)
    assert os.statvfs(inputs["path"]).f_flag & os.ST_NOSUID


def test_a_second_create_keeps_the_data(volume: Volume, inputs: dict[str, Any], drift: Drift) -> None:
    volume.create(inputs)
    (Path(inputs["path"]) / "rows").write_text("data")
    volume.create(inputs)
    assert (Path(inputs["path"]) / "rows").read_text() == "data"
    assert drift(volume, inputs["path"], inputs) == set()


@needs_encryption
def test_unmounted_it_is_drift_and_opened_again_with_its_data(
    volume: Volume, inputs: dict[str, Any], drift: Drift
) -> None:
    volume.create(inputs)
    (Path(inputs["path"]) / "rows").write_text("data")
    _umount(inputs)
    assert drift(volume, inputs["path"], inputs) == {"mounted"}
    volume.update(inputs["path"], inputs, inputs)
    assert (Path(inputs["path"]) / "rows").read_text() == "data"


@needs_encryption
def test_another_key_does_not_open_it(volume: Volume, inputs: dict[str, Any]) -> None:
    volume.create(inputs)
    _umount(inputs)
    with pytest.raises(FailedError, match="not the one that"):
        volume.create({**inputs, "key": "x" * 64})


@needs_encryption
def test_a_lost_image_is_told_and_not_made_anew(volume: Volume, inputs: dict[str, Any]) -> None:
    volume.create(inputs)
    _umount(inputs)
    Path(inputs["image"]).unlink()
    for look in (volume.read, lambda path, told: volume.update(path, told, told)):
        with pytest.raises(FailedError, match="data with it"):
            look(inputs["path"], inputs)
    assert not Path(inputs["image"]).exists()


@needs_encryption
def test_it_grows_while_in_use_or_refuses_before_any_effect(volume: Volume, inputs: dict[str, Any]) -> None:
    volume.create(inputs)
    larger = {**inputs, "sizeGib": 2}
    if not volume_module._may_resize():
        with pytest.raises(RefusedError, match="cannot grow"):
            volume.update(inputs["path"], inputs, larger)
        assert Path(inputs["image"]).stat().st_size == 1024**3
        return
    volume.update(inputs["path"], inputs, larger)
    size = os.statvfs(inputs["path"])
    assert size.f_blocks * size.f_frsize > 1.8 * 1024**3


@needs_encryption
def test_it_does_not_shrink(volume: Volume, inputs: dict[str, Any]) -> None:
    volume.create({**inputs, "sizeGib": 2})
    with pytest.raises(RefusedError, match="cannot shrink"):
        volume.update(inputs["path"], inputs, inputs)


def test_without_encryption_it_is_a_folder_and_says_why(
    volume: Volume, inputs: dict[str, Any], drift: Drift
) -> None:
    plain = {**inputs, "method": "none"}
    _, outputs = volume.create(plain)
    assert (outputs["method"], outputs["encrypted"]) == ("none", False)
    assert outputs["why"]
    assert drift(volume, inputs["path"], plain) == set()


def test_a_lost_plain_folder_is_told(volume: Volume, inputs: dict[str, Any]) -> None:
    plain = {**inputs, "method": "none"}
    volume.create(plain)
    Path(inputs["path"]).rmdir()
    with pytest.raises(FailedError, match="data with it"):
        volume.read(inputs["path"], plain)


def test_delete_leaves_neither_mount_nor_device_nor_file(
    volume: Volume, inputs: dict[str, Any], layout: HostLayout, opaque: str
) -> None:
    volume.create(inputs)
    volume.delete(inputs["path"], inputs)
    assert not mounts.is_mounted(Path(inputs["path"]))
    assert mounts.loop_of(Path(inputs["image"])) is None
    assert not list(layout.root.rglob(f"*{opaque}*"))


@needs_encryption
def test_delete_names_who_holds_it(
    volume: Volume, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume_module, "_UNMOUNT_SECONDS", 0.3)
    volume.create(inputs)
    child = subprocess.Popen(["sleep", "1000"], cwd=inputs["path"])
    try:
        with pytest.raises(FailedError, match=rf"sleep \({child.pid}\)"):
            volume.delete(inputs["path"], inputs)
    finally:
        child.kill()
        child.wait()


@needs_encryption
def test_delete_names_who_has_it_mounted_elsewhere(
    volume: Volume, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume_module, "_UNMOUNT_SECONDS", 0.5)
    volume.create(inputs)
    child = subprocess.Popen(
        in_namespace("echo; exec sleep 1000", keep=Path(inputs["path"])),
        stdout=subprocess.PIPE,
    )
    try:
        assert child.stdout
        child.stdout.readline()
        with pytest.raises(FailedError, match=str(child.pid)):
            volume.delete(inputs["path"], inputs)
        assert observe(Path(inputs["path"]), Path(inputs["image"])).method in ("luks", "loop")
    finally:
        child.kill()
        child.communicate()


@pytest.mark.parametrize("method", ["auto", "none"])
def test_it_survives_a_kill_at_each_point(
    volume: Volume, inputs: dict[str, Any], survives: Callable[..., None], method: str
) -> None:
    survives(volume, {**inputs, "method": method})
