"""The stand-in's side of the engine's protocol.

As the real one: it takes no secrets (the engine strips them and marks outputs
of the same name again), GETs before it creates, replaces on what Azure takes
at the creation only, and keeps a create that failed half-way. Not here: schemas,
parameters, components, and the location of the group as a default.
"""

from __future__ import annotations

import secrets
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
        """Name what has no name."""
        token = self._token(request, context)
        olds, news = from_wire(request.olds), from_wire(request.news)
        values = dict(news.values)
        key = _name_key(token)
        if key and key not in news.keys:
            name = request.urn.rpartition("::")[2]
            values[key] = olds.values.get(key) or name + secrets.token_hex(4)
            values[_CREATE_FIRST] = True
        return provider_pb2.CheckResponse(inputs=to_wire(values, unknown=news.unknown))

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
        return provider_pb2.ReadResponse(
            id=request.id,
            inputs=to_wire(observed_inputs(inputs, before, after)),
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


def _name_key(token: str) -> str:
    """Return the input that holds a resource's own name, "" if it has none to choose."""
    last = TYPES[token].names[-1]
    return "" if last.startswith("=") else last


def _planned(token: str, news: Properties, kept: Mapping[str, Any] | None = None) -> Any:
    """Return what a preview tells: the inputs in the form that outputs have."""
    told_as = from_body(token, to_body(token, news.values))
    return to_wire({**(kept or {}), **news.values, **told_as}, unknown=news.unknown)


def _state(token: str, outputs: Mapping[str, Any]) -> Any:
    return to_wire({**outputs, "azureApiVersion": TYPES[token].version})
