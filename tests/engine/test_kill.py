"""Kills, interruption and several processes at once, on the real engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tenantry.adapters import tools
from tenantry.adapters.engine import Engine
from tenantry.adapters.engine_state import LockHolder, process_is_dead
from tenantry.errors import FailedError
from tests.engine.conftest import PASSPHRASE, Workshop

_ROOT = Path(__file__).parents[2]
_CHILD = """
import sys
from pathlib import Path
from tests.engine.conftest import PASSPHRASE, Workshop
from tenantry.adapters.engine import Engine
from tenantry.providers.base import Provider, by_token, serve
from tenantry.providers.host.identity import PACKAGE, VERSION
from tests.engine.toy import Data, File
folder, binary, stack, slow, own = sys.argv[1:]
with serve(Provider(PACKAGE, version=VERSION, handlers=by_token(PACKAGE, [File(), Data()]))) as port:
    state = Path(folder).parent if own == "0" else Path(folder)
    engine = Engine(
        Path(binary),
        home=state / "home",
        state_folder=state / "state",
        providers={PACKAGE: port},
        holds_data=lambda token: token.endswith(":Data"),
    )
    workshop = Workshop(folder=Path(folder), engine=engine, port=port)
    engine.up(stack, workshop.program(slow=float(slow)), passphrase=PASSPHRASE)
"""


def _start(folder: Path, stack: str, *, slow: float, own_state: bool = True) -> subprocess.Popen[bytes]:
    arguments = [str(folder), str(tools.find_engine()), stack, str(slow), str(int(own_state))]
    return subprocess.Popen(
        [sys.executable, "-c", _CHILD, *arguments], cwd=_ROOT, env={**os.environ, "PYTHONPATH": str(_ROOT)}
    )


def _wait(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def _pending(folder: Path) -> int:
    checkpoint = folder / "state/.pulumi/stacks/tenantry/s.json"
    return len(json.loads(checkpoint.read_text())["checkpoint"]["latest"].get("pending_operations") or [])


def _ended_holder(engine: Engine) -> LockHolder:
    """Return whose lock it is, once the kernel has ended that engine: it does so after us, not with us."""
    holder = engine.locked_by("s")
    assert holder is not None
    _wait(lambda: process_is_dead(holder.pid, holder.since))
    return holder


@pytest.fixture
def killed_in_create(workshop: Workshop) -> Workshop:
    """A workshop whose stack was left by a SIGKILL of our process in the middle of a create."""
    child = _start(workshop.folder, "s", slow=60)
    try:
        _wait(lambda: (workshop.folder / "first").exists() and workshop.engine.locked_by("s") is not None)
    finally:
        child.kill()
        child.wait()
    return workshop


def test_the_engine_dies_with_us_and_its_lock_is_proved_stale(killed_in_create: Workshop) -> None:
    engine = killed_in_create.engine
    holder = _ended_holder(engine)
    assert [broken.pid for broken in engine.break_lock("s")] == [holder.pid]


def test_after_a_kill_in_a_create_up_finishes_and_no_pending_operation_stays(
    killed_in_create: Workshop,
) -> None:
    engine, folder = killed_in_create.engine, killed_in_create.folder
    _ended_holder(engine)
    assert engine.break_lock("s")
    engine.up("s", killed_in_create.program(), passphrase=PASSPHRASE)
    assert _pending(folder) == 0
    assert {found.name for found in engine.resources("s")} == {"first", "second", "data"}
    assert (folder / "second").read_text() == "size 5"


def test_what_a_killed_write_of_the_state_left_is_gone_after_the_next_run(
    killed_in_create: Workshop,
) -> None:
    engine = killed_in_create.engine
    _ended_holder(engine)
    assert engine.break_lock("s")
    (checkpoint,) = [Path(one) for one in engine.leftovers("s") if one.endswith("/s.json")]
    cut_off = checkpoint.with_name("s.json.bak.18ec20f261541e36.tmp")
    cut_off.write_text("{")
    engine.up("s", killed_in_create.program(), passphrase=PASSPHRASE)
    assert not cut_off.exists()


def test_after_a_kill_in_a_create_destroy_removes_what_was_made_but_never_recorded(
    killed_in_create: Workshop,
) -> None:
    engine, folder = killed_in_create.engine, killed_in_create.folder
    _ended_holder(engine)
    assert engine.break_lock("s")
    killed_in_create.permits.append(True)
    assert "first" not in {found.name for found in engine.resources("s")}
    engine.destroy("s", passphrase=PASSPHRASE, may_destroy=True)
    engine.remove("s")
    assert not (folder / "first").exists()
    assert not (folder / "data").exists()
    assert engine.leftovers("s") == []


def test_an_interrupted_run_finishes_what_runs_then_stops_and_can_be_finished(workshop: Workshop) -> None:
    engine = workshop.engine
    caught: list[BaseException] = []

    def run() -> None:
        try:
            engine.up("s", workshop.program(slow=1), passphrase=PASSPHRASE)
        except BaseException as error:  # noqa: BLE001 - looked at below
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    _wait((workshop.folder / "first").exists)
    engine.interrupt("s")
    thread.join(20)
    assert not thread.is_alive()
    assert isinstance(caught[0], FailedError)
    assert caught[0].code == "interrupted"
    assert engine.locked_by("s") is None
    assert "first" in {found.name for found in engine.resources("s")}  # was finished, and recorded
    assert not (workshop.folder / "second").exists()
    engine.up("s", workshop.program(slow=1), passphrase=PASSPHRASE)
    assert (workshop.folder / "second").exists()


def test_ctrl_c_on_the_terminal_does_not_reach_the_engine(workshop: Workshop) -> None:
    child = _start(workshop.folder, "s", slow=60)
    try:
        _wait(lambda: workshop.engine.locked_by("s") is not None)
        holder = workshop.engine.locked_by("s")
        assert holder is not None
        assert os.getpgid(holder.pid) != os.getpgid(child.pid)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()


def test_four_processes_at_once_on_one_state_folder(tmp_path: Path) -> None:
    children = []
    for number in range(4):
        folder = tmp_path / f"client{number}"
        folder.mkdir()
        children.append(_start(folder, f"s{number}", slow=0, own_state=False))
    assert [child.wait(60) for child in children] == [0, 0, 0, 0]
    for number in range(4):
        assert (tmp_path / f"client{number}/second").read_text() == "size 5"
    assert len(list((tmp_path / "state/.pulumi/stacks/tenantry").glob("s?.json"))) == 4
