"""The program of a real instance, for an engine whose provider does nothing: what is left is the engine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bench.scratch import Scratch
from tenantry.cli.wiring import Wiring
from tenantry.ports import Request
from tenantry.providers.base import Provider, by_token, serve
from tenantry.providers.handler import Handler, Inputs, Observed
from tenantry.providers.host.identity import PACKAGE, VERSION
from tenantry.stacks.instance import host_program

__all__ = ["Stage", "stage"]

_OUTPUTS = {"method": "none", "path": "/nowhere"}  # those that the program asks for


class _Still:
    """Says of everything that it is there as it should be."""

    type: ClassVar[str]
    holds_data: ClassVar[bool]
    replace_on: ClassVar[frozenset[str]]
    secret_inputs: ClassVar[frozenset[str]]

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:  # noqa: ARG002 - the signatures are Handler's
        return []

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:  # noqa: ARG002
        return self.type, dict(_OUTPUTS)

    def read(self, resource_id: str, inputs: Inputs) -> Observed:  # noqa: ARG002
        return Observed(inputs=dict(inputs), outputs=dict(_OUTPUTS))

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:  # noqa: ARG002
        return dict(_OUTPUTS)

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        """Do nothing."""


def _stilled(real: Handler) -> Handler:
    """Return a still handler for the type of a real one."""
    told = {name: getattr(real, name) for name in ("type", "holds_data", "replace_on", "secret_inputs")}
    still = type(f"Still{real.type}", (_Still,), told)()
    assert isinstance(still, _Still)
    return still


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A program, and a provider that is served for it."""

    program: Callable[[], None]
    provider_port: int
    holds_data: frozenset[str]  # types of resources

    @property
    def provider(self) -> str:
        """The provider as the engine is told of it."""
        return f"{PACKAGE}:{self.provider_port}"


@contextlib.contextmanager
def stage(place: Scratch, name: str) -> Iterator[Stage]:
    """Serve the still provider for the program of an instance that is deployed."""
    wiring = Wiring(Path(place.workspace))
    instance = wiring.existing(name)
    spec, profile = wiring.load(instance)
    props = wiring.host.props(Request(spec=spec, profile=profile, instance=instance))
    table = by_token(PACKAGE, [_stilled(real) for real in wiring.host.machine.handlers])
    with serve(Provider(PACKAGE, version=VERSION, handlers=table, permit=lambda _: True)) as port:
        yield Stage(
            program=host_program(props),
            provider_port=port,
            holds_data=frozenset(token for token, one in table.items() if one.holds_data),
        )
    wiring.register.close()
