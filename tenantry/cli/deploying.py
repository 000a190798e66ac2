"""The work behind ``instance preview`` and ``instance deploy``.

One instance is deployed in this process. Several are deployed by one child
each: the engine's Python program keeps state per process, and a child that
fails or is killed takes no other with it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from tenantry.cli.looking import as_change, as_condition, health_word
from tenantry.cli.render.progress import Progress
from tenantry.cli.signals import stop_politely
from tenantry.cli.taking_turns import Shares, together
from tenantry.cli.wiring import Wiring
from tenantry.errors import Problem, SpecError, TenantryError, UnavailableError, UsageError
from tenantry.journeys.deploy import deploy, preview
from tenantry.model.profile import Profile
from tenantry.model.spec import InstanceSpec
from tenantry.model.status import Condition, Truth
from tenantry.ports import Event
from tenantry.result import Outcome, Result

__all__ = ["deploy_instances", "preview_instance"]


def preview_instance(name: str, *, exit_code: bool, workspace: Path | None) -> Result:
    """Show what a deploy would change, and where each thing's data will lie."""
    from tenantry.cli.locating import whereabouts_of
    from tenantry.cli.summing_up import summary_of

    wiring = Wiring(workspace)
    spec, profile = wiring.spec(name)
    with Progress() as progress:
        progress(Event(text="planning"))  # what the engine plans would read as if it were done
        # Of the events, what the engine plans names a resource; the others say what nobody could look at.
        services = wiring.services(lambda event: None if event.resource else progress(event))
        found = preview(spec, profile, services=services, new=wiring.planned(spec, profile))
    offered = wiring.standby_offered(name)
    return Result(
        command="instance preview",
        data={
            "name": name,
            "rehearsal": wiring.rehearses(spec),
            "subscription": wiring.subscription(spec),
            "summary": summary_of(spec, profile, wiring.workspace, standby_offered=offered),
            "changes": [as_change(one) for one in found],
            "whereabouts": whereabouts_of(spec, profile, wiring.workspace),
        },
        outcome=Outcome.NO if found and exit_code else Outcome.OK,
        problems=wiring.cautions(spec, profile),
        exit_code=1 if found and exit_code else 0,
    )


def deploy_instances(
    names: Sequence[str], *, all_specs: bool, jobs: int, reason: str, workspace: Path | None
) -> Result:
    """Deploy one, several or all instances."""
    from tenantry.config.spec import spec_names

    wiring = Wiring(workspace)
    if all_specs == bool(names):
        raise UsageError("name instances, or say --all", hint="tenantry instance deploy --help")
    chosen = list(dict.fromkeys(names)) or spec_names(wiring.workspace)
    if not chosen:
        raise SpecError(
            f"there are no specs in {wiring.workspace.specs}",
            hint="tenantry instance new NAME",
            code="no-spec",
        )
    if len(chosen) == 1:
        return _deploy_here(chosen[0], wiring=wiring, reason=reason)
    specs = _specs(chosen, wiring, lenient=all_specs)
    overfull = _overfull(specs, wiring)
    if overfull and not all_specs:
        raise UnavailableError(problems=[one for found in overfull.values() for one in found])
    return _deploy_children(chosen, specs, overfull, wiring=wiring, jobs=jobs, reason=reason)


def _deploy_here(name: str, *, wiring: Wiring, reason: str) -> Result:
    from tenantry.config.spec import spec_digest

    started = time.monotonic()
    spec, profile = wiring.spec(name)
    if missing := wiring.missing_secrets(spec, profile):
        raise SpecError(problems=missing)
    with Progress() as progress, stop_politely(wiring, name):
        instance, conditions = deploy(
            spec,
            profile,
            services=wiring.services(progress),
            add=wiring.adder(spec, profile),
            digest=spec_digest(spec, profile),
            url=wiring.url(spec),
            reason=reason,
        )
    health = health_word(conditions)
    well = health == "healthy"
    row = {
        "name": name,
        "rehearsal": instance.rehearsal,
        "outcome": "done" if well else "unhealthy",
        "state": instance.state,
        "health": health,
        "url": instance.url,
        "seconds": round(time.monotonic() - started, 1),
        "why": "" if well else _why(name, conditions),
        "conditions": [as_condition(one) for one in conditions],
    }
    return Result(
        command="instance deploy",
        data={"instances": [row]},
        outcome=Outcome.OK if well else Outcome.NO,
        problems=wiring.cautions(spec, profile),
        exit_code=0 if well else 1,
    )


_Specs = Mapping[str, tuple[InstanceSpec, Profile]]
_Overfull = Mapping[str, Sequence[Problem]]


def _specs(names: Sequence[str], wiring: Wiring, *, lenient: bool) -> _Specs:
    """Read the specs: what was named is refused before anything starts, of --all each tells by itself."""
    found = {}
    for name in names:
        try:
            found[name] = wiring.spec(name)
        except TenantryError:
            if not lenient:
                raise
    return found


def _overfull(specs: _Specs, wiring: Wiring) -> _Overfull:
    """Return those for which the others leave no room; the first ones get it."""
    try:
        return wiring.targets.overfull(list(specs.values()))
    except TenantryError:  # each one's own process tells what is in the way
        return {}


def _shares(specs: _Specs, wiring: Wiring) -> Mapping[str, Shares]:
    found: dict[str, Shares] = {}
    for name, (spec, _) in specs.items():
        with suppress(TenantryError):  # its own process tells it
            found[name] = wiring.targets.shares(spec)
    return found


def _deploy_children(
    names: Sequence[str], specs: _Specs, overfull: _Overfull, *, wiring: Wiring, jobs: int, reason: str
) -> Result:
    children = _Children(wiring.workspace.folder, reason=reason)
    shares = _shares(specs, wiring)
    fitting = [name for name in names if name not in overfull]
    progress = {name: Progress(name) for name in fitting}

    def tell(name: str, reason: str) -> None:
        progress[name](Event(text=f"waits: {reason}"))

    previous = {number: signal.signal(number, children.pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    previous[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as for a single one
    try:
        outcomes = together(fitting, children.deploy, jobs=jobs, shares=shares, on_wait=tell)
    finally:
        for number, old in previous.items():
            signal.signal(number, old)
    found = dict(zip(fitting, outcomes, strict=True))
    for name, lacking in overfull.items():
        found[name] = (_row(name, why=f"not started: {lacking[0].message}"), [*lacking])
    rows = [found[name][0] for name in names]
    problems = [problem for name in names for problem in found[name][1]]
    well = all(row["outcome"] == "done" for row in rows)
    return Result(
        command="instance deploy",
        data={"instances": rows},
        outcome=Outcome.OK if well else Outcome.NO,
        problems=tuple(problems),
        exit_code=0 if well else 130 if children.stopped else 1,
    )


class _Children:
    """The child processes that deploy one instance each."""

    def __init__(self, workspace: Path, *, reason: str) -> None:
        self._workspace = workspace
        self._reason = reason
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self.stopped = False  # by a signal

    def pass_on(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler
        """Pass a signal on to every child; no further child is started."""
        self.stopped = True
        for child in tuple(self._running):
            with suppress(ProcessLookupError):
                child.send_signal(number)

    def deploy(self, name: str) -> tuple[dict[str, Any], list[Problem]]:
        """Deploy one instance in a child; return its row and its problems."""
        if self.stopped:
            return _row(name, why="not started: the run was stopped"), []
        argv = [sys.executable, "-m", "tenantry", "instance", "deploy", name, "--output", "json"]
        argv += ["--workspace", str(self._workspace), "--reason", self._reason]
        started = time.monotonic()
        child = subprocess.Popen(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        with self._lock:
            self._running.add(child)
        teller = threading.Thread(target=_tell, args=(child, name), daemon=True)
        teller.start()
        assert child.stdout is not None
        out = child.stdout.read()
        child.wait()
        teller.join()
        with self._lock:
            self._running.discard(child)
        return _understood(name, out, child.returncode, seconds=time.monotonic() - started)


def _tell(child: subprocess.Popen[str], name: str) -> None:
    progress = Progress(name)
    assert child.stderr is not None
    for line in child.stderr:
        _, _, text = line.strip().partition(" s  ")
        progress(Event(text=text or line.strip()))


def _understood(name: str, out: str, code: int, *, seconds: float) -> tuple[dict[str, Any], list[Problem]]:
    try:
        answer = json.loads(out)
    except json.JSONDecodeError:
        return _row(name, why=f"its process ended with {code}", seconds=seconds), []
    problems = [Problem(**one) for one in answer["problems"]]
    rows = answer["data"].get("instances") or [
        _row(name, why=problems[0].message if problems else f"exit code {code}", seconds=seconds)
    ]
    return {**rows[0], "exit_code": code}, problems


def _why(name: str, conditions: Sequence[Condition]) -> str:
    """Name the first condition that is not well, and where the others are."""
    first = next(one for one in conditions if one.status is not Truth.TRUE)
    return f"{first.type}: {first.message} (all: tenantry instance show {name})"


def _row(name: str, *, why: str, seconds: float = 0.0) -> dict[str, Any]:
    return {
        "name": name,
        "rehearsal": None,
        "outcome": "failed",
        "state": None,
        "health": None,
        "url": None,
        "seconds": round(seconds, 1),
        "why": why,
        "conditions": [],
    }
