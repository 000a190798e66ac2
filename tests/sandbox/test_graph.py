"""The few reads of Graph, by plain HTTP."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

import pytest

from tenantry.adapters.azure_arm import Arm
from tests.support.plain_http import Plain, plain
from tests.support.sandbox import Sandbox


def _ask(sandbox: Sandbox, path: str, body: Any = None) -> Plain:
    method = "GET" if body is None else "POST"
    url = f"{sandbox.told['graph']}/v1.0/{path}"
    return plain(sandbox, method, url, body=body, audience=sandbox.told["graph"])


@pytest.fixture(scope="module")
def identity(sandbox: Sandbox, arm: Arm) -> dict[str, Any]:
    group = sandbox.make_group(f"rg-{uuid.uuid4().hex[:8]}")
    path = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-app"
    return arm.put(path, "2023-01-31", {"location": "westeurope"})


@pytest.mark.parametrize("filter_", ["appId eq '{}'", "servicePrincipalNames/any(c:c eq '{}')"])
def test_the_operator_is_found_by_its_application(sandbox: Sandbox, filter_: str) -> None:
    text = quote(filter_.format(sandbox.told["client_id"]))
    (found,) = _ask(sandbox, f"servicePrincipals?$filter={text}").body["value"]
    assert (found["id"], found["servicePrincipalType"]) == (sandbox.told["object_id"], "Application")


def test_a_managed_identity_is_read_by_its_application_and_by_its_id(
    sandbox: Sandbox, identity: dict[str, Any]
) -> None:
    app, who = identity["properties"]["clientId"], identity["properties"]["principalId"]
    found = [_ask(sandbox, f"servicePrincipals{key}").body for key in (f"(appId='{app}')", f"/{who}")]
    assert [(one["id"], one["displayName"]) for one in found] == [(who, "id-app")] * 2
    assert identity["id"] in found[0]["alternativeNames"]


def test_many_are_asked_for_at_once_and_who_is_not_there_is_left_out(
    sandbox: Sandbox, identity: dict[str, Any]
) -> None:
    ids = [sandbox.told["object_id"], identity["properties"]["principalId"]]
    asked = {"ids": [*ids, str(uuid.uuid4())], "types": ["user", "group", "servicePrincipal"]}
    listed = _ask(sandbox, "directoryObjects/getByIds", asked).body["value"]
    assert {one["id"] for one in listed} == set(ids)
    assert {one["@odata.type"] for one in listed} == {"#microsoft.graph.servicePrincipal"}


def test_who_is_not_there_is_not_found(sandbox: Sandbox) -> None:
    answer = _ask(sandbox, f"servicePrincipals(appId='{uuid.uuid4()}')")
    assert answer.refusal == (404, "Request_ResourceNotFound")


def test_a_filter_that_is_not_there_is_refused_and_not_taken_for_everybody(sandbox: Sandbox) -> None:
    answer = _ask(sandbox, f"servicePrincipals?$filter={quote('accountEnabled eq true')}")
    assert answer.refusal == (400, "Request_UnsupportedQuery")


def test_a_token_for_resource_manager_is_none_for_graph(sandbox: Sandbox) -> None:
    answer = plain(sandbox, "GET", f"{sandbox.told['graph']}/v1.0/servicePrincipals")
    assert answer.refusal == (401, "InvalidAuthenticationTokenAudience")
