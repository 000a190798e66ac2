"""What a command on the operator's machine is told of the instance that it works on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tenantry.components.azure.props import AzureProps
from tenantry.model.profile import Service, Variable, VariableClass
from tenantry.targets.azure import deploying
from tests.azure.recording import example_props

_CA = Path("/sandbox/ca.crt")


def _told(props: AzureProps) -> dict[str, str]:
    clients: Any = SimpleNamespace(access=SimpleNamespace(cloud=SimpleNamespace(ca_file=_CA)))
    return deploying.variables(clients, props, props.secrets, user="app_1", password="p")


@pytest.fixture
def props(tmp_path: Path) -> AzureProps:
    return example_props(tmp_path)


def test_what_is_made_with_libpq_verifies_the_server(props: AzureProps) -> None:
    told = _told(props)
    assert (told["PGSSLMODE"], told["PGSSLROOTCERT"]) == ("verify-full", str(_CA))
    assert told["DATABASE_HOST"] == props.server_host


def test_what_the_profile_says_of_libpq_stands(props: AzureProps) -> None:
    own = Variable(name="PGSSLMODE", cls=VariableClass.FIXED, value="verify-ca")
    profile = replace(props.profile, variables=(*props.profile.variables, own))
    settings = {**props.settings, "PGSSLMODE": "verify-ca"}
    assert _told(replace(props, profile=profile, settings=settings))["PGSSLMODE"] == "verify-ca"


def test_without_a_database_libpq_is_told_nothing(props: AzureProps) -> None:
    services = props.profile.services - {Service.DATABASE}
    told = _told(replace(props, profile=replace(props.profile, services=services)))
    assert [one for one in told if one.startswith("PGSSL")] == []
