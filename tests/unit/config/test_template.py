from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.config.schema import schema
from tenantry.config.spec import parse_spec
from tenantry.config.template import new_spec_text, new_workspace_text, quote
from tenantry.config.workspace import load_workspace
from tenantry.model.spec import Workspace

RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


def spec_text(**more: str) -> str:
    return new_spec_text(
        name="benin",
        client='Croix-Rouge "du" Bénin: #1',
        country="NO",
        contact="data@example.org",
        profile="forms",
        hostname="benin.example.org",
        languages=("no", "fr"),
        **more,
    )


def test_a_new_spec_says_what_was_asked_for(workspace: Workspace) -> None:
    text = spec_text(agreement="2026", recipient_key=RECIPIENT, size="large")
    spec = parse_spec(text.encode(), path=workspace.specs / "benin.yaml", workspace=workspace)
    client = spec.client
    assert (client.name, client.country, client.languages) == (
        'Croix-Rouge "du" Bénin: #1',
        "NO",
        ("no", "fr"),
    )
    assert (client.agreement, client.recipient_key, spec.size) == ("2026", RECIPIENT, "large")


def test_a_new_spec_for_azure_names_its_region(workspace: Workspace) -> None:
    text = spec_text(target="azure", region="norwayeast")
    spec = parse_spec(text.encode(), path=workspace.specs / "benin.yaml", workspace=workspace)
    assert (spec.target, spec.azure.region if spec.azure else "") == ("azure", "norwayeast")


def test_languages_may_be_given_as_people_type_them() -> None:
    text = new_spec_text(
        name="benin",
        client="x",
        country="BJ",
        contact="a@b.org",
        profile="forms",
        hostname="a.b",
        languages="fr, pt-BR",
    )
    assert yaml.safe_load(text)["client"]["languages"] == ["fr", "pt-BR"]


def test_a_new_spec_is_valid_under_the_schema() -> None:
    jsonschema.validate(yaml.safe_load(spec_text()), schema("spec"))


@pytest.mark.parametrize("target", ["host", "azure"])
def test_a_new_spec_can_be_read_when_every_commented_key_is_used(workspace: Workspace, target: str) -> None:
    text = spec_text(target=target).replace("age1…", RECIPIENT)
    lines = []
    for line in text.splitlines():
        bare = line.lstrip()
        example = bare.startswith("# ") and (":" in bare) and not line.startswith(("# One", "# All"))
        lines.append(line.replace("# ", "", 1) if example else line)
    text = "\n".join(lines).replace("NAME:", "BIRTH_DATE:")
    jsonschema.validate(yaml.safe_load(text), schema("spec"))
    in_europe = replace(workspace, host=replace(workspace.host, country="NL"))
    spec = parse_spec(text.encode(), path=workspace.specs / "benin.yaml", workspace=in_europe)
    assert (spec.encryption_required, spec.residency.countries) == (target == "host", ("EU",))


def test_a_new_workspace_says_what_was_asked_for(tmp_path: Path) -> None:
    text = new_workspace_text(
        organisation='Aid "Ltd"', contact="ops@example.org", host_name="host-1", runtime="/dev/shm/tn"
    )
    (tmp_path / "tenantry.yaml").write_text(text)
    workspace = load_workspace(tmp_path)
    assert (workspace.organisation, workspace.host_name) == ('Aid "Ltd"', "host-1")
    jsonschema.validate(yaml.safe_load(text), schema("workspace"))


def test_the_block_for_azure_of_a_new_workspace_can_be_used_as_it_stands(tmp_path: Path) -> None:
    text = new_workspace_text(organisation="Aid", contact="ops@example.org")
    before, _, block = text.partition("# azure:\n")
    commented, _, after = block.partition("\n\n")
    lines = [line.removeprefix("# ") for line in commented.splitlines()]
    used = "\n".join((before, "azure:", *lines, after))
    (tmp_path / "tenantry.yaml").write_text(used)
    azure = load_workspace(tmp_path).azure
    assert azure is not None
    assert (azure.cloud, azure.monthly_budget, len(azure.emails)) == ("public", 200, 1)
    jsonschema.validate(yaml.safe_load(used), schema("workspace"))


def test_a_new_workspace_needs_nothing_but_an_organisation(tmp_path: Path) -> None:
    text = new_workspace_text(organisation="Aid", contact="ops@example.org")
    (tmp_path / "tenantry.yaml").write_text(text)
    assert load_workspace(tmp_path).contact == "ops@example.org"


@settings(deadline=None, database=None)
@given(st.text())
def test_quoted_text_reads_back_as_it_was(text: str) -> None:
    assert yaml.safe_load(f"a: {quote(text)}") == {"a": text}
