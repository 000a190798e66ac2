"""Each type of asset is found by looking, and told as absent, present or not seen."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tenantry.model.status import Asset
from tenantry.ports import Instance
from tenantry.providers.host.identity import PACKAGE
from tenantry.providers.host.layout import HostLayout
from tenantry.targets.host import inventory as module
from tenantry.targets.host import look
from tenantry.targets.host.inventory import ASSET_TYPES, AssetType, inventory, prove_absent
from tenantry.targets.host.machine import Machine
from tenantry.targets.host.place import Place
from tests.support.session import HostFolders


def _found(place: Place, kind: str) -> set[str]:
    return {found for found, _ in ASSET_TYPES[kind].find(dataclasses.replace(place))}


def _file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("something")
    return path


def test_nothing_is_found_of_an_instance_that_left_nothing(place: Place) -> None:
    assert inventory(place) == frozenset()


def test_every_resource_type_of_the_provider_has_a_type_of_asset(host_folders: HostFolders) -> None:
    from tenantry.model.spec import HostSettings
    from tenantry.providers.base import by_token

    settings = HostSettings(root=host_folders.root / "host", runtime=host_folders.runtime / "r")
    made = {token.rpartition(":")[2] for token in by_token(PACKAGE, Machine(settings).handlers)}
    assert made <= {one for kind in ASSET_TYPES.values() for one in kind.covers}


def test_a_process_of_the_user_is_found(place: Place, instance: Instance) -> None:
    with _process(["sleep", "60"], user=instance.uid) as pid:
        assert _found(place, "process") == {str(pid)}


def test_a_process_with_the_name_in_its_arguments_is_found(place: Place, instance: Instance) -> None:
    with _process(["sleep", "60", f"{len(instance.opaque)}"]) as other:
        assert str(other) not in _found(place, "process")
    with _process(["tail", "-f", "/dev/null", f"--pid={os.getpid()}", f"/dev/{instance.opaque}"]) as pid:
        assert _found(place, "process") == {str(pid)}


@pytest.mark.parametrize("file", ["passwd", "group"])
def test_an_account_is_found_by_name_and_by_number(
    place: Place, instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    accounts = {"name": f"{instance.opaque}:x:1:\n", "number": f"somebody:x:{instance.uid}:\n"}
    for what, line in accounts.items():
        path = tmp_path / what / file
        _file(path).write_text("root:x:0:\n" + line)
        monkeypatch.setattr(look, "_ACCOUNT_FILES", (str(path),))
        numbered = (str(path),) if what == "number" else ()
        monkeypatch.setattr(look, "_NUMBERED", numbered)
        assert _found(place, "user") == {str(path)}


def test_a_listener_on_a_port_of_the_instance_is_found(place: Place, instance: Instance) -> None:
    port = instance.ports["database"]
    with socket.create_server(("127.0.0.1", port)):
        assert _found(place, "port") == {str(port)}


def test_a_socket_is_found(place: Place, instance: Instance, host_folders: HostFolders) -> None:
    path = host_folders.runtime / instance.opaque
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert _found(place, "socket") == {str(path)}


def test_a_mount_is_found(place: Place, instance: Instance, host_folders: HostFolders) -> None:
    point = host_folders.root / instance.opaque
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "test", str(point)], check=True)
    try:
        assert _found(place, "mount") == {str(point)}
    finally:
        subprocess.run(["umount", str(point)], check=True)


@pytest.mark.parametrize("kind", ["unit", "cron"])
def test_a_unit_or_a_cron_entry_is_found_by_its_text(
    place: Place, instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(look, f"_{kind.upper()}_FOLDERS", (str(tmp_path / "units"),))
    path = _file(tmp_path / "units" / "innocent")
    path.write_text(f"run {instance.opaque}")
    assert _found(place, kind) == {str(path)}


def test_a_firewall_rule_is_found_by_the_user(place: Place, instance: Instance, layout: HostLayout) -> None:
    table = f"stray_{layout.host_id}"
    rules = f"add table inet {table}; add chain inet {table} c; "
    rules += f"add rule inet {table} c meta skuid {instance.uid} accept"
    subprocess.run(["nft", rules], check=True)
    try:
        assert {str(instance.uid) in rule for rule in _found(place, "rule")} == {True}
    finally:
        subprocess.run(["nft", "delete", "table", "inet", table], check=True)


def test_a_site_of_the_proxy_is_found_by_its_host_name(place: Place, layout: HostLayout) -> None:
    path = _file(layout.proxy_state / "certificates" / "benin.example.org.key")
    assert _found(place, "site") == {str(path)}


def test_files_are_told_by_the_folder_that_they_lie_in(
    place: Place, instance: Instance, layout: HostLayout, private: Path, host_folders: HostFolders
) -> None:
    opaque = instance.opaque
    files = {
        "secret": layout.runtime / opaque,
        "backup": layout.root / "backups" / opaque,
        "key": private / "vault" / "keys" / f"{opaque}.age",
        "state": private / "engine" / "state" / f"{opaque}.json.bak",
        "folder": host_folders.root / f"copy-of-{opaque}",
    }
    for path in files.values():
        _file(path)
    assert {kind: _found(place, kind) for kind in files} == {
        kind: {str(path)} for kind, path in files.items()
    }


def test_a_file_of_the_user_is_found_whatever_its_name(
    place: Place, instance: Instance, host_folders: HostFolders
) -> None:
    path = _file(host_folders.root / "innocent")
    os.chown(path, instance.uid or 0, -1)
    assert _found(place, "folder") == {str(path)}


def test_one_look_searches_the_disk_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[look.Marks] = []

    def search(marks: look.Marks, *, beside: Sequence[Path] = ()) -> Iterator[Path]:
        looks.append(marks)
        yield from beside[:0]

    monkeypatch.setattr(look, "paths", search)
    prove_absent(place, frozenset())
    assert looks == [place.marks]


def test_what_was_known_and_is_gone_is_absent(place: Place) -> None:
    known = Asset(id="folder:/srv/gone", type="folder")
    told = {one.asset.id: one.absent for one in prove_absent(place, frozenset({known}))}
    assert told["folder:/srv/gone"] is True


def test_what_nobody_recorded_and_is_there_is_not_absent(
    place: Place, instance: Instance, host_folders: HostFolders
) -> None:
    path = _file(host_folders.root / instance.opaque)
    told = {one.asset.id: one.absent for one in prove_absent(place, frozenset())}
    assert told[f"folder:{path}"] is False


def test_where_nobody_could_look_nothing_is_absent(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(_: Place) -> Iterator[tuple[str, str]]:
        raise PermissionError

    kind = ASSET_TYPES["folder"]
    table = {**ASSET_TYPES, "folder": AssetType(find=blind, method=kind.method)}
    monkeypatch.setattr(module, "ASSET_TYPES", table)
    told = {one.asset.id: one.absent for one in prove_absent(place, frozenset())}
    assert told["folder:*"] is None


class _process:  # noqa: N801 - reads as a function
    """A process that ends with the block."""

    def __init__(self, argv: list[str], *, user: int | None = None) -> None:
        extra = {"user": user, "group": user, "extra_groups": []} if user is not None else {}
        self._process = subprocess.Popen(argv, stderr=subprocess.DEVNULL, **extra)  # type: ignore[call-overload]

    def __enter__(self) -> int:
        pid = self._process.pid
        assert isinstance(pid, int)
        return pid

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
