"""Names and regions that a program leaves out, and the inputs of what no program has written."""

from __future__ import annotations

import re
import uuid

import pytest

from tenantry.model.azure_types import TYPES
from tenantry.sandbox.native.importing import imported_inputs
from tenantry.sandbox.native.names import automatic_name

_SEED = b"a seed of the engine's"
_VAULT, _SECRET = "azure-native:keyvault:Vault", "azure-native:keyvault:Secret"
_ASSIGNMENT = "azure-native:authorization:RoleAssignment"
_GROUP = "/subscriptions/s/resourceGroups/rg"


def test_a_name_is_the_programs_with_eight_digits_of_the_seed() -> None:
    name, fresh = automatic_name(_VAULT, "vault", _SEED)
    assert re.fullmatch(r"vault[0-9a-f]{8}", name)
    assert fresh
    assert automatic_name(_VAULT, "vault", _SEED) == (name, fresh)
    assert automatic_name(_VAULT, "vault", b"another seed") != (name, fresh)


def test_a_part_of_another_resource_is_called_as_the_program_calls_it() -> None:
    assert automatic_name(_SECRET, "secret", _SEED) == ("secret", False)


def test_the_assignment_of_a_role_is_a_uuid() -> None:
    name, _ = automatic_name(_ASSIGNMENT, "assignment", _SEED)
    assert str(uuid.UUID(name)) == name
    assert automatic_name(_ASSIGNMENT, "other", _SEED)[0] == name


@pytest.mark.parametrize("token", sorted(TYPES))
def test_the_inputs_of_every_type_that_is_imported_have_its_path(token: str) -> None:
    kind = TYPES[token]
    segments = zip(kind.arm_type.split("/")[1:], kind.names, strict=True)
    path = "".join(f"/{one}/{name.lstrip('=')}" for one, name in segments)
    identity = f"{_GROUP}/providers/{kind.arm_type.split('/')[0]}{path}"
    found = imported_inputs(token, identity, {"id": identity, "provisioningState": "Succeeded"})
    assert set(found) == set(kind.path_inputs)


def test_an_import_takes_what_a_program_can_write_and_nothing_else() -> None:
    identity = f"{_GROUP}/providers/Microsoft.DBforPostgreSQL/flexibleServers/psql"
    outputs = {
        "id": identity,
        "location": "westeurope",
        "sku": {"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"},
        "backup": {"backupRetentionDays": 7, "earliestRestoreDate": "2026-11-28T07:00:00Z"},
        "fullyQualifiedDomainName": "psql.postgres.database.azure.com",
        "state": "Ready",
        "tags": {"state": "of our own"},
    }
    assert imported_inputs("azure-native:dbforpostgresql:Server", identity, outputs) == {
        "resourceGroupName": "rg",
        "serverName": "psql",
        "location": "westeurope",
        "sku": {"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"},
        "backup": {"backupRetentionDays": 7},
        "tags": {"state": "of our own"},
    }
