"""A secret that a profile has no more, under the real engine."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from tenantry.components.azure.props import AzureProps
from tenantry.stacks.instance import azure_program
from tenantry.targets.azure.values import with_former_secrets
from tests.azure.components.running import PASSPHRASE, engine_on
from tests.azure.recording import RecordingManager, example_props


def test_a_secret_that_no_variable_has_any_more_is_disabled_where_it_is_and_comes_back(
    tmp_path: Path,
) -> None:
    """A vault lets nobody in to delete it, and a second one of its name could not be made."""
    whole = example_props(tmp_path / "w")
    variables = tuple(one for one in whole.profile.variables if one.name != "NAMESPACE_UUID")
    less = dataclasses.replace(whole, profile=dataclasses.replace(whole.profile, variables=variables))
    manager, secret = RecordingManager(), "NAMESPACE-UUID"

    def run(props: AzureProps) -> dict[str, Any]:
        made = [one.name for one in engine.resources("one")]
        program = azure_program(with_former_secrets(props, made))
        engine.up("one", program, passphrase=PASSPHRASE)
        again = engine.up("one", program, passphrase=PASSPHRASE)
        assert {str(change.kind) for change in again.changes} == {"same"}
        (found,) = [
            body["properties"] for path, body in manager.bodies.items() if path.endswith(f"/{secret}")
        ]
        return dict(found)

    with engine_on(tmp_path / "engine", manager) as engine:
        before = run(whole)
        dropped = run(less)
        settings = next(body["properties"] for path, body in manager.sent.items() if "appsettings" in path)
        assert "NAMESPACE_UUID" not in settings
        back = run(whole)
    assert before == back == {"value": whole.secrets["NAMESPACE_UUID"]}
    assert dropped == {"value": "withdrawn", "attributes": {"enabled": False}}
    assert manager.deleted == []
