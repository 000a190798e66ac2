"""What it costs to start: the help, and a list of many instances."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Figure
from bench.scratch import COMMAND, Scratch
from bench.timing import in_turn, seconds_of
from tenantry.cli.wiring import Wiring
from tenantry.model.status import Condition, Truth

__all__ = ["help_figure", "list_figure"]

_HELP_LIMIT = 1.5
_LIST_LIMIT = 0.5  # seconds
_MANY = 200
_ONE_COMMAND = Path(__file__).with_name("baselines") / "one_command.py"


def help_figure(*, rounds: int) -> Figure:
    """Time ``tenantry --help`` and the help of the smallest program that typer makes."""
    ours, bare = in_turn(
        lambda: seconds_of([str(COMMAND), "--help"]),
        lambda: seconds_of([sys.executable, str(_ONE_COMMAND), "--help"]),
        rounds=rounds,
    )
    return Figure(
        name="tenantry --help / one-command typer program", ours=ours, baseline=bare, limit=_HELP_LIMIT
    )


def list_figure(place: Scratch, *, rounds: int) -> Figure:
    """Time ``instance list`` over a register with many instances; nothing of them is on the host."""
    _record_many(place)
    times = tuple(place.time("instance", "list") for _ in range(rounds))
    return Figure(name=f"instance list with {_MANY} instances", ours=times, limit=_LIST_LIMIT)


def _record_many(place: Scratch) -> None:
    wiring = Wiring(place.workspace)
    seen = datetime.now(UTC)
    well = [
        Condition(type=f"Type{n}", status=Truth.TRUE, reason="Well", message="it is well", at=seen)
        for n in range(9)
    ]
    for number in range(_MANY):
        name = f"listed{number}"
        place.write_spec(name)
        spec, profile = wiring.spec(name)
        wiring.adder(spec, profile)()
        wiring.register.observe(name, well, at=seen)
    wiring.register.close()
