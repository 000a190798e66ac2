"""Applying through our engine adapter, against one call of the engine by hand."""

from __future__ import annotations

from bench.baseline import engine_environment, script
from bench.figures import Figure
from bench.scratch import Scratch
from bench.still import Stage
from bench.timing import in_turn, seconds_of
from tenantry.adapters import tools
from tenantry.adapters.engine import Engine
from tenantry.adapters.engine_program import ProgramHost, serve_program
from tenantry.providers.host.identity import PACKAGE

__all__ = ["applying"]

_LIMIT = 1.25
_STACK = "applied"
_PASSPHRASE = "of-the-baseline"  # noqa: S105 - also in baselines/common.sh


def applying(place: Scratch, stage: Stage, *, rounds: int) -> Figure:
    """Apply the program of an instance to a stack that is there, in turn by hand and by our adapter."""
    state = place.folder / "applying" / "state"
    engine = Engine(
        tools.find_engine(),
        home=state.parent / "home",
        state_folder=state,
        providers={PACKAGE: stage.provider_port},
        holds_data=lambda token: token in stage.holds_data,
    )
    engine.up(_STACK, stage.program, passphrase=_PASSPHRASE)
    host = ProgramHost(stage.program, take=lambda _: None)
    with serve_program(host) as client:
        environment = engine_environment(stage.provider, stack=_STACK, state=state, client=client)
        ours, bare = in_turn(
            lambda: engine.up(_STACK, stage.program, passphrase=_PASSPHRASE),
            lambda: seconds_of(["sh", script("up")], env=environment),
            rounds=rounds,
        )
    return Figure(name="engine adapter / one pulumi up --client", ours=ours, baseline=bare, limit=_LIMIT)
