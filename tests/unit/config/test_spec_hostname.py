"""The host name of a spec, by target."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenantry.config.spec import load_spec, parse_spec
from tenantry.config.workspace import load_workspace
from tenantry.errors import SpecError
from tenantry.model.spec import Workspace
from tests.unit.config.conftest import SPEC

AZURE = SPEC.replace("target: host", "target: azure")
_LINE = "hostname: benin.example.org\n"


def hostname(text: str, workspace: Workspace) -> str:
    return parse_spec(text.encode(), path=workspace.specs / "benin.yaml", workspace=workspace).hostname


def test_on_azure_the_host_name_may_be_left_to_azure(workspace: Workspace) -> None:
    assert hostname(AZURE.replace(_LINE, ""), workspace) == ""


def test_on_a_host_there_is_no_other_name(workspace: Workspace) -> None:
    with pytest.raises(SpecError, match="hostname is missing: on a host there is no other"):
        hostname(SPEC.replace(_LINE, ""), workspace)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("example.org", "apex-hostname"),
        (f"{'a' * 55}.example.org", "long-hostname"),
        ("benin.azurewebsites.net", "azures-hostname"),
        ("benin.azurewebsites.us", "azures-hostname"),
        ("benin.azurewebsites.abc123.sandbox.test", "azures-hostname"),
        ("benin.aid.localhost", "special-hostname"),
        ("benin.aid.internal", "special-hostname"),
        ("benin.aid.local", "special-hostname"),
        ("benin.aid.test", "special-hostname"),
    ],
)
def test_a_name_that_app_service_cannot_serve_is_refused_on_azure_alone(
    workspace: Workspace, name: str, code: str
) -> None:
    with pytest.raises(SpecError) as refused:
        hostname(AZURE.replace("benin.example.org", name), workspace)
    assert refused.value.code == code
    assert hostname(SPEC.replace("benin.example.org", name), workspace) == name


def test_specs_without_a_host_name_do_not_share_one(folder: Path, workspace: Workspace) -> None:
    nameless = AZURE.replace(_LINE, "")
    for name in ("benin", "togo"):
        text = nameless.replace("name: benin", f"name: {name}", 1)
        (folder / "instances" / f"{name}.yaml").write_text(text)
    assert not load_spec(workspace.specs / "togo.yaml", workspace=workspace).hostname


def test_a_name_for_tests_may_be_rehearsed(folder: Path) -> None:
    with (folder / "tenantry.yaml").open("a") as file:
        file.write("azure: {cloud: sandbox}\n")
    text = AZURE.replace("benin.example.org", "benin.aid.test")
    assert hostname(text, load_workspace(folder)) == "benin.aid.test"
