"""What is decided or recorded of an instance before Azure is asked for anything."""

from __future__ import annotations

from dataclasses import replace

from tenantry.targets.azure import values
from tests.journeys.sweep import spec_and_profile
from tests.support.instances import recorded


def test_a_container_that_a_profile_once_had_stays_known_as_the_instances() -> None:
    _, profile = spec_and_profile()
    first = values.with_containers(recorded(), replace(profile, containers=("uploads", "old")))
    then = recorded(facts={values.CONTAINERS: first})
    again = values.with_containers(then, replace(profile, containers=("uploads", "new")))
    known = values.containers_of(recorded(facts={values.CONTAINERS: again}))
    assert known == frozenset({"uploads", "old", "new"})


def test_that_there_are_no_containers_is_told_from_that_nobody_recorded_them() -> None:
    _, profile = spec_and_profile()
    none = values.with_containers(recorded(), replace(profile, containers=()))
    assert values.containers_of(recorded(facts={values.CONTAINERS: none})) == frozenset()
    assert values.containers_of(recorded()) is None
