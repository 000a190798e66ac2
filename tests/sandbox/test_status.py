"""What ``tenantry sandbox status`` tells, as whoever points a client at the sandbox relies on it."""

from __future__ import annotations

import json
import ssl
import urllib.request
from datetime import datetime
from typing import Any

import pytest

from tests.support.reference import undocumented
from tests.support.sandbox import Sandbox

_PROMISED = {
    *("running", "arm", "login", "metadata", "ca_file", "directory_id", "subscription_id"),
    *("client_id", "client_secret_file", "now", "resources"),
}


def _told_to_clients(told: dict[str, Any], version: str) -> Any:
    """Ask for the cloud's metadata with nothing but what the status tells."""
    trusting = ssl.create_default_context(cafile=told["ca_file"])
    with urllib.request.urlopen(f"{told['metadata']}?api-version={version}", context=trusting) as answer:
        return json.load(answer)


def test_the_status_has_the_documented_keys_and_no_other(sandbox: Sandbox) -> None:
    told = sandbox.command("status")
    assert undocumented("sandbox status", dict.fromkeys(told, "")) == set()
    assert told.keys() >= _PROMISED
    assert told["running"] is True


def test_resources_are_counted_by_their_type(sandbox: Sandbox) -> None:
    before = sandbox.command("status")["resources"].get("Microsoft.Resources/resourceGroups", 0)
    sandbox.make_group("rg-counted")
    after = sandbox.command("status")["resources"]
    assert after["Microsoft.Resources/resourceGroups"] == before + 1
    assert {type(count) for count in after.values()} == {int}


# Older versions get a list of clouds; the newer one is what the Azure CLI and Pulumi's provider ask for.
@pytest.mark.parametrize("version", ["2019-05-01", "2022-09-01"])
def test_its_metadata_lead_a_client_with_its_authority_to_the_same_places(
    sandbox: Sandbox, version: str
) -> None:
    told = sandbox.command("status")
    answer = _told_to_clients(told, version)
    (cloud,) = answer if isinstance(answer, list) else [answer]
    assert cloud["resourceManager"] == told["arm"]
    assert cloud["authentication"]["loginEndpoint"] == told["login"]
    assert told["arm"] in cloud["authentication"]["audiences"]
    ends = (cloud["suffixes"]["keyVaultDns"], cloud["suffixes"]["storage"])
    assert ends == (sandbox.told["vault_suffix"], sandbox.told["blob_suffix"].removeprefix("blob."))


def test_its_time_moves_with_the_clouds_clock(sandbox: Sandbox) -> None:
    before = datetime.fromisoformat(sandbox.command("status")["now"])
    moved = datetime.fromisoformat(sandbox.faults("time", "+7d")["now"])
    after = datetime.fromisoformat(sandbox.command("status")["now"])
    assert (moved - before).days == 7
    assert 0 <= (after - moved).total_seconds() < 3600
