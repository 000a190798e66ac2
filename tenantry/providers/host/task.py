"""A command that is run once (bootstrap) or at every version (migration), and proved.

The proof is a query with one true value, asked as the database's owner in a
read-only transaction: the exit code of a command proves nothing. Where the
proof already holds, the command is not run again. Commands must bear being
run again: one that was killed in the middle is.
"""

# ruff: noqa: ARG002 - the signatures are those of Handler
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from tenantry.errors import FailedError, TenantryError
from tenantry.providers.handler import Inputs, Observed, check_known
from tenantry.providers.host import children
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.postgres import Server, identifier, is_out_of_reach, session

__all__ = ["Task", "proof_holds"]

_REQUIRED = (
    *("kind", "argv", "env", "uid", "cwd", "timeoutSeconds", "proof", "version"),
    *("socketFolder", "port", "database"),
)
_KINDS = ("bootstrap", "migration")
_PROOF_SECONDS = 30
_MARKER = "TENANTRY_TASK"  # in the command's environment: finds it when it outlives a killed run


def proof_holds(server: Server, database: str, proof: str) -> bool:
    """Ask the proof: one row with one true value.

    Raises:
        FailedError: it is no single query, has another answer than one value, or fails.
        UnavailableError: the database does not answer.
    """
    with session(server, database=database, timeout=_PROOF_SECONDS + 5) as opened:
        owner = opened.one(
            "select pg_get_userbyid(datdba) from pg_database where datname = current_database()"
        )
        opened.rows(f"set statement_timeout = '{_PROOF_SECONDS}s'")
        opened.rows(f"set role {identifier(owner)}")
        opened.rows("begin read only")
        rows = opened.prepared(proof)
    if len(rows) != 1 or len(rows[0]) != 1:
        raise FailedError(
            f"the proof gave {len(rows)} rows; it must give one row with one value",
            hint="correct the proof in the workload profile",
            code="bad-proof",
        )
    return rows[0][0] is True


class Task:
    """Handler of a task. Inputs: the command (argv, env, uid, cwd, timeoutSeconds), proof, version."""

    type: ClassVar[str] = "Task"
    holds_data: ClassVar[bool] = False
    replace_on: ClassVar[frozenset[str]] = frozenset({"kind", "database"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset({"env"})

    def __init__(self, executor: Executor, layout: HostLayout) -> None:
        self._executor = executor
        self._layout = layout

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:
        """Return what is wrong with the inputs."""
        failures = check_known(inputs, _REQUIRED)
        if inputs.get("kind", _KINDS[0]) not in _KINDS:
            failures.append(("kind", f"must be one of {', '.join(_KINDS)}"))
        if not inputs.get("proof", "-"):
            failures.append(("proof", "is required: an exit code proves nothing"))
        return failures

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        """Run the command unless its proof holds already.

        Raises:
            FailedError: the command failed, or the proof does not hold afterwards.
            UnavailableError: the time limit passed.
        """
        ran = not self._holds(inputs)
        if ran:
            self._run(inputs)
        return f"{inputs['database']}/{inputs['kind']}", {"version": inputs["version"]}

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        """Ask the proof. Where it does not hold, the version seen is none."""
        try:
            holds = self._holds(inputs)
        except TenantryError as error:
            holds = is_out_of_reach(error)
        seen = dict(inputs) if holds else {**inputs, "version": ""}
        return Observed(inputs=seen, outputs={"version": seen["version"]})

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """Run a migration of another version; else only what the proof misses."""
        renewed = old.get("version") != new["version"] and new["kind"] == "migration"
        if renewed or not self._holds(new):
            self._run(new)
        return {"version": new["version"]}

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        """End the command if it still runs; its effect lies in the database and goes with it."""
        children.end(_mark(inputs), uid=int(inputs["uid"]), environment=True)

    def _holds(self, inputs: Inputs) -> bool:
        try:
            return proof_holds(Server.of(inputs), str(inputs["database"]), str(inputs["proof"]))
        except FailedError as error:
            if error.code == "sql-failed":  # the table that it asks for is not there yet
                return False
            raise

    def _run(self, inputs: Inputs) -> None:
        children.end(_mark(inputs), uid=int(inputs["uid"]), environment=True)
        self._executor.run(
            [str(part) for part in inputs["argv"]],
            uid=int(inputs["uid"]),
            env={**inputs["env"], _MARKER: _mark(inputs)},
            cwd=Path(inputs["cwd"]),
            timeout=float(inputs["timeoutSeconds"]),
        )
        if not self._holds(inputs):
            raise FailedError(
                f"the {inputs['kind']} ended well, but its proof does not hold",
                hint="look at the command and at its proof in the workload profile",
                code="not-proved",
            )


def _mark(inputs: Inputs) -> str:
    return f"{inputs['socketFolder']}:{inputs['database']}:{inputs['kind']}"
