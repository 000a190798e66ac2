"""What the example's profile says agrees with what the application does."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from tenantry.config.profile import read_profile
from tenantry.model.profile import Service
from tests.example.support import EXAMPLE

APP = EXAMPLE / "app"


@pytest.fixture
def profile() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((EXAMPLE / "profile.yaml").read_text())
    return loaded


def test_the_versions_agree(profile: dict[str, Any]) -> None:
    assert profile["version"] == json.loads((APP / "package.json").read_text())["version"]


def test_the_proof_of_the_migration_asks_for_the_newest(profile: dict[str, Any]) -> None:
    newest = max(int(path.name[:3]) for path in (APP / "migrations").iterdir())
    assert profile["migration"]["proof"].endswith(f"version = {newest})")


def test_the_variables_are_those_that_the_application_reads(profile: dict[str, Any]) -> None:
    source = (APP / "lib" / "settings.js").read_text()
    read = set(re.findall(r'env\.([A-Z_]+)|"([A-Z_]{4,})"', source))
    assert {one or other for one, other in read} == {variable["name"] for variable in profile["variables"]}


def test_only_the_settings_read_the_environment() -> None:
    programs = [*APP.glob("*.js"), *(APP / "lib").glob("*.js")]
    users = {path.name for path in programs if re.search(r"process\.env\.", path.read_text())}
    assert users == set()


def test_the_commands_exist(profile: dict[str, Any]) -> None:
    commands = [profile["migration"], profile["bootstrap"], *profile["processes"]]
    assert all((APP / work["command"][1]).is_file() for work in commands)


def test_it_stops_sooner_than_it_would_be_killed(profile: dict[str, Any]) -> None:
    found = re.search(r"FINISH = ([\d_]+);", (APP / "server.js").read_text())
    assert found
    assert int(found[1]) / 1000 < profile["processes"][0]["grace_seconds"]


def test_the_lock_names_no_host_and_pins_every_package() -> None:
    lock = json.loads((APP / "package-lock.json").read_text())
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
    assert not re.search(r"https?://", (APP / "package-lock.json").read_text())


def test_tenantry_takes_the_profile() -> None:
    read = read_profile(EXAMPLE / "profile.yaml")
    assert (read.name, read.services) == ("registrations", frozenset({Service.DATABASE, Service.FOLDERS}))
    assert [process.listens for process in read.processes] == [True]
