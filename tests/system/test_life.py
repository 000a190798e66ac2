"""The life of an instance, as the person at the command line sees it."""

from __future__ import annotations

import pytest

from tests.support.installation import Installation
from tests.support.reference import undocumented


def test_an_instance_that_was_deployed_is_active_and_healthy(benin: Installation) -> None:
    shown = benin.show("benin")
    assert shown["state"] == "active"
    assert {one["status"] for one in shown["conditions"]} == {"True"}


def test_a_second_deploy_changes_nothing(benin: Installation) -> None:
    assert benin.run("instance", "preview", "benin", "--exit-code").code == 0
    benin.deploy("benin").ok()
    steps = [line["text"] for line in benin.run("journal", "show").data["lines"]]
    assert any(text.startswith("engine up: 0 of ") for text in steps if text)


@pytest.mark.parametrize(
    "command",
    [
        "instance list",
        "instance show benin",
        "instance health benin",
        "instance preview benin",
        "instance logs benin --reason test",
        "credentials list benin",
        "credentials show benin ADMIN_PASSWORD --reason test",
        "backup list benin",
        "operation list",
        "journal show",
    ],
)
def test_the_answers_have_the_documented_keys(benin: Installation, command: str) -> None:
    words = command.split()
    assert undocumented(" ".join(words[:2]), benin.run(*words).ok().data) == set()


def test_the_steps_of_an_operation_have_the_documented_keys(benin: Installation) -> None:
    newest = benin.run("operation", "list").data["operations"][0]["id"]
    assert undocumented("operation show", benin.run("operation", "show", newest).ok().data) == set()


def test_a_suspended_instance_answers_nobody_and_keeps_its_database(benin: Installation) -> None:
    benin.run("instance", "suspend", "benin", "--reason", "test").ok()
    health = benin.run("instance", "health", "benin").ok().data["instances"][0]
    reasons = {one["type"]: one["reason"] for one in health["conditions"]}
    assert (reasons["ProcessUp"], reasons["DatabaseReachable"]) == ("Suspended", "Reachable")
    benin.run("instance", "resume", "benin", "--reason", "test").ok()
    assert benin.run("instance", "health", "benin").code == 0


def test_erasing_without_confirmation_erases_nothing(benin: Installation) -> None:
    answer = benin.run("erase", "run", "benin").ok()
    assert answer.problems[0]["code"] == "not-confirmed"
    assert benin.show("benin")["state"] == "active"


def test_an_erased_instance_is_proved_absent_and_its_name_is_free(installation: Installation) -> None:
    installation.deploy("benin").ok()
    answer = installation.run("erase", "run", "benin", "--confirm", "benin", "--reason", "test").ok()
    assert all(asset["absent"] for asset in answer.data["assets"])
    assert installation.run("instance", "list").data["instances"] == []
    again = installation.run("erase", "run", "benin", "--confirm", "benin").ok()
    assert all(asset["absent"] for asset in again.data["assets"])
