"""Any course of events leaves the register as a simple model says."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tenantry.adapters.register import SqlRegister, open_register
from tenantry.errors import FailedError, RefusedError
from tenantry.model.lifecycle import State, check_transition
from tests.contracts.register.support import PORT_BASE, UID_BASE, TickingClock, arguments

_NAMES = st.sampled_from(["benin", "togo", "mali"])


class Life(RuleBasedStateMachine):
    """Adds, moves, erases and reopens, and keeps what should be there in plain dicts."""

    template: Path
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(dir=self.folder))
        shutil.copy(self.template, self.place / "register.db")
        self.register = self._open()
        self.states: dict[str, State] = {}
        self.uids: list[int] = []
        self.lines = 0

    def _open(self) -> SqlRegister:
        url = f"sqlite:///{self.place}/register.db"
        return open_register(url, host="one", clock=TickingClock(), uid_base=UID_BASE, port_base=PORT_BASE)

    @rule(name=_NAMES)
    def add(self, name: str) -> None:
        made = self.register.add(**arguments(name, ports=["web"]))
        if name not in self.states:
            self.states[name] = State.PROVISIONING
            self.lines += 1
            assert made.uid is not None
            self.uids.append(made.uid)

    @rule(name=_NAMES, state=st.sampled_from(State))
    def move(self, name: str, state: State) -> None:
        if name not in self.states:
            return
        old = self.states[name]
        try:
            check_transition(name, old, state)
        except RefusedError:
            with pytest.raises(RefusedError):
                self.register.update(name, state=state)
            return
        self.register.update(name, state=state)
        self.lines += old is not state
        self.states[name] = state
        if state is State.ERASED:
            del self.states[name]

    @rule(name=_NAMES, fails=st.booleans())
    def operate(self, name: str, *, fails: bool) -> None:
        instance = self.register.find(name)
        if instance is None:
            return
        try:
            with self.register.lease(instance, kind="deploy", person="Ada", reason="") as lease:
                lease.intent("make it")
                if fails:
                    raise FailedError("no")
        except FailedError:
            assert fails
        self.lines += 3

    @rule(name=_NAMES)
    def erase_texts(self, name: str) -> None:
        if self.register.find(name) is not None:
            self.register.erase_texts(name)

    @rule()
    def reopen(self) -> None:
        self.register.close()
        self.register = self._open()

    @invariant()
    def what_lives_is_what_the_model_says(self) -> None:
        found = {instance.name: instance.state for instance in self.register.instances()}
        assert found == self.states

    @invariant()
    def no_uid_was_given_twice(self) -> None:
        assert len(set(self.uids)) == len(self.uids)

    @invariant()
    def the_journal_holds(self) -> None:
        assert (len(self.register.journal()), self.register.verify_journal()) == (self.lines, [])

    def teardown(self) -> None:
        self.register.close()
        shutil.rmtree(self.place)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_any_course_of_events_leaves_what_the_model_says(sqlite_template: Path, fresh: object) -> None:
    Life.template = sqlite_template
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        Life.folder = Path(folder)
        run_state_machine_as_test(
            Life,
            settings=settings(
                max_examples=8,
                stateful_step_count=20,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
