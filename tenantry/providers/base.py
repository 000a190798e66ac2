"""The provider's side of the engine's protocol, for any package and any table of handlers.

A ``Provider`` is a gRPC ResourceProvider that translates the engine's calls
into calls of a Handler (``tenantry.providers.handler``). What it adds:

- **Previews** never reach a handler. ``Create`` answers with the inputs (the
  outputs are unknown), ``Update`` with the inputs and the outputs as they were.
- **Drift** is a difference between inputs: ``Read`` puts what was observed in
  place of the old inputs, ``Diff`` compares these with the ones asked for.
  A reference that is not known yet counts as a change; it replaces a resource
  only if that resource holds no data.
- **Secrets** are unwrapped for handlers; every property that is in a handler's
  ``secret_inputs``, or was secret when it came, is marked secret in the state.
- **Data.** ``Delete`` of what holds data (a replacement begins with one) is
  refused unless ``permit(inputs)`` allows it. Data that is gone is not gone
  from the state: ``Read`` keeps the resource and its inputs, with an output
  ``lost`` that says what is missing. ``Diff`` names ``lost`` as changed, so
  that drift shows it; ``Update`` looks once more and then refuses; nothing
  makes it anew. When it is back (restored), the next Read drops ``lost``.
- **What cannot be looked at** (its database is down, say) must not keep the rest
  from being looked at and restored: ``Read`` keeps it as it was, with an output
  ``unseen`` that says why, ``Diff`` names that, and ``Update`` is called.
- **Interrupted creates.** An id of ``UNFINISHED`` stands for a create that was
  never recorded; handlers get "" for it (see ``Handler.delete``).
- **Errors** are one line that ends with class and code, ``[77 holds-data]``
  (``tenantry.errorline``). An exception that is not a TenantryError is
  a defect: its type is told, its place is logged, its text (which may hold a
  value) is not.

State is kept per connection (gRPC peer): Configure opens it, Cancel closes it,
and no effect is begun for a connection that is closed. Callers that are not
processes of our own user are turned away, since every local user can reach the
port. What is deliberately not done: functions, components, parameters, import.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from tenantry import errorline, loopback
from tenantry.errors import DefectError, FailedError, RefusedError, SpecError, TenantryError, UnavailableError
from tenantry.providers.handler import Handler, Inputs, Observed, PartialError
from tenantry.providers.wire import Properties, from_wire, to_wire

__all__ = ["LOST", "UNFINISHED", "UNSEEN", "Permit", "Provider", "abort", "by_token", "serve", "told"]

LOST = "lost"  # the output that says which data is gone
UNSEEN = "unseen"  # the output that says why it could not be looked at
UNFINISHED = "unfinished"  # the id of a resource whose create was interrupted

Permit = Callable[[Inputs], bool]  # may the data behind these inputs be deleted?

_log = logging.getLogger(__name__)
_Kind = provider_pb2.PropertyDiff
_MESSAGE_LIMIT = 64 * 1024 * 1024  # bytes


def by_token(package: str, handlers: Iterable[Handler]) -> dict[str, Handler]:
    """Return a table of handlers, each under the token <package>:index:<Type>."""
    return {f"{package}:index:{handler.type}": handler for handler in handlers}


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """A ResourceProvider for one package."""

    def __init__(
        self,
        package: str,
        *,
        version: str,
        handlers: Mapping[str, Handler],
        permit: Permit = lambda _: False,
    ) -> None:
        """Make a provider.

        Args:
            package: the Pulumi package, "tenantry-host".
            version: of the package, as in semver.
            handlers: by type token (see ``by_token``).
            permit: asked before anything that holds data is deleted.
        """
        self._package = package
        self._version = version
        self._handlers = dict(handlers)
        self._permit = permit
        self._lock = threading.Lock()
        self._configured: set[str] = set()
        self._port = 0

    def listen(self, server: grpc.Server, *, port: int = 0) -> int:
        """Add this provider to a server on the loopback interface; return the port."""
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(self, server)
        self._port = server.add_insecure_port(f"127.0.0.1:{port}")
        return self._port

    # --- the life of a connection ---

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Tell what this provider understands."""
        self._admit(context)
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Accept that the engine did not start this process itself."""
        self._admit(context)
        return Empty()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Tell the version."""
        return plugin_pb2.PluginInfo(version=self._version)

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Tell the names of the types; inputs are described by the handlers alone."""
        schema = {
            "name": self._package,
            "version": self._version,
            "resources": {token: {} for token in self._handlers},
        }
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Accept the provider's settings as they are: it has none of its own."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Say that settings, the version among them, never replace anything."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Open the connection for work."""
        self._admit(context)
        with self._lock:
            self._configured.add(context.peer())
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Close this connection, and no other; what runs is finished, nothing more is begun."""
        with self._lock:
            self._configured.discard(context.peer())
        return Empty()

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Refuse: this package has no functions."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{self._package} has no function {request.tok}")

    # --- the life of a resource ---

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Have the handler check the inputs, and mark its secrets."""
        handler = self._handler(request, context)
        news = from_wire(request.news)
        with told(context, f"{handler.type}.check"):
            wrong = [
                f"{key} {reason}" for key, reason in handler.check(news.values) if key not in news.unknown
            ]
            if wrong:
                # Not as CheckFailures: the engine would print the values, and not all are marked secret.
                raise SpecError("; ".join(wrong), code="bad-input")
        return provider_pb2.CheckResponse(inputs=_marked(handler, news.values, news))

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Compare the inputs asked for with those observed last."""
        handler = self._handler(request, context)
        diffs = _differences(handler, from_wire(request.old_inputs), from_wire(request.news))
        old_state = from_wire(request.olds).values
        diffs |= {key: _Kind.DELETE for key in _TROUBLES if old_state.get(key)}
        replaces = [key for key, kind in diffs.items() if kind in _REPLACING]
        response = provider_pb2.DiffResponse
        return response(
            changes=response.DIFF_SOME if diffs else response.DIFF_NONE,
            diffs=sorted(diffs),
            replaces=sorted(replaces),
            deleteBeforeReplace=True,
            hasDetailedDiff=True,
            detailedDiff={
                key: provider_pb2.PropertyDiff(kind=kind, inputDiff=key not in _TROUBLES)
                for key, kind in diffs.items()
            },
        )

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Make it, unless this is a preview."""
        handler = self._handler(request, context)
        news = from_wire(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=_marked(handler, news.values, news))
        self._open(context)
        with told(context, f"{handler.type}.create", lambda outputs: _state(handler, news, outputs)):
            resource_id, outputs = handler.create(news.values)
        return provider_pb2.CreateResponse(id=resource_id, properties=_state(handler, news, outputs))

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Look at it."""
        handler = self._handler(request, context)
        olds, old_state = from_wire(request.inputs), from_wire(request.properties)
        with told(context, f"{handler.type}.read"):
            found = self._look(handler, _id(request), olds, old_state)
        if found is None:
            return provider_pb2.ReadResponse()
        secret = olds.secret | handler.secret_inputs
        return provider_pb2.ReadResponse(
            id=request.id,
            inputs=to_wire(found.inputs, secret=secret),
            properties=to_wire({**found.inputs, **found.outputs}, secret=secret | old_state.secret),
        )

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Change it in place, unless this is a preview or its data is lost."""
        handler = self._handler(request, context)
        olds, news = from_wire(request.old_inputs), from_wire(request.news)
        old_state = from_wire(request.olds)
        if request.preview:
            kept = {
                key: value
                for key, value in old_state.values.items()
                if key not in olds.keys | news.keys | _TROUBLES
            }
            return provider_pb2.UpdateResponse(properties=_marked(handler, {**kept, **news.values}, news))
        self._open(context)
        with told(context, f"{handler.type}.update", lambda outputs: _state(handler, news, outputs)):
            if old_state.values.get(LOST):
                self._refuse_lost(handler, _id(request), olds, old_state)
            outputs = handler.update(_id(request), olds.values, news.values)
        return provider_pb2.UpdateResponse(properties=_state(handler, news, outputs))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Remove it, if it may be removed."""
        handler = self._handler(request, context)
        olds = from_wire(request.old_inputs)
        self._open(context)
        with told(context, f"{handler.type}.delete"):
            if handler.holds_data and not self._permit(olds.values):
                raise RefusedError(
                    f"{handler.type} holds client data and is not deleted by the way",
                    hint="to erase an instance: tenantry erase run NAME --confirm NAME",
                    code="holds-data",
                )
            handler.delete(_id(request), olds.values)
        return Empty()

    # --- parts of these ---

    def _admit(self, context: grpc.ServicerContext) -> None:
        """Turn away a caller that does not run as our own user."""
        if not loopback.is_ours(context.peer(), self._port):
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "this provider serves its own user only")

    def _open(self, context: grpc.ServicerContext) -> None:
        """Turn away a connection that was never opened, or was closed by Cancel."""
        with self._lock:
            configured = context.peer() in self._configured
        if not configured:
            abort(context, UnavailableError("the run was cancelled", code="cancelled"))

    def _handler(self, request: Any, context: grpc.ServicerContext) -> Handler:
        self._admit(context)
        token = request.type or request.urn.split("::")[2].rpartition("$")[2]
        handler = self._handlers.get(token)
        if handler is None:
            abort(context, DefectError(f"{self._package} has no resource type {token}"))
        return handler

    def _look(
        self, handler: Handler, resource_id: str, olds: Properties, old_state: Properties
    ) -> Observed | None:
        """Read, but keep what holds data even if it is gone, and what cannot be looked at."""
        trouble = {LOST: f"{handler.type} is not there"}
        try:
            found = handler.read(resource_id, olds.values)
        except (FailedError, UnavailableError) as error:
            found = None
            trouble = {LOST if error.code == "data-lost" else UNSEEN: error.message}
        if found is not None or (not handler.holds_data and UNSEEN not in trouble):
            return found
        outputs = {
            key: value
            for key, value in old_state.values.items()
            if key not in olds.values and key not in _TROUBLES
        }
        return Observed(inputs=dict(olds.values), outputs=outputs | trouble)

    def _refuse_lost(
        self, handler: Handler, resource_id: str, olds: Properties, old_state: Properties
    ) -> None:
        """Look once more at data that was lost; refuse if it still is."""
        found = self._look(handler, resource_id, olds, old_state)
        why = found.outputs.get(LOST) if found else "it is not there"
        if why:
            raise RefusedError(
                f"data lost: {why}; it is never made anew empty",
                hint="restore it from a backup",
                code="data-lost",
            )


@contextlib.contextmanager
def serve(provider: Provider, *, workers: int = 16) -> Iterator[int]:
    """Serve a provider on a free port of the loopback interface and yield the port.

    At the end, calls that run are given 5 s to finish.
    """
    server = grpc.server(
        ThreadPoolExecutor(max_workers=workers, thread_name_prefix="provider"),
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", _MESSAGE_LIMIT),
            ("grpc.max_send_message_length", _MESSAGE_LIMIT),
        ],
    )
    port = provider.listen(server)
    server.start()
    try:
        yield port
    finally:
        server.stop(5).wait()


_TROUBLES = frozenset({LOST, UNSEEN})
_REPLACING = frozenset({_Kind.ADD_REPLACE, _Kind.DELETE_REPLACE, _Kind.UPDATE_REPLACE})
_REPLACE = {
    _Kind.ADD: _Kind.ADD_REPLACE,
    _Kind.DELETE: _Kind.DELETE_REPLACE,
    _Kind.UPDATE: _Kind.UPDATE_REPLACE,
}


def _id(request: Any) -> str:
    return "" if request.id == UNFINISHED else str(request.id)


def _differences(handler: Handler, old: Properties, new: Properties) -> dict[str, Any]:
    """Return the kind of change per property, replacement included."""
    found: dict[str, Any] = {}
    for key in old.keys | new.keys:
        if key not in new.keys:
            kind = _Kind.DELETE
        elif key not in old.keys:
            kind = _Kind.ADD
        elif key in new.unknown or old.values.get(key) != new.values[key]:
            kind = _Kind.UPDATE
        else:
            continue
        certain = key not in new.unknown or not handler.holds_data
        found[key] = _REPLACE[kind] if key in handler.replace_on and certain else kind
    return found


def _marked(handler: Handler, values: Mapping[str, Any], marks: Properties) -> Any:
    return to_wire(values, secret=marks.secret | handler.secret_inputs, unknown=marks.unknown)


def _state(handler: Handler, inputs: Properties, outputs: Mapping[str, Any]) -> Any:
    """Return what goes into the state: inputs and outputs, secrets marked."""
    return _marked(handler, {**inputs.values, **outputs}, inputs)


@contextlib.contextmanager
def told(
    context: grpc.ServicerContext,
    doing: str,
    state: Callable[[Mapping[str, Any]], Any] | None = None,
) -> Iterator[None]:
    """Turn what a handler raises into an error that the engine can show."""
    try:
        yield
    except PartialError as error:
        if state is None:
            abort(context, error)
        _abort_partial(context, error, state(error.outputs))
    except TenantryError as error:
        abort(context, error)
    except Exception as error:  # noqa: BLE001 - the boundary: nothing may pass as a traceback
        place = "".join(traceback.format_tb(error.__traceback__))
        _log.error("defect in %s: %s\n%s", doing, type(error).__name__, place)
        # UNKNOWN, unlike for the others: the engine then takes the state for possibly wrong.
        what = f"defect: {type(error).__name__} in {doing}"
        context.abort(grpc.StatusCode.UNKNOWN, errorline.encode_text(70, "defect", what))


def abort(context: grpc.ServicerContext, error: TenantryError) -> NoReturn:
    """End a call with an error that the engine can show."""
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, errorline.encode(error))
    raise AssertionError  # abort always raises


def _abort_partial(context: grpc.ServicerContext, error: PartialError, properties: Any) -> NoReturn:
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.resource_id, properties=properties, reasons=[errorline.encode(error)]
    )
    status = status_pb2.Status(
        code=grpc.StatusCode.FAILED_PRECONDITION.value[0], message=errorline.encode(error)
    )
    status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    abort(context, error)
