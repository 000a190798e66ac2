# ruff: noqa: ARG002 - the signatures are those of Handler
"""The resource type of a long-running process of an instance.

A process that dies comes back by itself and is no drift; one that was stopped
by hand, or whose files were changed, is.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from tenantry.providers.handler import Inputs, Observed, check_known
from tenantry.providers.host import service_files
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.seen_services import ProcessStatus, service_ids
from tenantry.providers.host.supervised import JANITOR, Supervised

__all__ = ["JANITOR", "Process", "ProcessStatus", "Supervised", "service_ids"]


class Process:
    """A process of an instance, kept running.

    Inputs: id, opaque, argv, env (secret), uid (or null), cwd, stopSignal,
    graceSeconds, cleanExitCodes, logFolder, logRetentionDays, wanted ("up" or "down"), port (it is
    up when it listens there on 127.0.0.1; null: when it stays). Outputs: none beside
    them, since a pid is nobody's state.
    """

    type: ClassVar[str] = "Process"
    holds_data: ClassVar[bool] = False
    replace_on: ClassVar[frozenset[str]] = frozenset({"id", "opaque", "uid"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset({"env"})

    def __init__(
        self, executor: Executor, layout: HostLayout, *, supervised: Supervised | None = None
    ) -> None:
        """Keep what is needed; ``supervised`` is made if none is given."""
        self._supervised = supervised or Supervised(executor, layout)

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:
        """Return (property, what is wrong) pairs."""
        failures = check_known(inputs, ("id", "opaque", "argv", "cwd"))
        argv = inputs.get("argv")
        if isinstance(argv, list) and (not argv or not str(argv[0]).startswith("/")):
            failures.append(("argv", "must begin with the absolute path of a program"))
        if inputs.get("wanted", "up") not in ("up", "down"):
            failures.append(("wanted", 'must be "up" or "down"'))
        return failures

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        """Start it, or adopt what runs already."""
        self._ensure(inputs)
        return str(inputs["id"]), {}

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        """Look at files and process; ``wanted`` is "down" for one that was stopped, by whomever.

        Further keys say what was changed by hand: ``files`` for a file that is
        not as it was written, ``running`` for a process that runs something else,
        ``log`` for a logger whose folder was taken away under it.
        """
        service, intact = self._supervised.described(resource_id)
        status = self._supervised.look(resource_id)
        if service is None and status is None:
            return None
        if service is None:
            return Observed(inputs={**inputs, "files": "changed by hand"}, outputs={})
        told = service_files.definition(service)
        observed = {key: told.get(key, value) for key, value in inputs.items()}
        observed["env"] = dict(service.env)
        wanted = service.wanted and status is not None and status.wanted
        if "wanted" in inputs or not wanted:
            observed["wanted"] = "up" if wanted else "down"
        if not intact:
            observed["files"] = "changed by hand"
        if status is not None and status.up and status.settled and not status.current:
            observed["running"] = "something else"
        if not self._supervised.logs(resource_id):
            observed["log"] = "written nowhere"
        return Observed(inputs=observed, outputs={})

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """Write what differs and restart; a process that is as wanted goes on undisturbed."""
        self._ensure(new)
        return {}

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        """Stop it and remove every trace of it."""
        self._supervised.remove(resource_id)

    def _ensure(self, inputs: Inputs) -> None:
        logs = inputs.get("logFolder")
        self._supervised.ensure(
            str(inputs["id"]),
            argv=[str(word) for word in inputs["argv"]],
            env={key: str(value) for key, value in (inputs.get("env") or {}).items()},
            uid=None if inputs.get("uid") is None else int(inputs["uid"]),
            cwd=Path(inputs["cwd"]),
            stop_signal=str(inputs.get("stopSignal", "SIGTERM")),
            grace_seconds=int(inputs.get("graceSeconds", 20)),
            log_folder=Path(logs) if logs else None,
            log_retention_days=int(inputs.get("logRetentionDays", 90)),
            clean_exit_codes=[int(code) for code in inputs.get("cleanExitCodes", (0,))],
            opaque=str(inputs["opaque"]),
            wanted=inputs.get("wanted", "up") == "up",
            ready=None if inputs.get("port") is None else partial(_accepts, int(inputs["port"])),
        )


def _accepts(port: int) -> bool:
    """Say whether something listens on a port of 127.0.0.1."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
    except OSError:
        return False
