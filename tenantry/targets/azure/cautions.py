"""What to know of a spec that may be deployed: where an instance gets less than it could have elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tenantry.config.regions import find_region
from tenantry.errors import Problem
from tenantry.model.profile import Profile, Service
from tenantry.model.residency import no_standby
from tenantry.model.spec import InstanceSpec

__all__ = ["NO_STANDBY", "cautions", "offers_standby"]

# A fact of an instance: "yes" when Azure offered its region no standby as it was made.
NO_STANDBY: Final = "azure_no_standby"


def offers_standby(facts: Mapping[str, str]) -> bool:
    """Say whether Azure did not deny a standby when an instance with these facts was made."""
    return NO_STANDBY not in facts


def cautions(spec: InstanceSpec, profile: Profile, facts: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return what to know; nothing of it stands in the way. Azure is not asked."""
    if spec.azure is None or Service.DATABASE not in profile.services:
        return ()
    region = find_region(spec.azure.region)
    if region is None:
        return ()  # the spec's problem, and told as such
    why = no_standby(spec.azure, region, offered=offers_standby(facts))
    return (_without_standby(why, where=spec.where),) if why else ()


def _without_standby(why: str, *, where: str) -> Problem:
    """Return the warning that the database gets no standby."""
    return Problem(
        code="no-standby",
        message=f"warning: the database gets no standby in a second zone: {why}",
        hint="take another region, or write azure.zone_redundancy: required to have such a region refused, "
        "off to hear no more of it",
        where=where,
    )
