"""The stand-in's side of the engine's protocol.

As the real one: it takes no secrets (the engine strips them and marks outputs
of the same name again), GETs before it creates, replaces on what Azure takes
at the creation only, and keeps a create that failed half-way. Not here: schemas,
parameters, components.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2

from tenantry.errors import DefectError
from tenantry.model.azure_types import TYPES
from tenantry.providers import base
from tenantry.providers.base import Provider, abort, told
from tenantry.providers.wire import Properties, from_wire, to_wire
from tenantry.sandbox.native.azure import Azure, Caller, DataPlane
from tenantry.sandbox.native.bodies import from_body, to_body
from tenantry.sandbox.native.changes import differences, observed_inputs, replaces
from tenantry.sandbox.native.importing import imported_inputs
from tenantry.sandbox.native.names import automatic_name, has_region, name_input

__all__ = ["VERSION", "NativeProvider", "serve"]

VERSION = "3.29.0"
_PACKAGE = "azure-native"
_CREATE_FIRST = "__createBeforeDelete"


class NativeProvider(Provider):
    """A ResourceProvider that behaves as azure-native does."""

    def __init__(self, azure: Azure, *, client: Mapping[str, str]) -> None:
        """Make a provider.

        Args:
            azure: where the work is done.
            client: what getClientConfig tells: clientId, objectId, subscriptionId, tenantId.
        """
        super().__init__(_PACKAGE, version=VERSION, handlers={})
        self._azure = azure
        self._client = dict(client)
        self._regions: dict[str, str] = {}  # by group

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Tell what this provider understands: no secrets."""
        self._admit(context)
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=False)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Open the connection for work."""
        super().Configure(request, context)
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=True)

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Answer a function."""
        self._admit(context)
        if request.tok == f"{_PACKAGE}:authorization:getClientConfig":
            return provider_pb2.InvokeResponse(**{"return": to_wire(self._client)})
        with told(context, request.tok):
            found = self._azure.invoke(request.tok, from_wire(request.args).values)
        return provider_pb2.InvokeResponse(**{"return": to_wire(found)})

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Name what has no name, and put what has no region where its group is."""
        token = self._token(request, context)
        olds, news = from_wire(request.olds).values, from_wire(request.news)
        values, unknown = dict(news.values), set(news.unknown)
        key = name_input(token)
        if key and key not in news.keys:
            name, fresh = automatic_name(token, request.urn.rpartition("::")[2], request.randomSeed)
            values[key] = olds.get(key) or name
            if fresh:
                values[_CREATE_FIRST] = True
        if has_region(token) and "location" not in news.keys:
            if "location" in olds:
                values["location"] = olds["location"]
            elif "resourceGroupName" in unknown:
                unknown.add("location")
            elif region := self._region_of(str(news.values.get("resourceGroupName")), context):
                values["location"] = region
        return provider_pb2.CheckResponse(inputs=to_wire(values, unknown=unknown))

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Compare the inputs asked for with the last ones."""
        token = self._token(request, context)
        news = from_wire(request.news)
        keys = differences(from_wire(request.old_inputs).values, news.values, news.unknown)
        instead = replaces(token, keys)
        kind = provider_pb2.PropertyDiff
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if keys else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=keys,
            replaces=instead,
            deleteBeforeReplace=bool(instead) and not news.values.get(_CREATE_FIRST),
            hasDetailedDiff=True,
            detailedDiff={
                key: kind(kind=kind.UPDATE_REPLACE if key in instead else kind.UPDATE, inputDiff=True)
                for key in keys
            },
        )

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Make it, unless this is a preview."""
        token, news = self._token(request, context), from_wire(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=_planned(token, news))
        self._open(context)
        with told(context, token, lambda outputs: _state(token, outputs)):
            identity, outputs = self._azure.create(token, news.values)
        return provider_pb2.CreateResponse(id=identity, properties=_state(token, outputs))

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Look at it."""
        token = self._token(request, context)
        inputs, before = from_wire(request.inputs).values, from_wire(request.properties).values
        with told(context, token):
            after = self._azure.read(token, request.id)
        if after is None:
            return provider_pb2.ReadResponse()
        found = (
            observed_inputs(token, inputs, before, after)
            if inputs
            else imported_inputs(token, request.id, after)
        )
        return provider_pb2.ReadResponse(
            id=request.id,
            inputs=to_wire(found),
            properties=_state(token, after),
        )

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Change it in place, unless this is a preview."""
        token, news = self._token(request, context), from_wire(request.news)
        if request.preview:
            olds = from_wire(request.olds).values
            kept: dict[str, Any] = {
                key: olds[key] for key in ("name", "location", "id", "type") if key in olds
            }
            return provider_pb2.UpdateResponse(properties=_planned(token, news, kept))
        self._open(context)
        with told(context, token):
            outputs = self._azure.update(token, request.id, news.values)
        return provider_pb2.UpdateResponse(properties=_state(token, outputs))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Delete it."""
        token = self._token(request, context)
        self._open(context)
        with told(context, token):
            self._azure.delete(token, request.id, from_wire(request.old_inputs).values)
        return Empty()

    def _region_of(self, group: str, context: grpc.ServicerContext) -> str:
        """Return a group's region, "" when it is not there; it is looked at once."""
        if group not in self._regions:
            with told(context, group):
                found = self._azure.region_of(group)
            if not found:
                return ""
            self._regions[group] = found
        return self._regions[group]

    def _token(self, request: Any, context: grpc.ServicerContext) -> str:
        self._admit(context)
        token = str(request.type or request.urn.split("::")[2].rpartition("$")[2])
        if token not in TYPES:
            abort(context, DefectError(f"the stand-in has no resource type {token}"))
        return token


@contextmanager
def serve(
    caller: Caller,
    data_plane: DataPlane,
    *,
    subscription_id: str,
    directory_id: str,
    client_id: str,
    object_id: str,
) -> Iterator[int]:
    """Serve the stand-in on a free port of the loopback interface and yield the port."""
    azure = Azure(caller=caller, vault=data_plane, subscription_id=subscription_id)
    client = {
        "clientId": client_id,
        "objectId": object_id,
        "subscriptionId": subscription_id,
        "tenantId": directory_id,
    }
    with base.serve(NativeProvider(azure, client=client)) as port:
        yield port


def _planned(token: str, news: Properties, kept: Mapping[str, Any] | None = None) -> Any:
    """Return what a preview tells: the inputs in the form that outputs have."""
    told_as = from_body(token, to_body(token, news.values))
    return to_wire({**(kept or {}), **news.values, **told_as}, unknown=news.unknown)


def _state(token: str, outputs: Mapping[str, Any]) -> Any:
    return to_wire({**outputs, "azureApiVersion": TYPES[token].version})
