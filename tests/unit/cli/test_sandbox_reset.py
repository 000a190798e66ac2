"""A reset shows first, erases what is confirmed, and is the way out of a sandbox whose files are spoiled."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tenantry.cli import sandboxing
from tenantry.sandbox import settings
from tenantry.sandbox.settings import Places
from tests.support.reference import undocumented
from tests.unit.cli.conftest import Run
from tests.unit.cli.sandboxes import standing, use_sandbox
from tests.unit.cli.support import no_effect


@pytest.fixture(autouse=True)
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder in the place of the one where sandboxes that root started keep what they hold."""
    for module in (settings, sandboxing):
        monkeypatch.setattr(module, "SERVICE", tmp_path / "service")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (tmp_path / "service" / "nobody").mkdir(parents=True)  # some other sandbox's
    return tmp_path / "service"


@pytest.fixture
def places(ready: Run, workspace: Path) -> Places:
    del ready
    return use_sandbox(workspace)


@pytest.fixture
def made(places: Places) -> Path:
    """A sandbox that was started once; its data."""
    identity = places.make()
    data = Path(identity.data)
    data.mkdir()
    (data / "state.sqlite").write_text("a client's")
    return data


def _reset(ready: Run) -> int:
    return ready("sandbox", "reset", "--confirm", "workspace")[0]


def test_a_reset_shows_first_and_stops(ready: Run, workspace: Path, places: Places, made: Path) -> None:
    with no_effect(workspace):
        code, answer = ready("sandbox", "reset")
    first = answer["problems"][0]
    assert (code, answer["status"], first["code"]) == (0, "ok", "not-confirmed")
    assert first["hint"].endswith("tenantry sandbox reset --confirm workspace")
    would = [one["id"] for one in answer["data"]["would_erase"]]
    assert would == [f"folder:{places.folder}", f"folder:{made}"]
    assert answer["data"]["running"] is False


@pytest.mark.usefixtures("made")
def test_a_reset_of_another_name_is_refused(ready: Run, workspace: Path) -> None:
    with no_effect(workspace):
        code, answer = ready("sandbox", "reset", "--confirm", "fleet")
    assert (code, answer["problems"][0]["code"]) == (77, "not-confirmed")


def test_a_confirmed_reset_takes_everything_and_nobody_elses(
    ready: Run, places: Places, made: Path, service: Path
) -> None:
    shown = ready("sandbox", "reset")[1]["data"]
    code, answer = ready("sandbox", "reset", "--confirm", "workspace")
    assert (code, [one["absent"] for one in answer["data"]["erased"]]) == (0, [True, True])
    assert (places.folder.exists(), made.exists(), [one.name for one in service.iterdir()]) == (
        False, False, ["nobody"],
    )  # fmt: skip
    documented = {**shown, **answer["data"], "resources": None}  # of a sandbox that runs they are by type
    assert undocumented("sandbox reset", documented) == set()


@pytest.mark.usefixtures("places")
def test_a_reset_of_nothing_is_done(ready: Run) -> None:
    assert ready("sandbox", "reset")[1]["data"]["would_erase"] == []
    assert _reset(ready) == 0


def test_a_reset_ends_what_runs(ready: Run, places: Places) -> None:
    with standing(places) as process:
        assert ready("sandbox", "reset")[1]["data"]["running"] is True
        assert process.poll() is None
        assert _reset(ready) == 0
        assert process.wait(timeout=5) is not None


# --- spoiled ---


def _folder(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.mkdir()
    (file / "x").touch()


SPOILED: dict[str, Callable[[Places], object]] = {
    "no identity": lambda places: places.identity_file.unlink(),
    "an identity of a newer version": lambda places: places.identity_file.write_text(
        json.dumps(json.loads(places.identity_file.read_text()) | {"newer": 1})
    ),
    "a folder for the lock": lambda places: _folder(places.lock_file),
    "a folder for the end points": lambda places: _folder(places.endpoints_file),
    "a folder for the secret": lambda places: _folder(places.secret_file),
    "a folder for the record": lambda places: _folder(places.process_file),
    "a record of no process": lambda places: places.process_file.write_text("x y"),
    "a file for the authority": lambda places: places.authority.write_text(""),
}


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("what", SPOILED)
def test_a_spoiled_sandbox_is_erased(ready: Run, places: Places, what: str) -> None:
    SPOILED[what](places)
    assert _reset(ready) == 0
    assert not places.folder.exists()


def test_the_data_of_a_newer_version_are_erased(ready: Run, places: Places, made: Path) -> None:
    SPOILED["an identity of a newer version"](places)
    assert (_reset(ready), made.exists()) == (0, False)


def test_where_only_the_end_points_tell_who_it_was_its_data_are_erased(
    ready: Run, places: Places, made: Path
) -> None:
    with standing(places):
        places.identity_file.write_text("{")
        assert (_reset(ready), made.exists()) == (0, False)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}"])
def test_where_nothing_tells_who_it_was_that_is_told_and_the_next_reset_is_clean(
    ready: Run, places: Places, service: Path, text: str
) -> None:
    places.folder.mkdir()
    places.identity_file.write_text(text)
    code, answer = ready("sandbox", "reset", "--confirm", "workspace")
    first = answer["problems"][0]
    assert (code, first["code"], str(service) in first["message"]) == (1, "not-seen", True)
    assert (_reset(ready), places.folder.exists(), (service / "nobody").exists()) == (0, False, True)


def test_data_that_are_somebody_elses_stay(ready: Run, places: Places, tmp_path: Path) -> None:
    places.make()
    other = tmp_path / "papers"
    other.mkdir()
    told = json.loads(places.identity_file.read_text()) | {"data": str(other)}
    places.identity_file.write_text(json.dumps(told))
    assert (_reset(ready), other.exists()) == (0, True)


def test_a_file_in_the_place_of_the_folder_is_taken_away(ready: Run, places: Places) -> None:
    places.folder.write_text("")
    assert (_reset(ready), places.folder.exists()) == (0, False)


def test_of_a_link_the_link_is_taken_away_and_what_stays_is_told(
    ready: Run, places: Places, tmp_path: Path
) -> None:
    target = tmp_path / "big"
    target.mkdir()
    (target / "papers").write_text("somebody's")
    places.folder.symlink_to(target)
    code, answer = ready("sandbox", "reset", "--confirm", "workspace")
    first = answer["problems"][0]
    assert (code, first["code"], str(target) in first["message"]) == (1, "not-absent", True)
    assert (places.folder.is_symlink(), (target / "papers").exists()) == (False, True)
    assert _reset(ready) == 0


@pytest.fixture
def unrecorded(places: Places, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with the command line of the sandbox's server; the record of it is spoiled."""
    (tmp_path / "tenantry.sandbox.serve").write_text("read -r line\n")
    argv = ["python", "-m", "tenantry.sandbox.serve", str(places.folder.parent)]
    with subprocess.Popen(
        argv,
        executable="/bin/sh",
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        places.make()
        places.process_file.write_text("x y")
        yield process
        process.kill()


def test_a_server_whose_record_is_spoiled_is_ended(ready: Run, unrecorded: subprocess.Popen[bytes]) -> None:
    assert ready("sandbox", "stop")[0] == 0
    assert unrecorded.wait(timeout=5) is not None
