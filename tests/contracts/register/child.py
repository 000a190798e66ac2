"""A process of its own for the register's tests: ``python -m … VERB URL [WORDS]``.

Prints one line per thing done, and ``code: message`` for an error of ours.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tenantry import faults
from tenantry.adapters.clock import SystemClock
from tenantry.adapters.register import SqlRegister, open_register
from tenantry.errors import TenantryError
from tests.contracts.register.support import PORT_BASE, UID_BASE, arguments


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def _open(url: str) -> SqlRegister:
    return open_register(
        url, host="one", clock=SystemClock(), uid_base=UID_BASE, port_base=PORT_BASE, heartbeat_seconds=0.1
    )


def _hold(register: SqlRegister, name: str) -> None:
    """Hold a lease until standard input ends."""
    instance = register.find(name)
    assert instance is not None
    with register.lease(instance, kind="deploy", person="Ada", reason="test") as lease:
        _say("held", lease.operation.id)
        sys.stdin.read()
    _say("released")


def _cycle(register: SqlRegister, name: str) -> None:
    """Add an instance and run an operation on it to its end."""
    instance = register.add(**arguments(name))
    with register.lease(instance, kind="deploy", person="Ada", reason="test") as lease:
        lease.intent("make a thing")
        lease.evidence("there is a thing")
        register.update(name, state="active")
    register.erase_texts(name)


def _append(register: SqlRegister, name: str, count: str) -> None:
    for number in range(int(count)):
        register.record(instance=name, kind="access", text=f"line {number}")
    _say("appended")


def _add(register: SqlRegister, prefix: str, count: str) -> None:
    for number in range(int(count)):
        register.add(**arguments(f"{prefix}-{number}"))
    _say("added")


def _fill(register: SqlRegister, name: str) -> None:
    """Append until the disk is full, then say how the journal is."""
    try:
        while True:
            register.record(instance=name, kind="access", text="x" * 20_000)
    except TenantryError as error:
        _say(error.code, *register.verify_journal())


def _erase(register: SqlRegister, name: str) -> None:
    register.erase_texts(name)


def _modules(register: SqlRegister) -> None:
    register.instances()
    _say(*sorted({"alembic", "pg8000"} & set(sys.modules)), "end")


def _look(register: SqlRegister) -> None:
    _say(len(register.instances()))


_VERBS: dict[str, Callable[..., None]] = {
    "add": _add,
    "append": _append,
    "cycle": _cycle,
    "erase": _erase,
    "fill": _fill,
    "hold": _hold,
    "look": _look,
    "modules": _modules,
}


def _kill_everywhere(template: str, folder: str) -> None:
    """Run the cycle once per point, killed there, then again to its end; say how it ended."""
    for number in itertools.count(1):
        file = Path(folder) / str(number) / "register.db"
        file.parent.mkdir(mode=0o700)
        shutil.copy(template, file)
        if _status_of(file, kill_at=number) == 0:
            _say("passed", number - 1)
            return
        if _status_of(file, kill_at=0) != 0:
            _say("not finished after a kill at", number)
            return


def _status_of(file: Path, *, kill_at: int) -> int:
    """Run the cycle in a fork, which is quicker than a new interpreter; return its wait status."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    faults._KILL = kill_at
    register = _open(f"sqlite:///{file}")
    _cycle(register, "benin")
    states = [instance.state for instance in register.instances()]
    good = (states, register.operations()[0].outcome) == (["active"], "done")
    os._exit(0 if good and register.verify_journal() == [] else 1)


def main() -> None:
    verb, url, *words = sys.argv[1:]
    if verb == "kill-everywhere":
        _kill_everywhere(url, *words)
        return
    try:
        _VERBS[verb](_open(url), *words)
    except TenantryError as error:
        _say(f"{error.code}: {error.message}")


if __name__ == "__main__":
    main()
