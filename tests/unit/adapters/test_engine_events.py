"""The engine's events, read."""

from __future__ import annotations

import json
from typing import Any

from tenantry.adapters.engine_events import Collector
from tenantry.errors import FailedError, RefusedError
from tenantry.model.status import ChangeKind
from tenantry.ports import Event

_URN = "urn:pulumi:s::tenantry::tenantry:host:Storage$tenantry-host:index:{0}::name"


def _collector(told: list[Event], *, report_planning: bool = False) -> Collector:
    return Collector(
        holds_data=lambda token: token.endswith("Cluster"),
        on_event=told.append,
        report_planning=report_planning,
    )


def _step(event: str, operation: str, kind: str = "File", *, planning: bool = False, **more: Any) -> str:
    token = f"tenantry-host:index:{kind}"
    metadata = {"op": operation, "urn": _URN.format(kind), "type": token, "new": {}, **more}
    return json.dumps({event: {"metadata": metadata, **({"planning": True} if planning else {})}})


def test_a_plan_is_kept_apart_from_what_was_done() -> None:
    told: list[Event] = []
    collector = _collector(told)
    diff: dict[str, Any] = {"settings.work_mem": {}, "rules[0].port": {}}
    collector.take(_step("resourcePreEvent", "update", planning=True, detailedDiff=diff))
    assert collector.planned[0].properties == ("rules", "settings")
    assert list(collector.applied) == []
    assert told == []
    collector.take(_step("resourcePreEvent", "update", detailedDiff=diff))
    collector.take(_step("resOutputsEvent", "update", detailedDiff=diff))
    assert [found.kind for found in list(collector.applied)] == [ChangeKind.UPDATE]
    assert told == [
        Event(text="updating", resource="File name"),
        Event(text="updated", resource="File name", done=True),
    ]


def test_a_create_of_what_exists_tells_its_id_and_what_was_asked_for_without_secrets() -> None:
    collector = _collector([])
    secret = {
        "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
        "ciphertext": "[secret]",
    }
    new = {"type": "x", "inputs": {"name": "a", "list": [{"password": secret}]}}
    for kind in ("File", "Role"):
        collector.take(_step("resourcePreEvent", "create", kind, new=new))
    for kind, why in (
        ("File", "cannot create already existing resource '/s/a'"),
        ("Role", "it is forbidden"),
    ):
        event = {"urn": _URN.format(kind), "severity": "error", "message": f"error: {why} | next: x"}
        collector.take(json.dumps({"diagnosticEvent": event}))
    ((there, asked),) = collector.already_there
    assert there == "/s/a"
    assert asked["inputs"] == {"name": "a", "list": [{"password": "[secret]"}]}


def test_an_error_of_a_provider_that_is_not_ours_is_read_by_who_knows_it() -> None:
    told = FailedError("no room", hint="take another size", code="sku-not-available")
    collector = Collector(
        holds_data=lambda _: False,
        on_event=lambda _: None,
        report_planning=False,
        read_error=lambda text: told if "SkuNotAvailable" in text else None,
    )
    for said in ("it stopped", "* SkuNotAvailable"):
        event = {"urn": _URN.format("File"), "severity": "error", "message": said}
        collector.take(json.dumps({"diagnosticEvent": event}))
    error = collector.error()
    assert error is not None
    assert (error.code, error.hint, error.message) == (told.code, told.hint, "File name: no room")


def test_a_replacement_is_one_change_whatever_steps_it_has() -> None:
    collector = _collector([])
    operations = ("delete-replaced", "replace", "create-replacement")
    for operation in operations:
        collector.take(_step("resourcePreEvent", operation, "Cluster", planning=True, keys=["path"]))
    (change,) = collector.planned
    assert (change.kind, change.properties, change.holds_data) == (ChangeKind.REPLACE, ("path",), True)


def test_what_a_refresh_finds_is_drift_and_no_change() -> None:
    collector = _collector([])
    collector.take(_step("resourcePreEvent", "refresh"))
    collector.take(_step("resOutputsEvent", "refresh", detailedDiff={"text": {}}))
    collector.take(_step("resourcePreEvent", "refresh", "Role"))
    collector.take(_step("resOutputsEvent", "delete", "Role", new=None))
    collector.take(_step("resourcePreEvent", "refresh", "Same"))
    collector.take(_step("resOutputsEvent", "refresh", "Same"))
    assert [(change.type.rpartition(":")[2], change.kind) for change in collector.drift] == [
        ("File", ChangeKind.UPDATE),
        ("Role", ChangeKind.DELETE),
    ]
    assert collector.applied == ()


def _diagnostic(urn: str, message: str, severity: str = "error") -> str:
    return json.dumps({"diagnosticEvent": {"urn": urn, "message": message, "severity": severity}})


def test_the_first_error_of_ours_is_told_with_its_resource_and_how_many_more_there_are() -> None:
    collector = _collector([])
    collector.take(_diagnostic("", "update failed\n"))
    collector.take(_diagnostic(_URN.format("Cluster"), "no | next: yes [77 nope]\n", "warning"))
    assert collector.error() is None
    collector.take(_diagnostic(_URN.format("Cluster"), "no | next: yes [77 nope]\n"))
    collector.take(_diagnostic(_URN.format("Cluster"), "no | next: yes [77 nope]\n"))
    collector.take(_diagnostic(_URN.format("Role"), "later [69 unavailable]\n"))
    error = collector.error()
    assert isinstance(error, RefusedError)
    assert (error.message, error.hint, error.code) == ("Cluster name: no (and 1 more)", "yes", "nope")
    assert collector.error_text().startswith("update failed; ")


def test_outputs_are_those_of_the_stack_and_secret_ones_stay_hidden() -> None:
    collector = _collector([])
    outputs = {"port": 5, "password": {"4dabf18193072939515e22adb298388d": "x", "ciphertext": "[secret]"}}
    metadata = {"op": "same", "urn": "u::v::w::x", "type": "pulumi:pulumi:Stack", "new": {"outputs": outputs}}
    collector.take(json.dumps({"resOutputsEvent": {"metadata": metadata}}))
    assert collector.outputs == {"port": 5, "password": "[secret]"}
