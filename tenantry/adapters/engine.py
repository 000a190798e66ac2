"""The Pulumi engine, driven with one process per operation.

``Stack.up`` of the Automation API starts the engine four times; here one
``pulumi up`` runs the program of this process over gRPC, and changes, outputs
and errors come from its event stream.

Decisions:

- **Plan and effects in one process.** Where the state holds client data, ``up``
  lets the engine plan first and judges the plan between its two phases
  (``tenantry.adapters.engine_program``): a plan that deletes or replaces what
  holds data, or meets lost data, is refused before the first effect. Where
  there is no data yet, the plan is skipped. Below that the provider refuses
  the deletion itself.
- **Locks.** A held lock is BusyError; ``break_lock`` removes one only when its
  process is proved dead. ``pulumi cancel`` is never used: it frees a living
  process's lock just as readily.
- **Kills.** The engine dies with us (setpriv --pdeathsig), so that no orphan
  goes on working. Creates that it left pending are settled in the state file:
  before ``up`` they are forgotten, since handlers adopt what is there; before
  ``destroy`` they are entered, so that what they made is removed.
- **Terminal.** The engine has a process group of its own: Ctrl-C reaches us
  alone, and ``interrupt`` passes it on once, upon which the engine finishes
  what runs and stops.
"""

from __future__ import annotations

import contextlib
import copy
import socket
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tenantry import errorline, faults
from tenantry.adapters.engine_events import Collector, HoldsData, ReadError
from tenantry.adapters.engine_plan import as_lost, judge, refusal
from tenantry.adapters.engine_process import Processes
from tenantry.adapters.engine_state import EngineState, FindMade, LockHolder, Resource, process_is_dead
from tenantry.adapters.engine_store import Store
from tenantry.errors import BusyError, DefectError, FailedError, RefusedError, TenantryError, UnavailableError
from tenantry.model.status import Change, ChangeKind
from tenantry.ports import Event, OnEvent

__all__ = ["Engine", "UpResult"]


def _judge(collector: Collector, *, whole: bool) -> None:
    """Judge a plan; one that is not whole yet by what is lost alone: deletions are planned last."""
    collector.wait_for_plan_of_gone()
    judge(collector.planned if whole else collector.lost)


def _quiet(_event: Event) -> None:
    """Tell nobody."""


@dataclass(frozen=True, kw_only=True)
class UpResult:
    """What an ``up`` did."""

    changes: tuple[Change, ...]  # made, SAME included
    drift: tuple[Change, ...]  # found by its refresh, before it was undone
    outputs: Mapping[str, Any]  # of the stack; those that are secret read "[secret]"


class Engine:
    """One project of stacks in a store. Safe to use from several threads, for different stacks."""

    def __init__(
        self,
        binary: Path,
        *,
        home: Path,
        state_folder: Path,
        providers: Mapping[str, int],
        environment: Mapping[str, str] | None = None,
        store: Store | None = None,
        holds_data: HoldsData = lambda _: False,
        read_error: ReadError = lambda _: None,
        project: str = "tenantry",
        parallel: int = 8,
    ) -> None:
        """Make an engine; nothing is started or written yet.

        Args:
            binary: the ``pulumi`` executable.
            home: PULUMI_HOME, of this engine alone.
            state_folder: where the stacks' settings lie.
            providers: package name to the port on 127.0.0.1 where it is served.
            environment: further variables, for providers that the engine starts itself.
            store: where the stacks' state lies; None: in the same folder.
            holds_data: says of a type token whether its resources hold client data.
            read_error: reads the errors of providers that are not ours; None: it cannot.
            project: the Pulumi project that the stacks belong to.
            parallel: resource operations at once, per run.
        """
        self._holds_data = holds_data
        self._read_error = read_error
        self._parallel = parallel
        self._state = EngineState(state_folder, home=home, project=project, store=store)
        self._processes = Processes(
            binary,
            home=home,
            folder=state_folder,
            store=self._state.store,
            providers=providers,
            environment=environment or {},
        )

    # --- operations on a stack ---

    def up(
        self,
        stack: str,
        program: Callable[[], None],
        *,
        passphrase: str,
        on_event: OnEvent = _quiet,
        refresh: bool = True,
        may_destroy: bool = False,
        adopt: FindMade | None = None,
        retain: Collection[str] = (),
    ) -> UpResult:
        """Make the stack what the program declares, from a fresh look; create the stack if needed.

        ``passphrase`` is what its secrets are under; "" where the store names a key for them.
        ``adopt`` is for providers that refuse to create what exists: it says of a create
        that was interrupted, or whose answer was lost, by token and inputs, which id it has
        made ("": none), and the resource is taken into the state. Without it such a create
        is forgotten, and the handler adopts what is there. What has a name in
        ``retain`` and is not declared any more is forgotten, not deleted.

        Raises:
            BusyError: another run holds the stack.
            RefusedError: data would be destroyed, or is lost; nothing was done.
            UnavailableError: the engine cannot be run.
            TenantryError: what a handler or the program raised.
        """
        self._init(stack, passphrase)
        if adopt is not None:
            self._state.take_in(stack, adopt)
        self._state.settle(stack, adopt=False)
        self._state.retain(stack, retain)
        drift = self._look_around(stack, passphrase, on_event) if refresh else ()
        while True:
            collector = self._collector(on_event)
            try:
                self._up(stack, program, collector, passphrase, refresh=refresh, may_destroy=may_destroy)
            except TenantryError:
                there = collector.already_there
                taken = adopt is not None and self._state.enter(stack, there, adopt)
                if not taken or self._processes.was_interrupted(stack):
                    raise
                on_event(Event(text="taking over what an earlier run made and never heard of"))
            else:
                return UpResult(
                    changes=collector.applied,
                    drift=drift + collector.drift,
                    outputs=collector.outputs,
                )

    def preview(
        self,
        stack: str,
        program: Callable[[], None],
        *,
        passphrase: str,
        on_event: OnEvent = _quiet,
        refresh: bool = True,
    ) -> list[Change]:
        """Return what ``up`` would do, SAME included. Nothing is changed, and no stack is made."""
        if not self.exists(stack):
            with self._aside() as engine:
                engine._init(stack, passphrase)  # noqa: SLF001 - it is one of ours
                return engine.preview(
                    stack, program, passphrase=passphrase, on_event=on_event, refresh=refresh
                )
        self._init(stack, passphrase)
        collector = self._collector(on_event, report_planning=True)
        self._run_program(
            ["preview", *self._looks(stack, wanted=refresh)],
            stack=stack,
            passphrase=passphrase,
            program=program,
            collector=collector,
        )
        return list(collector.planned)

    def drift(self, stack: str, *, passphrase: str, on_event: OnEvent = _quiet) -> list[Change]:
        """Return what differs from the state, from a fresh look; the state is not changed.

        A resource that is gone is a DELETE; lost data is an UPDATE of the property "lost".
        """
        if not self._state.restore_settings(stack):
            return []
        collector = self._collector(on_event, report_planning=True)
        self._run_program(
            ["refresh", "--preview-only"], stack=stack, passphrase=passphrase, collector=collector
        )
        return list(collector.drift)

    def destroy(
        self,
        stack: str,
        *,
        passphrase: str,
        on_event: OnEvent = _quiet,
        may_destroy: bool = False,
    ) -> tuple[Change, ...]:
        """Delete all resources of the stack, those of interrupted creates too. No stack: nothing to do.

        Raises:
            RefusedError: something holds data and may_destroy is not set, or the provider
                does not permit it; in the first case nothing was done.
        """
        if not self._state.restore_settings(stack):
            return ()
        self._check_free(stack)
        self._state.settle(stack, adopt=True)
        resources = self.resources(stack)
        if not resources:
            return ()
        if not may_destroy:
            judge([self._deletion(resource) for resource in resources])
        collector = self._collector(on_event)
        self._run_program(
            ["destroy", "--yes", "--skip-preview"], stack=stack, passphrase=passphrase, collector=collector
        )
        return collector.applied

    def remove(self, stack: str, *, although_full: bool = False) -> None:
        """Remove the stack with its history, backups and settings; look that nothing of its name is left.

        ``although_full`` is for a caller that deleted the resources by itself, and looked.

        Raises:
            BusyError: another run holds the stack.
            RefusedError: it still has resources.
            FailedError: something is left.
        """
        self._check_free(stack)
        self._state.remove(stack, although_full=although_full)

    def export(self, stack: str, *, passphrase: str) -> str:
        """Return the stack's state as JSON text; secrets in it are encrypted."""
        return self._call(["stack", "export"], stack=stack, passphrase=passphrase)

    # --- looks at a stack, without the engine ---

    def exists(self, stack: str) -> bool:
        """Say whether the stack is there, made to its end."""
        return self._state.exists(stack)

    def resources(self, stack: str) -> list[Resource]:
        """Return the stack's resources as the checkpoint has them."""
        return self._state.resources(stack)

    def locked_by(self, stack: str) -> LockHolder | None:
        """Return who holds the stack's lock, None if nobody."""
        locks = self._state.locks(stack)
        return locks[0] if locks else None

    def leftovers(self, stack: str) -> list[str]:
        """Return where anything of the engine's is that carries the stack's name."""
        return self._state.leftovers(stack)

    # --- locks and cancelling ---

    def break_lock(
        self,
        stack: str,
        *,
        is_dead: Callable[[int, datetime], bool] = process_is_dead,
    ) -> list[LockHolder]:
        """Remove the locks of processes of this host that are proved dead; return whose they were.

        Raises:
            BusyError: a holder lives, or is on another host.
        """
        broken = []
        for holder in self._state.locks(stack):
            if holder.host != socket.gethostname() or not is_dead(holder.pid, holder.since):
                raise self._busy(stack, holder)
            faults.point("before break lock")
            self._state.store.remove(holder.lock)
            broken.append(holder)
        return broken

    def interrupt(self, stack: str | None = None, *, at_once: bool = False) -> None:
        """Ask the runs of a stack, or of all, to finish what they do and stop.

        at_once kills them instead: the next run has to break their lock.
        """
        self._processes.interrupt(stack, at_once=at_once)

    # --- parts of these ---

    @contextlib.contextmanager
    def _aside(self) -> Iterator[Engine]:
        """Lend an engine like this one with an empty folder and store, which is then thrown away."""
        self._state.prepare()
        with tempfile.TemporaryDirectory(prefix="preview-", dir=self._state.home) as folder:
            engine = copy.copy(self)
            state = EngineState(Path(folder), home=self._state.home, project=self._state.project)
            engine._state = state  # noqa: SLF001 - a copy of ourselves
            engine._processes = self._processes.at(Path(folder), state.store)  # noqa: SLF001
            yield engine

    def _collector(self, on_event: OnEvent, *, report_planning: bool = False) -> Collector:
        return Collector(
            holds_data=self._holds_data,
            on_event=on_event,
            report_planning=report_planning,
            read_error=self._read_error,
        )

    def _deletion(self, resource: Resource) -> Change:
        return Change(
            kind=ChangeKind.DELETE,
            type=resource.type,
            name=resource.name,
            holds_data=self._holds_data(resource.type),
        )

    def _up(
        self,
        stack: str,
        program: Callable[[], None],
        collector: Collector,
        passphrase: str,
        *,
        refresh: bool,
        may_destroy: bool,
    ) -> None:
        """Run ``pulumi up`` once, with a plan before it where the state holds data."""
        plan_first = not may_destroy and any(self._holds_data(r.type) for r in self._state.resources(stack))
        self._run_program(
            ["up", "--yes", *([] if plan_first else ["--skip-preview"]), *self._looks(stack, wanted=refresh)],
            stack=stack,
            passphrase=passphrase,
            program=program,
            collector=collector,
            check_plan=(lambda whole: _judge(collector, whole=whole)) if plan_first else None,
        )

    def _check_free(self, stack: str) -> None:
        holder = self.locked_by(stack)
        if holder is not None:
            raise self._busy(stack, holder)

    def _busy(self, stack: str, holder: LockHolder) -> BusyError:
        hint = "wait until it ends; if it died, the next run takes over"
        if holder.host != socket.gethostname():
            hint = (
                "wait until it ends; whether it died cannot be seen from here: once you know that this "
                f"machine is gone for good, delete {self._state.store.where(holder.lock)}"
            )
        return BusyError(f"stack {stack} is locked by {holder}", hint=hint, code="stack-locked")

    def _init(self, stack: str, passphrase: str) -> None:
        """Make the stack if it is not there yet."""
        self._check_free(stack)
        if self._state.restore_settings(stack):
            return
        self._state.prepare()
        # Killed while it was made. The passphrase or key may be another by now.
        self._state.unmake(stack)
        self._call(
            ["stack", "init", "--no-select", f"--secrets-provider={self._state.store.secrets_provider}"],
            stack=stack,
            passphrase=passphrase,
        )

    def _looks(self, stack: str, *, wanted: bool) -> list[str]:
        """Return the option of a fresh look. One would take what is half made for whole."""
        return ["--refresh"] if wanted and not self._state.half_made(stack) else ["--refresh=false"]

    def _look_around(self, stack: str, passphrase: str, on_event: OnEvent) -> tuple[Change, ...]:
        """Look at all but what is half made, which the run that follows writes anew; return the drift.

        Raises:
            RefusedError: something that held data is gone. The state goes on knowing it.
        """
        half_made = self._state.half_made(stack)
        if not half_made:
            return ()
        left_out = [f"--exclude={urn}" for urn in half_made]
        found: tuple[Change, ...] = ()
        for how in (["--preview-only"], ["--yes", "--skip-preview"]):
            collector = self._collector(on_event)
            self._run_program(
                ["refresh", *how, *left_out], stack=stack, passphrase=passphrase, collector=collector
            )
            found = collector.drift
            judge(as_lost(one) for one in found if one.kind is ChangeKind.DELETE)
        return found

    def _run_program(
        self,
        arguments: Sequence[str],
        *,
        stack: str,
        passphrase: str,
        collector: Collector,
        program: Callable[[], None] | None = None,
        check_plan: Callable[[bool], None] | None = None,
    ) -> None:
        """Run an operation with its events, and a program if it needs one; raise what went wrong."""
        from tenantry.adapters.engine_program import ProgramHost, serve_program  # pulumi is slow to import

        host = ProgramHost(program or _no_program, take=collector.take, check_plan=check_plan)
        with serve_program(host) as address:
            client = [f"--client={address}", "--exec-kind=auto.inline"] if program else []
            code, text = self._processes.run(
                [
                    *arguments,
                    *client,
                    f"--event-log=tcp://{address}",
                    f"--parallel={self._parallel}",
                    "--suppress-progress",
                    "--suppress-outputs",
                ],
                stack=stack,
                passphrase=passphrase,
            )
        if host.raised is not None and not self._processes.was_interrupted(stack):
            # Of what a failed resource cut short the runtime tells the program in an error of its own.
            met = None if isinstance(host.raised, TenantryError) else collector.error()
            raise met or _raised(host.raised)
        if code != 0:
            raise self._failure(stack, collector=collector, text=text, code=code)

    def _call(self, arguments: Sequence[str], *, stack: str, passphrase: str) -> str:
        """Run a command of the engine that has no events; return its standard output."""
        code, text = self._processes.run(arguments, stack=stack, passphrase=passphrase)
        if code != 0:
            raise self._failure(stack, collector=None, text=text, code=code)
        return text

    def _failure(self, stack: str, *, collector: Collector | None, text: str, code: int) -> TenantryError:
        """Return the error that tells best why a run of the engine failed."""
        said = " ".join(text.split())
        # Asked for then alone: a store that cannot be reached must not hide what failed.
        if "the stack is currently locked" in said and (holder := self.locked_by(stack)) is not None:
            return self._busy(stack, holder)
        interrupted = self._processes.was_interrupted(stack)
        if interrupted or code < 0:
            what = "was interrupted" if interrupted else f"ended by signal {-code}"
            return FailedError(
                f"the run on stack {stack} {what}",
                hint="run the same command again to finish it",
                code="interrupted",
            )
        ours = _told(collector) if collector else None
        if ours is not None:
            return ours
        if "secrets (code=" in said:
            return UnavailableError(
                f"the key that encrypts stack {stack} cannot be used: {said[-600:]}",
                hint="see that the key is there and enabled, and that the principal may encrypt and decrypt",
                code="state-key",
            )
        if "incorrect passphrase" in said:
            return RefusedError(
                f"the passphrase of stack {stack} is not the one it was made with",
                hint="check that the master key and the vault file belong to this workspace",
                code="wrong-passphrase",
            )
        reason = (collector.error_text() if collector else "") or said[-1500:] or "it said nothing"
        return errorline.decode(reason) or UnavailableError(
            f"the engine failed ({code}): {reason}", hint="run: tenantry doctor", code="engine-failed"
        )


def _raised(error: BaseException) -> TenantryError:
    """Return what a program raised as an error of ours, without its text if that may hold a value."""
    if isinstance(error, TenantryError):
        return error
    defect = DefectError(f"defect: {type(error).__name__} in the program of the stack")
    defect.__cause__ = error
    return defect


def _told(collector: Collector) -> TenantryError | None:
    """Return what a resource met, or what is to be said of a plan that the engine refused."""
    return collector.error() or (None if collector.applied else refusal(collector.refused))


def _no_program() -> None:
    """Declare nothing."""
