"""A preview under the real engine: what nobody knows yet is shown as unknown, and nothing is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pulumi
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from tenantry.adapters.engine import Engine
from tenantry.model.status import ChangeKind
from tenantry.providers.wire import from_wire, to_wire
from tenantry.sandbox.native.provider import serve
from tests.azure.components.running import engine_at
from tests.azure.recording import RecordingManager

_PASSPHRASE = "a passphrase of tests"
_IDS = {"subscription_id": "s", "directory_id": "d", "client_id": "c", "object_id": "o"}
_URN = "urn:pulumi:one::tenantry::azure-native:storage:StorageAccount::account"
_KNOWN: dict[str, Any] = {"resourceGroupName": "rg", "accountName": "stone", "kind": "StorageV2"}


@dataclass
class _Stage:
    """An engine with a Resource Manager in memory, and what a program saw of its resources."""

    manager: RecordingManager
    engine: Engine
    seen: dict[str, Any] = field(default_factory=dict)

    def preview(self, program: Callable[[], None]) -> dict[str, ChangeKind]:
        self.seen.clear()
        changes = self.engine.preview("one", program, passphrase=_PASSPHRASE)
        return {change.name: change.kind for change in changes}

    def up(self, program: Callable[[], None]) -> None:
        self.seen.clear()
        self.engine.up("one", program, passphrase=_PASSPHRASE)

    def look(self, **outputs: pulumi.Output[Any]) -> None:
        """Keep what is known of outputs; what is unknown is seen by nobody."""
        for name, output in outputs.items():
            output.apply(partial(self.seen.__setitem__, name))

    def program(self, *, owner: str = "first", sku: str = "Standard_LRS") -> Callable[[], None]:
        """Return an account that is tagged with who owns it: an identity, whose id Azure makes."""

        def declare() -> None:
            from pulumi_azure_native import managedidentity, resources, storage

            group = resources.ResourceGroup("group", resource_group_name="rg", location="westeurope")
            identity = managedidentity.UserAssignedIdentity(
                owner, resource_group_name=group.name, resource_name_=owner, location="westeurope"
            )
            account = storage.StorageAccount(
                "account",
                resource_group_name=group.name,
                account_name="stone",
                location="westeurope",
                kind=storage.Kind.STORAGE_V2,
                sku=storage.SkuArgs(name=sku),
                tags={"client": "kenya", "owner": identity.principal_id},
            )
            self.look(
                principal=identity.principal_id,
                tags=account.tags,
                kind=account.kind,
                sku=account.sku.name,
                name=account.name,
            )

        return declare


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[_Stage]:
    manager = RecordingManager()
    with serve(manager, lambda _: manager, **_IDS) as port:
        engine = engine_at(tmp_path, port)
        yield _Stage(manager=manager, engine=engine)


def test_before_anything_is_made_what_azure_decides_is_unknown_and_the_rest_is_told(stage: _Stage) -> None:
    shown = stage.preview(stage.program())
    assert shown == dict.fromkeys(("group", "first", "account"), ChangeKind.CREATE)
    assert stage.manager.sent == {}
    # The tags hold an id that is not there yet, so they are unknown as a whole.
    assert stage.seen == {"kind": "StorageV2", "sku": "Standard_LRS"}


def test_a_change_to_something_unknown_is_shown_as_unknown_and_not_as_what_was(stage: _Stage) -> None:
    stage.up(stage.program())
    made = stage.seen["principal"]
    assert stage.seen["tags"] == {"client": "kenya", "owner": made}
    sent = dict(stage.manager.sent)
    shown = stage.preview(stage.program(owner="second", sku="Standard_ZRS"))
    assert (shown["second"], shown["account"]) == (ChangeKind.CREATE, ChangeKind.UPDATE)
    assert stage.manager.sent == sent
    assert stage.seen == {"kind": "StorageV2", "sku": "Standard_ZRS", "name": "stone"}


def test_what_stays_as_it_is_is_known_in_a_preview(stage: _Stage) -> None:
    stage.up(stage.program())
    before = dict(stage.seen)
    assert set(stage.preview(stage.program()).values()) == {ChangeKind.SAME}
    assert stage.seen == before


@pytest.fixture
def provider() -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    """The stand-in as the engine reaches it."""
    manager = RecordingManager()
    with (
        serve(manager, lambda _: manager, **_IDS) as port,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield provider_pb2_grpc.ResourceProviderStub(channel)
        assert manager.sent == {}


def test_an_unknown_input_is_marked_as_unknown_in_what_a_create_will_tell(
    provider: provider_pb2_grpc.ResourceProviderStub,
) -> None:
    inputs = to_wire(_KNOWN, unknown=["tags", "location"])
    checked = provider.Check(provider_pb2.CheckRequest(urn=_URN, news=inputs))
    assert from_wire(checked.inputs).unknown == {"tags", "location"}
    request = provider_pb2.CreateRequest(urn=_URN, properties=checked.inputs, preview=True)
    told = from_wire(provider.Create(request).properties)
    assert told.unknown == {"tags", "location"}
    assert told.values["kind"] == "StorageV2"


def test_the_region_of_a_group_that_is_unknown_is_unknown(
    provider: provider_pb2_grpc.ResourceProviderStub,
) -> None:
    inputs = to_wire({"accountName": "stone"}, unknown=["resourceGroupName"])
    checked = provider.Check(provider_pb2.CheckRequest(urn=_URN, news=inputs))
    assert from_wire(checked.inputs).unknown == {"resourceGroupName", "location"}


def test_an_input_that_becomes_unknown_is_a_change_and_marked_in_what_an_update_will_tell(
    provider: provider_pb2_grpc.ResourceProviderStub,
) -> None:
    olds, news = to_wire({**_KNOWN, "tags": {"owner": "first"}}), to_wire(_KNOWN, unknown=["tags"])
    changed = provider.Diff(provider_pb2.DiffRequest(urn=_URN, id="i", old_inputs=olds, olds=olds, news=news))
    assert list(changed.diffs) == ["tags"]
    request = provider_pb2.UpdateRequest(
        urn=_URN, id="i", old_inputs=olds, olds=olds, news=news, preview=True
    )
    told = from_wire(provider.Update(request).properties)
    assert told.unknown == {"tags"}
    assert "tags" not in told.values
