"""The real engine on a Resource Manager in memory: what the program of an instance asks Azure for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tenantry.adapters import tools
from tenantry.adapters.engine import Engine
from tenantry.components.azure.props import AzureProps
from tenantry.components.azure.tokens import DATA_TOKENS
from tenantry.sandbox.native.provider import serve
from tenantry.stacks.instance import azure_program
from tests.azure.recording import RecordingManager

__all__ = ["PASSPHRASE", "engine_at", "engine_on", "provider_on", "sent_by"]

PASSPHRASE = "a passphrase of tests"


@contextmanager
def engine_on(folder: Path, manager: RecordingManager) -> Iterator[Engine]:
    """Lend an engine whose provider sends everything to a manager."""
    with provider_on(manager) as port:
        yield engine_at(folder, port)


@contextmanager
def provider_on(manager: RecordingManager) -> Iterator[int]:
    """Lend the port of a provider that sends everything to a manager."""
    ids = {"subscription_id": "11111111-1111-1111-1111-111111111111", "directory_id": "d"}
    with serve(manager, lambda _: manager, client_id="c", object_id="o", **ids) as port:
        yield port


def engine_at(folder: Path, port: int) -> Engine:
    """Return an engine with its folders, and a provider that listens on a port."""
    return Engine(
        tools.find_engine(),
        home=folder / "home",
        state_folder=folder / "state",
        providers={"azure-native": port},
        holds_data=lambda token: token in DATA_TOKENS,
        parallel=32,
    )


def sent_by(folder: Path, props: AzureProps) -> dict[str, dict[str, Any]]:
    """Return the body of every resource that the program of an instance makes, by id."""
    manager = RecordingManager()
    with engine_on(folder, manager) as engine:
        engine.up("one", azure_program(props), passphrase=PASSPHRASE)
        again = engine.up("one", azure_program(props), passphrase=PASSPHRASE)
    assert {str(change.kind) for change in again.changes} == {"same"}, "a second run changes nothing"
    return manager.sent
