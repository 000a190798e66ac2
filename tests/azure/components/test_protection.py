"""What holds client data is protected, under the real engine: plain Pulumi does not delete it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pytest

from tenantry.adapters import tools
from tenantry.adapters.engine import Engine
from tenantry.components.azure.props import AzureProps
from tenantry.components.azure.tokens import DATA_TOKENS
from tenantry.errors import RefusedError
from tenantry.model.residency import AzurePlacement
from tenantry.stacks import instance as stacks
from tenantry.stacks.instance import azure_program
from tests.azure.components.running import PASSPHRASE, engine_at, provider_on
from tests.azure.recording import RecordingManager, example_props

_PAIR = AzurePlacement(region="southafricanorth", geo_redundant_backup=True)


@dataclass(frozen=True, kw_only=True)
class Made:
    """An instance with a copy in the pair, made under the engine."""

    folder: Path
    port: int
    engine: Engine
    manager: RecordingManager
    props: AzureProps

    def state(self) -> list[dict[str, Any]]:
        """The resources of the stack as the engine keeps them, less those that are only names."""
        told = json.loads(self.engine.export("one", passphrase=PASSPHRASE))
        found = told["deployment"]["resources"]
        return [one for one in found if one["custom"] and not one["type"].startswith("pulumi:")]

    def protected(self) -> set[str]:
        """The tokens of what is protected."""
        return {str(one["type"]) for one in self.state() if one.get("protect")}

    def plainly(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the engine by hand."""
        settings = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": f"{(self.folder / 'state').as_uri()}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_DEBUG_PROVIDERS": f"azure-native:{self.port}",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        words = [str(tools.find_engine()), *arguments, "--stack=one", "--non-interactive", "--color=never"]
        return subprocess.run(
            words,
            cwd=self.folder / "state",
            env=settings,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder, manager = tmp_path_factory.mktemp("protected"), RecordingManager()
    props = example_props(folder / "w", placement=_PAIR)
    with provider_on(manager) as port:
        engine = engine_at(folder / "engine", port)
        engine.up("one", azure_program(props), passphrase=PASSPHRASE)
        yield Made(folder=folder / "engine", port=port, engine=engine, manager=manager, props=props)


def test_plain_destroy_is_refused_by_name_and_deletes_nothing_that_holds_data(made: Made) -> None:
    made.manager.deleted.clear()
    ran = made.plainly("destroy", "--yes")
    assert ran.returncode != 0
    assert "Server::server" in ran.stdout + ran.stderr or "Database::app-database" in ran.stdout + ran.stderr
    assert "because it is protected" in ran.stdout + ran.stderr
    assert made.manager.deleted == [], "a destroy plans first, and the plan is refused"

    at_once = made.plainly("destroy", "--yes", "--skip-preview")
    assert at_once.returncode != 0
    holding = {one["id"] for one in made.state() if one["type"] in DATA_TOKENS}
    assert len(holding) > 8  # of the group, the workspace, three vaults, two keys, server, database, site
    assert holding & set(made.manager.deleted) == set()
    assert holding <= set(made.manager.bodies)


def test_what_holds_data_is_protected_and_nothing_else(made: Made) -> None:
    assert {one["type"] for one in made.state() if not one.get("protect")} & DATA_TOKENS == set()
    assert made.protected() <= DATA_TOKENS


def test_an_instance_that_was_made_without_protection_gets_it_and_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, props = RecordingManager(), example_props(tmp_path / "w")

    def as_before(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        args.opts.aliases = []
        return pulumi.ResourceTransformationResult(args.props, args.opts)

    with provider_on(manager) as port:
        engine = engine_at(tmp_path / "engine", port)
        made = Made(folder=tmp_path / "engine", port=port, engine=engine, manager=manager, props=props)
        with monkeypatch.context() as patch:
            patch.setattr(stacks, "_as_ours", as_before)
            engine.up("one", azure_program(props), passphrase=PASSPHRASE)
        assert made.protected() == set()
        manager.sent.clear()
        planned = engine.preview("one", azure_program(props), passphrase=PASSPHRASE)
        done = engine.up("one", azure_program(props), passphrase=PASSPHRASE).changes
        assert {str(change.kind) for change in (*planned, *done)} == {"same"}
        assert (manager.sent, manager.deleted) == ({}, [])
        assert made.protected() > {"azure-native:dbforpostgresql:Server", "azure-native:keyvault:Vault"}


def test_a_plan_that_would_destroy_data_is_refused_in_our_words(made: Made) -> None:
    """Not in those of the engine, which would tell how to take the protection away."""
    server = dataclasses.replace(made.props.names, server="another")
    made.manager.deleted.clear()
    dropped, moved = example_props(made.folder / "w"), dataclasses.replace(made.props, names=server)
    for run, props, loss in (
        (made.engine.up, dropped, "delete Key pair-data-key"),
        (made.engine.up, moved, "replace Server server"),
        (made.engine.preview, moved, "replace Server server"),
    ):
        with pytest.raises(RefusedError, match=f"{loss}, which holds client data") as refused:
            run("one", azure_program(props), passphrase=PASSPHRASE)
        assert refused.value.code == "holds-data"
    assert made.manager.deleted == []


def test_what_held_data_and_was_deleted_by_hand_is_seen_and_never_made_anew(made: Made) -> None:
    """A new account of its name would end what Azure can bring back of the old one."""
    (gone,) = [
        path for path in made.manager.bodies if "/workspaces/" in path and path.count("/providers/") == 1
    ]
    body = made.manager.bodies.pop(gone)
    for _ in range(2):  # what a refused run saw is not forgotten
        (drift,) = made.engine.drift("one", passphrase=PASSPHRASE)
        assert (drift.type, str(drift.kind)) == ("azure-native:operationalinsights:Workspace", "delete")
        planned = made.engine.preview("one", azure_program(made.props), passphrase=PASSPHRASE)
        assert [(one.name, str(one.kind)) for one in planned if "lost" in one.properties] == [
            (drift.name, "update")
        ]
        with pytest.raises(RefusedError, match=f"the data of Workspace {drift.name} is lost") as refused:
            made.engine.up("one", azure_program(made.props), passphrase=PASSPHRASE)
        assert refused.value.code == "data-lost"
        assert gone not in made.manager.bodies
    made.manager.bodies[gone] = body  # it was recovered
    changes = made.engine.up("one", azure_program(made.props), passphrase=PASSPHRASE).changes
    assert [str(change.kind) for change in changes if change.name == drift.name] == ["same"]


def test_what_holds_no_data_and_was_deleted_by_hand_is_made_anew(made: Made) -> None:
    gone = next(path for path in made.manager.bodies if "/actionGroups/" in path)
    made.manager.bodies.pop(gone)
    made.engine.up("one", azure_program(made.props), passphrase=PASSPHRASE)
    assert gone in made.manager.bodies
