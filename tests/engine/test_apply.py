"""Applying, previewing, drift and erasing on the real engine."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pulumi
import pytest

from tenantry.adapters.engine import Engine
from tenantry.components.host.resource import resource
from tenantry.errors import (
    BusyError,
    DefectError,
    FailedError,
    RefusedError,
    SpecError,
    TenantryError,
    UnavailableError,
)
from tenantry.model.status import Change, ChangeKind
from tenantry.ports import Event
from tests.engine.conftest import PASSPHRASE, SECRET, Workshop
from tests.engine.toy import File


def _kinds(changes: tuple[Change, ...] | list[Change]) -> dict[str, ChangeKind]:
    return {change.name: change.kind for change in changes}


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_up_makes_what_is_missing_then_leaves_it_alone_then_changes_what_differs(workshop: Workshop) -> None:
    engine, events = workshop.engine, list[Event]()
    first = engine.up("s", workshop.program(), passphrase=PASSPHRASE, on_event=events.append)
    assert _kinds(first.changes) == dict.fromkeys(("first", "second", "data"), ChangeKind.CREATE)
    assert (workshop.folder / "second").read_text() == "size 5"
    assert dict(first.outputs) == {"size": 5, "password": "[secret]"}
    assert Event(text="creating", resource="File first") in events
    assert Event(text="created", resource="File first", done=True) in events

    again = engine.up("s", workshop.program(), passphrase=PASSPHRASE)
    assert set(_kinds(again.changes).values()) == {ChangeKind.SAME}

    changed = engine.up("s", workshop.program("longer text"), passphrase=PASSPHRASE)
    assert _kinds(changed.changes) == {
        "first": ChangeKind.UPDATE,
        "second": ChangeKind.UPDATE,
        "data": ChangeKind.SAME,
    }
    assert next(c for c in changed.changes if c.name == "first").properties == ("text",)


def test_preview_changes_nothing_and_copes_with_unknown_values(workshop: Workshop) -> None:
    changes = workshop.engine.preview("s", workshop.program(), passphrase=PASSPHRASE)
    assert _kinds(changes) == dict.fromkeys(("first", "second", "data"), ChangeKind.CREATE)
    assert [change.name for change in changes if change.holds_data] == ["data"]
    assert not (workshop.folder / "first").exists()
    assert not workshop.engine.exists("s")
    assert {path.name for path in _files(workshop.folder)} == {"Pulumi.yaml", "logs"}


def test_drift_names_what_was_changed_by_hand_and_up_restores_it(workshop: Workshop) -> None:
    engine = workshop.engine
    engine.up("s", workshop.program(), passphrase=PASSPHRASE)
    (workshop.folder / "first").write_text("by hand")
    (workshop.folder / "second").unlink()

    drift = {change.name: change for change in engine.drift("s", passphrase=PASSPHRASE)}
    assert drift["first"].kind is ChangeKind.UPDATE
    assert drift["first"].properties == ("text",)
    assert drift["second"].kind is ChangeKind.DELETE
    assert set(drift) == {"first", "second"}

    result = engine.up("s", workshop.program(), passphrase=PASSPHRASE)
    assert set(_kinds(result.drift)) == {"first", "second"}
    assert (workshop.folder / "first").read_text() == "hello"
    assert (workshop.folder / "second").read_text() == "size 5"
    assert engine.drift("s", passphrase=PASSPHRASE) == []


def test_a_thing_that_cannot_be_looked_at_is_named_and_does_not_hide_the_others(workshop: Workshop) -> None:
    engine = workshop.engine
    engine.up("s", workshop.program(), passphrase=PASSPHRASE)
    (workshop.folder / "first").unlink()
    (workshop.folder / "first").mkdir()  # the handler meets a folder where its file was
    (workshop.folder / "second").unlink()
    drift = {change.name: change for change in engine.drift("s", passphrase=PASSPHRASE)}
    assert drift["first"].properties == ("unseen",)
    assert drift["second"].kind is ChangeKind.DELETE
    (workshop.folder / "first").rmdir()
    engine.up("s", workshop.program(), passphrase=PASSPHRASE)
    assert (workshop.folder / "first").read_text() == "hello"


@pytest.mark.parametrize("change", [{"path": "elsewhere"}, {"data": False}], ids=["replaced", "dropped"])
def test_a_change_that_would_destroy_data_is_refused_before_anything_is_done(
    workshop: Workshop, change: dict[str, object]
) -> None:
    engine = workshop.engine
    engine.up("s", workshop.program(), passphrase=PASSPHRASE)
    program = workshop.program("new text", **change)  # type: ignore[arg-type]
    with pytest.raises(RefusedError, match="Data data, which holds client data") as caught:
        engine.up("s", program, passphrase=PASSPHRASE)
    assert caught.value.code == "holds-data"
    assert (workshop.folder / "first").read_text() == "hello"
    assert (workshop.folder / "data").exists()
    kind = _kinds(engine.preview("s", program, passphrase=PASSPHRASE))["data"]
    assert kind in {ChangeKind.REPLACE, ChangeKind.DELETE}


def test_lost_data_is_drift_and_is_never_made_anew(workshop: Workshop) -> None:
    engine, data = workshop.engine, workshop.folder / "data"
    engine.up("s", workshop.program(), passphrase=PASSPHRASE)
    data.unlink()
    (drift,) = engine.drift("s", passphrase=PASSPHRASE)
    assert (drift.name, drift.properties, drift.holds_data) == ("data", ("lost",), True)
    for may_destroy in (False, True):  # judged by the plan, and without one by the provider
        with pytest.raises(RefusedError) as caught:
            engine.up("s", workshop.program(), passphrase=PASSPHRASE, may_destroy=may_destroy)
        assert caught.value.code == "data-lost"
    assert not data.exists()
    data.write_text("of the client")  # restored
    engine.up("s", workshop.program(), passphrase=PASSPHRASE)
    assert engine.drift("s", passphrase=PASSPHRASE) == []


def test_destroying_data_needs_the_callers_word_and_the_permit(workshop: Workshop) -> None:
    engine = workshop.engine
    engine.up("s", workshop.program(), passphrase=PASSPHRASE)
    with pytest.raises(RefusedError, match="nothing was done"):
        engine.destroy("s", passphrase=PASSPHRASE)
    assert (workshop.folder / "first").exists()
    with pytest.raises(RefusedError) as caught:
        engine.destroy("s", passphrase=PASSPHRASE, may_destroy=True)
    assert caught.value.code == "holds-data"
    assert (workshop.folder / "data").exists()
    with pytest.raises(RefusedError, match="still has"):
        engine.remove("s")


def test_after_destroy_and_remove_nothing_carries_the_stacks_name(workshop: Workshop) -> None:
    engine = workshop.engine
    workshop.permits.append(True)
    engine.up("tn234", workshop.program(), passphrase=PASSPHRASE)
    engine.up("tn2345", workshop.program(data=False), passphrase=PASSPHRASE)
    other = [path for path in _files(workshop.folder) if "tn2345" in str(path)]
    (workshop.folder / "state/.pulumi/stacks/tenantry/tn234.json.187b6fa.tmp").touch()  # of a killed engine
    engine.destroy("tn234", passphrase=PASSPHRASE, may_destroy=True)
    engine.remove("tn234")
    assert [path for path in _files(workshop.folder) if "tn234" in str(path)] == other
    assert engine.leftovers("tn234") == []
    assert not engine.exists("tn234")
    engine.remove("tn234")  # repeatable
    assert engine.destroy("tn234", passphrase=PASSPHRASE, may_destroy=True) == ()


def test_no_secret_is_in_the_state_and_no_file_of_it_is_open_to_others(workshop: Workshop) -> None:
    workshop.engine.up("s", workshop.program(), passphrase=PASSPHRASE)
    own = _files(workshop.folder / "state") + _files(workshop.folder / "home")
    assert len(own) > 3
    for path in own:
        text = path.read_bytes()
        assert SECRET.encode() not in text, path
        assert PASSPHRASE.encode() not in text, path
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert SECRET not in workshop.engine.export("s", passphrase=PASSPHRASE)


@pytest.mark.parametrize(
    ("text", "kind", "code", "message"),
    [
        ("refused", RefusedError, "bad-text", "File first: the text is not permitted"),
        ("failed", FailedError, "failed", "File first: it did not work"),
        ("defect", DefectError, "defect", "File first: defect: ValueError in File.create"),
        ("half", FailedError, "half-made", "File first: it was made, but says half"),
    ],
)
def test_what_a_handler_raises_arrives_as_it_was(
    workshop: Workshop, text: str, kind: type[TenantryError], code: str, message: str
) -> None:
    with pytest.raises(kind) as caught:
        workshop.engine.up("s", workshop.program(text), passphrase=PASSPHRASE)
    assert (caught.value.code, caught.value.message) == (code, message)
    workshop.engine.up("s", workshop.program("better"), passphrase=PASSPHRASE)  # and it can be mended
    assert (workshop.folder / "first").read_text() == "better"


def test_wrong_inputs_are_told_by_name_without_values(workshop: Workshop) -> None:
    def program() -> None:
        resource("File", "first", {"path": SECRET})

    with pytest.raises(SpecError) as caught:
        workshop.engine.up("s", program, passphrase=PASSPHRASE)
    assert caught.value.message == "File first: text is required"


def test_a_programs_own_error_arrives_as_it_was_and_any_other_as_a_defect(workshop: Workshop) -> None:
    def refuses() -> None:
        raise RefusedError("not on this host", code="no-host")

    def breaks() -> None:
        raise ValueError(SECRET)

    with pytest.raises(RefusedError, match="not on this host"):
        workshop.engine.up("s", refuses, passphrase=PASSPHRASE)
    with pytest.raises(DefectError) as caught:
        workshop.engine.up("s", breaks, passphrase=PASSPHRASE)
    assert SECRET not in caught.value.message


def test_what_a_resource_met_is_told_and_not_what_the_program_met_by_it(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Event()
    create = File.create

    def noting(self: File, inputs: Any) -> Any:
        tried.set()
        return create(self, inputs)

    monkeypatch.setattr(File, "create", noting)

    async def cut_short() -> str:
        await asyncio.to_thread(tried.wait, 30)
        # So pulumi tells that a call was not answered, because the engine gave up.
        raise Exception("invoke of a:b:c failed: shutting down")  # noqa: TRY002

    def program() -> None:
        workshop.program("refused", data=False)()
        waited: pulumi.Output[str] = pulumi.Output.from_input(cut_short())
        pulumi.export("waited", waited)

    with pytest.raises(RefusedError, match="File first: the text is not permitted"):
        workshop.engine.up("s", program, passphrase=PASSPHRASE)


def test_another_passphrase_is_refused(workshop: Workshop) -> None:
    workshop.engine.up("s", workshop.program(), passphrase=PASSPHRASE)
    with pytest.raises(RefusedError) as caught:
        workshop.engine.up("s", workshop.program(), passphrase="another")
    assert caught.value.code == "wrong-passphrase"


def test_lost_settings_of_a_stack_come_back_from_its_state(workshop: Workshop) -> None:
    workshop.engine.up("s", workshop.program(), passphrase=PASSPHRASE)
    settings = workshop.folder / "state/Pulumi.s.yaml"
    before = settings.read_text()
    settings.unlink()
    workshop.engine.up("s", workshop.program(), passphrase=PASSPHRASE)
    assert settings.read_text() == before


def test_a_missing_engine_is_unavailable(tmp_path: Path) -> None:
    engine = Engine(tmp_path / "pulumi", home=tmp_path / "h", state_folder=tmp_path / "s", providers={})
    with pytest.raises(UnavailableError) as caught:
        engine.up("s", lambda: None, passphrase=PASSPHRASE)
    assert caught.value.code == "missing-engine"


def test_a_lock_of_a_living_process_is_respected_and_a_dead_ones_is_broken(workshop: Workshop) -> None:
    engine = workshop.engine
    engine.up("s", workshop.program(), passphrase=PASSPHRASE)
    folder = workshop.folder / "state/.pulumi/locks/organization/tenantry/s"
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / "11111111-2222-3333-4444-555555555555.json"
    text = '{"pid":%d,"username":"root","hostname":"%s","timestamp":"2099-01-01T00:00:00.123456789Z"}'
    lock.write_text(text % (os.getpid(), os.uname().nodename))
    for act in (
        lambda: engine.up("s", workshop.program(), passphrase=PASSPHRASE),
        lambda: engine.destroy("s", passphrase=PASSPHRASE, may_destroy=True),
        lambda: engine.remove("s"),
        lambda: engine.break_lock("s"),
    ):
        with pytest.raises(BusyError, match=f"process {os.getpid()} of root") as caught:
            act()
        assert caught.value.code == "stack-locked"
    lock.write_text(text % (os.getpid(), "elsewhere"))
    with pytest.raises(BusyError):
        engine.break_lock("s", is_dead=lambda *_: True)
    lock.write_text(text.replace("2099", "2001") % (os.getpid(), os.uname().nodename))  # we started later
    assert [holder.pid for holder in engine.break_lock("s")] == [os.getpid()]
    assert engine.locked_by("s") is None
