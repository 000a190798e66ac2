"""What the how-to says an instance on Azure costs, against what the components make."""

from __future__ import annotations

import re
from pathlib import Path

from tenantry.components.azure import alerts
from tenantry.components.azure.tokens import TOKENS

_PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "first-instance-on-azure.md"
_COSTS = _PAGE.read_text(encoding="utf-8").partition("\n## What it costs\n")[2].partition("\n## ")[0]
_MONTH = 365 / 12 * 24 * 3600  # seconds
# What the page calls the resources of each of Azure's services.
_NAMED = {
    "applicationinsights": "Application Insights",
    "authorization": "role assignments",
    "consumption": "the budget",
    "dbforpostgresql": "The database server",
    "keyvault": "vault",
    "managedidentity": "identities",
    "monitor": "Alert rules",
    "network": "Private endpoints",
    "operationalinsights": "Logs and metrics",
    "privatedns": "private DNS zones",
    "redisenterprise": "Azure Managed Redis",
    "resources": "the resource group",
    "storage": "Storage",
    "web": "App Service plan",
}


def test_every_service_that_components_make_resources_of_is_named_among_the_costs() -> None:
    assert {token.split(":")[1] for token in TOKENS} == _NAMED.keys()
    assert [words for words in _NAMED.values() if words not in _COSTS] == []


def test_the_executions_of_the_availability_test_are_those_of_its_places_and_frequency() -> None:
    told = re.search(r"(\d) places ask every (\d+) minutes, about \*\*([\d,]+) executions a month", _COSTS)
    assert told is not None
    (places,) = {len(one) for one in alerts._PLACES.values()}
    assert (int(told[1]), int(told[2]) * 60) == (places, alerts._EVERY)
    assert int(told[3].replace(",", "")) == round(places * _MONTH / alerts._EVERY, -3)
