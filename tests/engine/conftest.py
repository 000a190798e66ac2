"""A real engine with a provider of toy resources in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pulumi
import pytest

from tenantry.adapters import tools
from tenantry.adapters.engine import Engine
from tenantry.components.host.resource import resource
from tenantry.providers.base import Provider, by_token, serve
from tenantry.providers.host.identity import PACKAGE, VERSION
from tests.engine.toy import Data, File

PASSPHRASE = "a passphrase of tests"
SECRET = "hunter2-in-the-state"


@dataclass
class Workshop:
    """An engine, its folders, and what the provider may delete."""

    folder: Path
    engine: Engine
    port: int
    permits: list[bool] = field(default_factory=list)

    def program(
        self, text: str = "hello", *, path: str = "data", data: bool = True, slow: float = 0
    ) -> Callable[[], None]:
        """Return a program: a file, a second one that depends on it, and data."""

        def declare() -> None:
            first = resource(
                "File",
                "first",
                {"path": str(self.folder / "first"), "text": text, "password": SECRET, "slow": slow or None},
                outputs=("size",),
            )
            size = first.output("size").apply(lambda size: f"size {size}")
            resource("File", "second", {"path": str(self.folder / "second"), "text": size})
            if data:
                resource("Data", "data", {"path": str(self.folder / path), "text": "of the client"})
            pulumi.export("size", first.output("size"))
            pulumi.export("password", first.output("password"))

        return declare


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    permits: list[bool] = []
    handlers = by_token(PACKAGE, [File(), Data()])
    with serve(Provider(PACKAGE, version=VERSION, handlers=handlers, permit=lambda _: bool(permits))) as port:
        engine = Engine(
            tools.find_engine(),
            home=tmp_path / "home",
            state_folder=tmp_path / "state",
            providers={PACKAGE: port},
            holds_data=lambda token: token.endswith(":Data"),
        )
        yield Workshop(folder=tmp_path, engine=engine, port=port, permits=permits)
