"""Values that App Service would take for references to somewhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tenantry.config.spec import load_spec
from tenantry.config.workspace import load_workspace
from tenantry.errors import Problem, SpecError
from tests.unit.config.conftest import SPEC

Spoil = Callable[[str], Sequence[Problem]]
AZURE = SPEC.replace("target: host", "target: azure")
_VAULT = "@Microsoft.KeyVault(SecretUri=https://kv-other.vault.azure.net/secrets/theirs)"


@pytest.mark.parametrize(
    "value",
    [
        _VAULT,
        _VAULT.lower(),
        f" {_VAULT}",
        "@Microsoft.KeyVault(VaultName=kv-other;SecretName=theirs)",
        "@Microsoft.AppConfiguration(Endpoint=https://theirs.azconfig.io; Key=a)",
    ],
)
def test_on_azure_a_reference_is_refused_where_it_stands(problems_of: Spoil, value: str) -> None:
    (problem,) = problems_of(f'{AZURE}settings: {{SMS_MODE: "{value}"}}\n')
    assert (problem.code, problem.where) == ("reference-as-value", "instances/benin.yaml:10:12")
    assert "theirs" not in problem.message + problem.hint


@pytest.mark.parametrize(
    "text",
    [
        f'{SPEC}settings: {{SMS_MODE: "{_VAULT}"}}\n',
        f'{AZURE}settings: {{BIRTH_DATE: "{_VAULT}"}}\n',
        f'{AZURE}settings: {{SMS_MODE: "see {_VAULT}"}}\n',
        f'{AZURE}settings: {{SMS_MODE: "@Microsoft.KeyVault"}}\n',
    ],
    ids=["on a host", "sensitive: it goes into the vault", "not at the beginning", "no reference"],
)
def test_what_app_service_does_not_resolve_is_taken(folder: Path, text: str) -> None:
    path = folder / "instances" / "benin.yaml"
    path.write_text(text, encoding="utf-8")
    assert load_spec(path, workspace=load_workspace(folder)).name == "benin"


@pytest.mark.parametrize(
    ("file", "old", "new", "where"),
    [
        ("tenantry.yaml", "SENDER: Example", f'SENDER: "{_VAULT}"', "tenantry.yaml"),
        ("profiles/forms.yaml", 'value: "OFF"', f'value: "{_VAULT}"', "the profile forms"),
    ],
)
def test_a_reference_in_another_file_is_refused_with_its_name(
    folder: Path, file: str, old: str, new: str, where: str
) -> None:
    whole = (folder / file).read_text(encoding="utf-8")
    (folder / file).write_text(whole.replace(old, new), encoding="utf-8")
    path = folder / "instances" / "benin.yaml"
    path.write_text(AZURE, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_spec(path, workspace=load_workspace(folder))
    assert [(one.code, one.where) for one in caught.value.problems] == [("reference-as-value", where)]
