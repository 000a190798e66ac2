"""Files of the sandbox that are spoiled or gone: told by name with a way out, never a defect of ours."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tenantry.model.spec import AzureSettings, CloudName, CredentialKind
from tenantry.sandbox.parts.processes import write_record
from tenantry.sandbox.settings import Places
from tenantry.targets.azure.clouds import access
from tests.unit.cli.conftest import SPECS, Run
from tests.unit.cli.sandboxes import standing, use_sandbox

pytestmark = pytest.mark.usefixtures("nothing_asked")

ANEW = "start the sandbox anew: tenantry sandbox stop, then tenantry sandbox start"
START = "start it: tenantry sandbox start"
ASKING = (["status"], ["faults", "list"], ["dns", "list"])


@pytest.fixture
def places(ready: Run, workspace: Path) -> Places:
    """A workspace with a spec for Azure, whose cloud is a sandbox that was never started."""
    del ready
    (workspace / "instances" / "benin.yaml").write_text(SPECS["azure"])
    return use_sandbox(workspace)


@pytest.fixture
def running(places: Places) -> Iterator[Places]:
    """The same with the files of one that runs."""
    with standing(places):
        yield places


def _told(ready: Run, *command: str) -> tuple[int, str, str, str]:
    code, answer = ready(*command)
    first = answer["problems"][0]
    return code, first["code"], first["message"], first["hint"]


# --- who it is ---

_NEWER = {"id": "abcdef", "a_field_of_a_newer_version": 1}
NO_IDENTITIES = {
    "empty": "", "half": "{", "a list": "[]", "null": "null", "no field": "{}", "newer": json.dumps(_NEWER),
}  # fmt: skip


@pytest.mark.parametrize("command", [*ASKING, ["start"], ["stop"]], ids=" ".join)
@pytest.mark.parametrize("what", NO_IDENTITIES)
def test_a_file_that_does_not_say_who_the_sandbox_is_is_told(
    ready: Run, places: Places, what: str, command: list[str]
) -> None:
    places.folder.mkdir()
    places.identity_file.write_text(NO_IDENTITIES[what])
    code, kind, message, hint = _told(ready, "sandbox", *command)
    assert (code, kind, "tenantry sandbox reset" in hint) == (69, "sandbox-broken", True)
    assert str(places.identity_file) in message


@pytest.mark.parametrize(
    "change",
    [{"port": "443"}, {"client_secret": None}, {"subscription_id": "first"}, {"data": "/srv"}],
    ids=lambda change: next(iter(change)),
)
def test_an_identity_with_a_value_that_none_has_is_told(
    ready: Run, places: Places, change: dict[str, object]
) -> None:
    places.make()
    places.identity_file.write_text(json.dumps(json.loads(places.identity_file.read_text()) | change))
    assert _told(ready, "sandbox", "status")[:2] == (69, "sandbox-broken")


def test_a_secret_that_is_gone_is_there_again_at_the_next_start(places: Places) -> None:
    identity = places.make()
    for spoil in (places.secret_file.unlink, lambda: places.secret_file.write_text("")):
        spoil()
        assert places.make() == identity
        assert places.secret_file.read_text() == identity.client_secret + "\n"


# --- what is no file, or no folder ---


@pytest.mark.parametrize("command", [*ASKING, ["start"], ["stop"]], ids=" ".join)
def test_a_file_in_the_place_of_the_folder_is_told(ready: Run, places: Places, command: list[str]) -> None:
    places.folder.write_text("")
    code, _, message, hint = _told(ready, "sandbox", *command)
    assert (code, str(places.folder) in message, "sandbox reset" in hint) == (69, True, True)


@pytest.mark.parametrize("command", ["start", "stop"])
def test_a_folder_in_the_place_of_the_lock_is_told(ready: Run, places: Places, command: str) -> None:
    places.lock_file.mkdir(parents=True)
    code, _, message, hint = _told(ready, "sandbox", command)
    assert (code, str(places.lock_file) in message, "sandbox reset" in hint) == (69, True, True)


@pytest.mark.parametrize("text", ["x y", "", "1", "1 2 3", "9" * 5000 + " 1"], ids=lambda text: text[:9])
def test_a_record_of_no_process_is_a_sandbox_that_does_not_run(ready: Run, places: Places, text: str) -> None:
    places.make()
    places.process_file.write_text(text)
    assert ready("sandbox", "status")[1]["data"]["running"] is False
    assert ready("sandbox", "stop")[0] == 0


# --- where it is ---


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _changed(change: dict[str, object]) -> Callable[[Path], object]:
    return lambda file: file.write_text(json.dumps(json.loads(file.read_text()) | change))


NO_ENDPOINTS: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_text(""),
    "half written": lambda file: file.write_text(file.read_text()[:100]),
    "nothing": lambda file: file.write_text("{}"),
    "a list": lambda file: file.write_text("[]"),
    "of an older version": lambda file: file.write_text(file.read_text().replace("vault_suffix", "vaults")),
    "in no UTF-8": lambda file: file.write_bytes(b"\xff\xfe"),
    "a folder": _folder,
    "null": _changed({"subscription_id": None}),
    "a number": _changed({"arm": 443}),
}


@pytest.mark.parametrize("command", [["instance", "preview", "benin"], ["sandbox", "status"]], ids=" ".join)
@pytest.mark.parametrize("what", NO_ENDPOINTS)
def test_a_file_that_does_not_say_where_the_sandbox_is_is_told(
    ready: Run, running: Places, what: str, command: list[str]
) -> None:
    NO_ENDPOINTS[what](running.endpoints_file)
    code, kind, message, hint = _told(ready, *command)
    assert (code, kind, hint) == (69, "no-sandbox", ANEW)
    assert str(running.endpoints_file) in message


def test_a_file_in_the_place_of_the_folder_is_no_sandbox_for_azure(ready: Run, places: Places) -> None:
    places.folder.write_text("")
    code, kind, _, hint = _told(ready, "instance", "preview", "benin")
    assert (code, kind, hint) == (69, "no-sandbox", START)


def test_a_sandbox_that_was_killed_is_told_at_once(ready: Run, running: Places) -> None:
    with subprocess.Popen(["sleep", "600"]) as ended:
        write_record(running.process_file, ended.pid)
        ended.kill()
    code, kind, _, hint = _told(ready, "instance", "preview", "benin")
    assert (code, kind, hint) == (69, "no-sandbox", START)


def test_a_sandbox_that_runs_is_reached_where_it_says(running: Places) -> None:
    found = access(
        AzureSettings(cloud=CloudName.SANDBOX, credential=CredentialKind.SECRET),
        private=running.folder.parent,
    )
    identity = running.make()
    assert (found.cloud.arm, found.client_id) == (identity.arm, identity.client_id)


# --- with what it is verified and asked ---


@pytest.mark.parametrize(
    "command", [["instance", "preview", "benin"], *(["sandbox", *one] for one in ASKING)], ids=" ".join
)
def test_an_authority_that_is_gone_is_told(ready: Run, running: Places, command: list[str]) -> None:
    shutil.rmtree(running.authority)
    code, kind, message, hint = _told(ready, *command)
    assert (code, kind, hint) == (69, "certificate-unreadable", ANEW)
    assert str(running.authority / "ca.pem") in message


@pytest.mark.parametrize(
    "spoil",
    [lambda file: file.unlink(), lambda file: file.write_text(""), _folder],
    ids=["gone", "empty", "a folder"],
)
def test_a_secret_of_the_sandbox_that_cannot_be_read_is_told(
    ready: Run, running: Places, spoil: Callable[[Path], object]
) -> None:
    spoil(running.secret_file)
    code, _, message, hint = _told(ready, "instance", "preview", "benin")
    assert (code, hint) == (69, ANEW)
    assert str(running.secret_file) in message
