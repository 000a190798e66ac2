"""The language host that lets the engine run a program of this process, and its event sink.

One gRPC server on the loopback interface per run. The engine calls ``Run`` once
to plan and once to apply; between the two ``check_plan`` may refuse, so that a
plan is judged whole before its first effect, in the one engine process. It is asked
at the end of the first, too: the second begins with a look that the state keeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.errors import RunError
from pulumi.runtime import reset_options, run_in_stack
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    events_pb2_grpc,
    language_pb2,
    language_pb2_grpc,
    plugin_pb2,
)

from tenantry import loopback

__all__ = ["Program", "ProgramHost", "serve_program"]

Program = Callable[[], None]


_ROUNDS = 3  # of cancelling: a task may begin another while it is cancelled
_PATIENCE = 1.0  # seconds for what was cancelled to end


class ProgramHost(language_pb2_grpc.LanguageRuntimeServicer, events_pb2_grpc.EventsServicer):
    """Runs a program for the engine and hands on the engine's events."""

    def __init__(
        self,
        program: Program,
        *,
        take: Callable[[str], None],
        check_plan: Callable[[bool], None] | None = None,
    ) -> None:
        """Make a host.

        Args:
            program: declares the resources; called once per phase.
            take: is handed each event as a line of JSON.
            check_plan: called when the program has planned, and again before the effects, and told whether
                the plan is whole; what it raises stops the run.
        """
        self._program = program
        self._take = take
        self._check_plan = check_plan
        self._loops: set[asyncio.AbstractEventLoop] = set()
        self.port = 0
        self.raised: BaseException | None = None  # by the program or by check_plan

    def GetRequiredPlugins(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Name no plugins: providers are attached."""
        return language_pb2.GetRequiredPluginsResponse()

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Name no packages: providers are attached."""
        return language_pb2.GetRequiredPackagesResponse()

    def About(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Tell nothing in particular."""
        return language_pb2.AboutResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Tell nothing in particular."""
        return plugin_pb2.PluginInfo()

    def StreamEvents(self, request_iterator: Iterator[Any], context: grpc.ServicerContext) -> Any:
        """Hand on events until the engine has told the last of the phase."""
        self._admit(context)
        for request in request_iterator:
            try:
                self._take(request.event)
            except Exception as error:  # noqa: BLE001 - a broken observer must not stop the engine half-way
                self.raised = self.raised or error
        return Empty()

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Run the program for one phase."""
        self._admit(context)
        try:
            if not request.dryRun and self._check_plan is not None:
                self._check_plan(True)
            contextvars.copy_context().run(self._run, request)
            if request.dryRun and self._check_plan is not None:
                self._check_plan(False)
        except (RunError, grpc.RpcError, _EngineGoneError):  # a resource failed; the engine has told of it
            return language_pb2.RunResponse(error="a resource failed", bail=True)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self.raised = error
            return language_pb2.RunResponse(error=type(error).__name__, bail=True)
        return language_pb2.RunResponse()

    def end(self) -> None:
        """Stop programs that still wait for an engine that has ended."""
        for loop in list(self._loops):
            with contextlib.suppress(RuntimeError):  # closed meanwhile
                loop.call_soon_threadsafe(loop.stop)

    def _run(self, request: Any) -> None:
        """Run the program in a runtime of its own, connected to the engine that asks."""
        reset_options(
            project=request.project,
            stack=request.stack,
            monitor_address=request.monitor_address,
            # As the runtime's own settings take it: a stub in the place of an address.
            engine_address=_QuietEngine(request.args[0]) if request.args else "",  # type: ignore[arg-type]
            parallel=request.parallel,
            preview=request.dryRun,
            organization=request.organization or "organization",
        )
        # What a failed resource leaves unawaited is logged by asyncio with its values.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        executor = ThreadPoolExecutor(max_workers=max(request.parallel, 1) * 4)
        loop = asyncio.new_event_loop()
        loop.set_default_executor(executor)
        loop.set_exception_handler(_stop_when_engine_is_gone)
        self._loops.add(loop)
        try:
            _complete(loop, run_in_stack(self._program))
        finally:
            self._loops.discard(loop)
            _close(loop)
            executor.shutdown(wait=False, cancel_futures=True)

    def _admit(self, context: grpc.ServicerContext) -> None:
        if not loopback.is_ours(context.peer(), self.port):
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "this host serves its own user only")


@contextlib.contextmanager
def serve_program(host: ProgramHost) -> Iterator[str]:
    """Serve a host on a free port of the loopback interface; yield the address."""
    server = grpc.server(
        ThreadPoolExecutor(max_workers=4, thread_name_prefix="program"), options=[("grpc.so_reuseport", 0)]
    )
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    events_pb2_grpc.add_EventsServicer_to_server(host, server)
    host.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{host.port}"
    finally:
        host.end()
        server.stop(2).wait()


class _QuietEngine:
    """The engine's service without debug messages.

    Nobody reads them, each is a round trip that the program waits for (several per
    resource), and they may hold values of inputs.
    """

    def __init__(self, address: str) -> None:
        self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def Log(self, request: Any) -> Any:
        """Hand on a message, unless it is for debugging."""
        return Empty() if request.severity == engine_pb2.DEBUG else self._engine.Log(request)


class _EngineGoneError(Exception):
    """The loop was stopped: the engine has ended or gave up on the program."""


def _complete(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
    task = loop.create_task(work)
    task.add_done_callback(lambda _: loop.stop())
    loop.run_forever()
    if not task.done():
        raise _EngineGoneError
    task.result()


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what is left, so that nothing complains of it later."""
    loop.set_exception_handler(lambda _loop, _context: None)
    for _ in range(_ROUNDS):
        left = asyncio.all_tasks(loop)
        if not left:
            break
        for task in left:
            task.cancel()
        with contextlib.suppress(RuntimeError):  # a stop that was asked for before is done only now
            loop.run_until_complete(asyncio.wait(left, timeout=_PATIENCE))
    loop.close()


def _stop_when_engine_is_gone(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if isinstance(context.get("exception"), grpc.RpcError):
        loop.stop()
