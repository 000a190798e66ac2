"""The provider over gRPC, without an engine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from tenantry import loopback
from tenantry.providers.base import LOST, UNFINISHED, UNSEEN, Provider, by_token, serve
from tenantry.providers.wire import Properties, from_wire, to_wire
from tests.engine.toy import Data, File

_URN = "urn:pulumi:s::p::toy:index:{0}::name"


class Engine:
    """A connection as the engine opens it."""

    def __init__(self, port: int, *, configure: bool = True) -> None:
        # Channels with the same arguments share a connection unless they are told not to.
        self.channel = grpc.insecure_channel(
            f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]
        )
        self.stub = provider_pb2_grpc.ResourceProviderStub(self.channel)
        if configure:
            self.stub.Configure(provider_pb2.ConfigureRequest())

    def create(self, kind: str, inputs: dict[str, Any], *, preview: bool = False, **marks: Any) -> Any:
        properties = to_wire(inputs, **marks)
        urn = _URN.format(kind)
        return self.stub.Create(provider_pb2.CreateRequest(urn=urn, properties=properties, preview=preview))

    def diff(self, kind: str, old: Struct, new: Struct, olds: Struct | None = None) -> Any:
        return self.stub.Diff(
            provider_pb2.DiffRequest(urn=_URN.format(kind), id="i", old_inputs=old, news=new, olds=olds)
        )

    def read(self, kind: str, resource_id: str, inputs: dict[str, Any]) -> tuple[Any, Properties]:
        answer = self.stub.Read(
            provider_pb2.ReadRequest(
                urn=_URN.format(kind), id=resource_id, inputs=to_wire(inputs), properties=to_wire(inputs)
            )
        )
        return answer, from_wire(answer.properties)

    def delete(self, kind: str, resource_id: str, inputs: dict[str, Any]) -> None:
        self.stub.Delete(
            provider_pb2.DeleteRequest(urn=_URN.format(kind), id=resource_id, old_inputs=to_wire(inputs))
        )


@pytest.fixture
def permits() -> list[dict[str, Any]]:
    """Inputs of what may be deleted."""
    return []


@pytest.fixture
def port(permits: list[dict[str, Any]]) -> Iterator[int]:
    handlers = by_token("toy", [File(), Data()])
    provider = Provider("toy", version="1.0.0", handlers=handlers, permit=lambda inputs: inputs in permits)
    with serve(provider) as port:
        yield port


@pytest.fixture
def engine(port: int) -> Iterator[Engine]:
    engine = Engine(port)
    with engine.channel:
        yield engine


def _kinds(answer: Any) -> dict[str, str]:
    return {key: provider_pb2.PropertyDiff.Kind.Name(diff.kind) for key, diff in answer.detailedDiff.items()}


def test_a_preview_of_create_never_reaches_the_handler(engine: Engine, tmp_path: Path) -> None:
    answer = engine.create("File", {"path": str(tmp_path / "f")}, preview=True, unknown=["text"])
    assert answer.id == ""
    assert from_wire(answer.properties).unknown == {"text"}
    assert not (tmp_path / "f").exists()


def test_what_is_made_has_its_secrets_marked(engine: Engine, tmp_path: Path) -> None:
    inputs = {"path": str(tmp_path / "f"), "text": "t", "password": "p"}
    answer = engine.create("File", inputs, secret=["text"])
    assert from_wire(answer.properties).secret == {"text", "password"}
    assert from_wire(answer.properties).values["size"] == 1


def test_a_connection_that_is_closed_begins_nothing_and_others_go_on(
    engine: Engine, port: int, tmp_path: Path
) -> None:
    other = Engine(port)
    inputs = {"path": str(tmp_path / "f"), "text": "t"}
    with other.channel:
        other.stub.Cancel(Empty())
        with pytest.raises(grpc.RpcError, match="cancelled"):
            other.create("File", inputs)
    assert not (tmp_path / "f").exists()
    engine.create("File", inputs)


def test_a_connection_that_never_was_configured_begins_nothing(port: int, tmp_path: Path) -> None:
    stranger = Engine(port, configure=False)
    with stranger.channel, pytest.raises(grpc.RpcError, match=r"\[69 cancelled\]"):
        stranger.create("File", {"path": str(tmp_path / "f"), "text": "t"})


def test_a_caller_of_another_user_is_turned_away(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loopback, "owner", lambda *_: 65534)
    with pytest.raises(grpc.RpcError) as caught:
        engine.create("File", {"path": str(tmp_path / "f"), "text": "t"})
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_diff_tells_each_property_and_what_has_to_be_replaced(engine: Engine) -> None:
    old = to_wire({"path": "a", "text": "t", "gone": 1, "same": [1]})
    answer = engine.diff("File", old, to_wire({"path": "b", "text": "u", "new": 2, "same": [1]}))
    assert _kinds(answer) == {"path": "UPDATE_REPLACE", "text": "UPDATE", "gone": "DELETE", "new": "ADD"}
    assert list(answer.replaces) == ["path"]
    assert answer.deleteBeforeReplace
    assert engine.diff("File", old, old).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_a_value_that_is_not_known_yet_replaces_a_thing_but_not_data(engine: Engine) -> None:
    old, new = to_wire({"path": "a"}), to_wire({}, unknown=["path"])
    assert _kinds(engine.diff("File", old, new)) == {"path": "UPDATE_REPLACE"}
    assert _kinds(engine.diff("Data", old, new)) == {"path": "UPDATE"}


def test_a_thing_that_is_gone_is_gone_but_data_is_lost(engine: Engine, tmp_path: Path) -> None:
    path = str(tmp_path / "f")
    answer, _ = engine.read("File", path, {"path": path})
    assert answer.id == ""
    answer, state = engine.read("Data", path, {"path": path})
    assert answer.id == path
    assert state.values == {"path": path, LOST: "f is gone"}
    diff = engine.diff("Data", answer.inputs, answer.inputs, answer.properties)
    assert _kinds(diff) == {LOST: "DELETE"}


def test_a_thing_that_cannot_be_looked_at_stays_and_says_why(engine: Engine, tmp_path: Path) -> None:
    answer, state = engine.read("File", str(tmp_path), {"path": str(tmp_path)})
    assert answer.id == str(tmp_path)
    assert state.values == {"path": str(tmp_path), UNSEEN: "a folder is in the way"}
    diff = engine.diff("File", answer.inputs, answer.inputs, answer.properties)
    assert _kinds(diff) == {UNSEEN: "DELETE"}


def test_data_is_deleted_only_with_a_permit(
    engine: Engine, permits: list[dict[str, Any]], tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.touch()
    inputs = {"path": str(path)}
    with pytest.raises(grpc.RpcError, match=r"\[77 holds-data\]"):
        engine.delete("Data", str(path), inputs)
    assert path.exists()
    permits.append(inputs)
    engine.delete("Data", str(path), inputs)
    assert not path.exists()


def test_a_handler_is_told_of_an_interrupted_create_by_an_empty_id(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids: list[str] = []
    monkeypatch.setattr(File, "delete", lambda _self, resource_id, _inputs: ids.append(resource_id))
    engine.delete("File", UNFINISHED, {})
    assert ids == [""]


def test_a_defect_is_told_without_the_text_of_the_exception(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "hunter" + "2"

    def breaks(_self: File, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        raise ValueError(inputs["password"])

    monkeypatch.setattr(File, "create", breaks)
    with caplog.at_level(logging.ERROR), pytest.raises(grpc.RpcError) as caught:
        engine.create("File", {"path": str(tmp_path / "f"), "text": "t", "password": secret})
    assert caught.value.details() == "defect: ValueError in File.create [70 defect]"
    assert "test_base.py" in caplog.text
    assert secret not in caplog.text


def test_failures_for_values_that_are_not_known_yet_are_left_out(engine: Engine) -> None:
    news = to_wire({"path": "a"}, unknown=["text"])
    answer = engine.stub.Check(provider_pb2.CheckRequest(urn=_URN.format("File"), news=news))
    assert from_wire(answer.inputs).unknown == {"text"}
    with pytest.raises(grpc.RpcError, match=r"text is required \[65 bad-input\]"):
        engine.stub.Check(provider_pb2.CheckRequest(urn=_URN.format("File"), news=to_wire({"path": "a"})))


def test_an_unknown_type_and_a_function_are_refused(engine: Engine) -> None:
    with pytest.raises(grpc.RpcError, match="no resource type toy:index:Other"):
        engine.create("Other", {})
    with pytest.raises(grpc.RpcError, match="no function toy:index:f"):
        engine.stub.Invoke(provider_pb2.InvokeRequest(tok="toy:index:f"))
