"""Finding the engine, runtimes, programs and PostgreSQL."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tenantry.adapters import tools
from tenantry.errors import UnavailableError
from tests.support.session import HostFolders

_ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def machine(host_folders: HostFolders, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty PATH and empty caches, in a folder that every user may enter."""
    root = host_folders.root
    (root / "bin").mkdir()
    monkeypatch.setenv("PATH", str(root / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(root / "cache"))
    return root


def _program(path: Path, *, says: str, code: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)
    return path


def _cached(machine: Path) -> Path:
    return _program(machine / f"cache/tenantry/engine/v{tools.ENGINE_VERSION}/pulumi", says="v3.250.0")


def test_the_engine_on_path_is_taken_when_its_version_fits(machine: Path) -> None:
    _cached(machine)
    on_path = _program(machine / "bin/pulumi", says="v3.250.7")
    assert tools.find_engine() == on_path


def test_the_engine_that_set_up_got_is_taken_when_the_one_on_path_does_not_fit(machine: Path) -> None:
    _program(machine / "bin/pulumi", says="v3.251.0")
    cached = _cached(machine)
    assert tools.find_engine() == cached


def test_a_missing_engine_is_unavailable_and_set_up_is_the_way_out() -> None:
    with pytest.raises(UnavailableError) as caught:
        tools.find_engine()
    assert caught.value.hint == "run: make setup"


def test_an_engine_of_another_version_is_named(machine: Path) -> None:
    _program(machine / "bin/pulumi", says="v3.99.0")
    with pytest.raises(UnavailableError, match=r"3\.250\.x is not installed \(the one on PATH is 3\.99\.0\)"):
        tools.find_engine()


def test_an_engine_that_fails_has_no_version(machine: Path) -> None:
    assert tools.engine_version(_program(machine / "bin/pulumi", says="v3.250.0", code=1)) == ""


def test_the_engine_is_pinned_to_one_version_everywhere() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    module = (_ROOT / "tools/engine/go.mod").read_text()
    pinned = re.search(r"pulumi/pkg/v3 v(\S+)", module)
    assert pinned is not None
    wanted = f"pulumi=={tools.ENGINE_VERSION}"
    assert (wanted in project["dependencies"], pinned.group(1)) == (True, tools.ENGINE_VERSION)


def test_a_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_SYSTEM_FOLDERS", ())
    with pytest.raises(UnavailableError) as caught:
        tools.find_program("s6-svscan")
    assert caught.value.hint == "run: apt-get install s6"


def test_a_program_in_a_folder_of_the_system_is_found_without_path() -> None:
    assert tools.find_program("sh").name == "sh"


def test_a_runtime_is_taken_by_the_beginning_of_its_version(machine: Path) -> None:
    node = _program(machine / "node-24/bin/node", says="v24.19.0")
    assert _find(machine) == node


def test_a_runtime_of_another_version_is_refused_by_name(machine: Path) -> None:
    _program(machine / "node-24/bin/node", says="v2.4.0")
    with pytest.raises(UnavailableError, match=r"node 24 is not installed; found .*\(2\.4\.0\)"):
        _find(machine)


def test_a_runtime_in_a_folder_closed_to_other_users_is_refused(machine: Path) -> None:
    _program(machine / "node-24/bin/node", says="v24.19.0")
    (machine / "node-24").chmod(0o700)
    with pytest.raises(UnavailableError, match="not every user may execute it"):
        _find(machine)


def _find(machine: Path) -> Path:
    return tools.find_runtime("node", "24", folders=[machine])


def _postgres(root: Path, major: int) -> Path:
    folder = root / f"usr/lib/postgresql/{major}/bin"
    for name in ("initdb", "pg_ctl", "postgres"):
        _program(folder / name, says="")
    return folder


@pytest.mark.parametrize(
    ("backup", "newest"),
    [
        ("2.45", 15),
        ("2.48", 16),
        ("2.53", 16),
        ("2.53.1", 17),
        ("2.54.2", 17),
        ("2.55.0", 18),
        ("2.60.0", 19),
    ],
)
def test_the_newest_postgresql_that_pgbackrest_supports_is_taken(
    machine: Path, backup: str, newest: int
) -> None:
    folders = {major: _postgres(machine, major) for major in range(14, 20)}
    _program(machine / "bin/pgbackrest", says=f"pgBackRest {backup}")
    assert tools.postgres_bin(root=machine) == (newest, folders[newest])


def test_an_old_postgresql_is_none(machine: Path) -> None:
    _postgres(machine, 14)
    with pytest.raises(UnavailableError, match="PostgreSQL 15 or newer is not installed"):
        tools.postgres_bin(root=machine)


def test_a_postgresql_that_pgbackrest_does_not_support_is_refused(machine: Path) -> None:
    _postgres(machine, 17)
    _program(machine / "bin/pgbackrest", says="pgBackRest 2.45")
    with pytest.raises(UnavailableError, match=r"pgBackRest 2\.45 supports none .*\(17\)"):
        tools.postgres_bin(root=machine)
