from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenantry.errors import UnavailableError
from tenantry.model.azure_names import AzureNames
from tenantry.model.status import Presence, Residue
from tenantry.targets.azure import residues

_NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
_NAMES = AzureNames.of("kenya", "san", "abc234")
_SITE = f"/subscriptions/s/resourceGroups/rg/providers/Microsoft.Web/sites/{_NAMES.site}"
_SERVER = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.DBforPostgreSQL/flexibleServers/psql"


class _Lists:
    """Resource Manager's lists of deleted resources; None where it cannot be reached."""

    def __init__(self, lists: dict[str, list[dict[str, Any]]] | None) -> None:
        self._lists = lists

    def list(self, path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        if self._lists is None:
            raise UnavailableError("no network", code="cloud-unreachable")
        return self._lists.get(path.rpartition("/")[2], [])


def _vault(name: str, *, until: datetime) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/s/providers/Microsoft.KeyVault/locations/x/deletedVaults/{name}",
        "name": name,
        "properties": {
            "vaultId": f"/subscriptions/s/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/{name}",
            "deletionDate": _NOW.isoformat(),
            "scheduledPurgeDate": until.isoformat(),
        },
    }


def _look(
    lists: dict[str, list[dict[str, Any]]] | None, recorded: list[Residue], *, now: datetime = _NOW
) -> list[Residue]:
    return list(residues.look(_Lists(lists), "s", _NAMES, recorded, now=now))  # type: ignore[arg-type]


def test_a_deleted_vault_of_the_instance_is_present_until_its_date() -> None:
    until = _NOW + timedelta(days=7)
    found = _look({"deletedVaults": [_vault(_NAMES.keys_vault, until=until)]}, [])
    assert [(one.observed, one.until, one.kind) for one in found] == [
        (Presence.PRESENT, until, "soft-deleted")
    ]


def test_what_is_somebody_elses_is_not_told() -> None:
    assert _look({"deletedVaults": [_vault("kvk-other-san-xyz987", until=_NOW)]}, []) == []


def test_what_stood_in_a_list_and_does_not_any_more_is_gone() -> None:
    before = _look({"deletedVaults": [_vault(_NAMES.keys_vault, until=_NOW)]}, [])
    assert [one.observed for one in _look({}, before)] == [Presence.GONE]


def test_a_deleted_server_has_no_list_so_it_is_unknown_until_its_date_and_then_gone() -> None:
    server = residues.of_server(_SERVER, deleted_at=_NOW)
    assert [one.observed for one in _look({}, [server])] == [Presence.UNKNOWN]
    after = _NOW + timedelta(days=5)
    assert [one.observed for one in _look({}, [server], now=after)] == [Presence.GONE]


def test_the_copy_of_the_backups_in_the_pair_is_told_until_its_key_cannot_be_recovered() -> None:
    copy = residues.of_copy(_SERVER, "southafricawest", deleted_at=_NOW)
    assert (copy.until, copy.where) == (_NOW + timedelta(days=7), f"{_SERVER}/backups/southafricawest")
    days = {one: _look({}, [copy], now=_NOW + timedelta(days=one))[0].observed for one in (6, 7)}
    assert days == {6: Presence.UNKNOWN, 7: Presence.GONE}


def test_what_was_noted_of_a_site_is_told_with_what_the_lists_show_of_it() -> None:
    noted = residues.of_site(_SITE, deleted_at=_NOW, left="it does not answer")
    entry = {
        "id": "/subscriptions/s/providers/Microsoft.Web/locations/x/deletedSites/1",
        "properties": {"deletedSiteName": _NAMES.site, "deletedTimestamp": _NOW.isoformat()},
    }
    seen = _look({"deletedSites": [entry]}, [noted])
    assert [(one.observed, "it does not answer" in one.what) for one in seen] == [(Presence.PRESENT, True)]
    again = _look({"deletedSites": [entry]}, seen)
    assert [one.what for one in again] == [noted.what]


def test_where_nobody_could_look_everything_is_unknown_even_when_nothing_was_recorded() -> None:
    server = residues.of_server(_SERVER, deleted_at=_NOW)
    seen = _look(None, [server], now=_NOW + timedelta(days=90))
    assert [one.observed for one in seen] == [Presence.UNKNOWN, Presence.UNKNOWN]
    nothing = _look(None, [])
    assert [(one.observed, one.kind) for one in nothing] == [(Presence.UNKNOWN, "unread")]
    assert _look({}, nothing) == [], "it is forgotten as soon as the lists are read"


@pytest.mark.parametrize("until", [None, _NOW])
def test_what_the_register_keeps_is_read_back_as_it_was(until: datetime | None) -> None:
    one = Residue(
        where="/a/b",
        what="w",
        since=_NOW,
        until=until,
        type="t",
        kind="k",
        observed=Presence.PRESENT,
    )
    assert residues.from_text(residues.as_text([one])) == [one]


def _deleted(name: str) -> Residue:
    site = f"/subscriptions/s/resourceGroups/rg/providers/Microsoft.Web/sites/{name}"
    return residues.of_deleted(site, deleted_at=_NOW)


def test_what_was_just_deleted_and_is_not_listed_yet_is_not_gone() -> None:
    recorded = [_deleted(_NAMES.site)]
    soon = _look({}, recorded, now=_NOW + timedelta(minutes=5))
    assert [(one.observed, one.until) for one in soon] == [(Presence.UNKNOWN, _NOW + timedelta(days=30))]
    later = _look({}, recorded, now=_NOW + timedelta(minutes=11))
    assert [one.observed for one in later] == [Presence.GONE]


def test_what_was_noted_at_its_deletion_is_told_once_when_a_list_has_it() -> None:
    entry = {
        "id": "/subscriptions/s/providers/Microsoft.Web/locations/x/deletedSites/7",
        "properties": {"deletedSiteName": _NAMES.site, "deletedTimestamp": _NOW.isoformat()},
    }
    found = _look({"deletedSites": [entry]}, [_deleted(_NAMES.site)])
    assert [(one.observed, one.where.rpartition("/")[2]) for one in found] == [(Presence.PRESENT, "7")]


def test_the_activity_log_is_a_record_with_a_date_of_which_nothing_can_be_recovered() -> None:
    noted = residues.of_activity("s", at=_NOW)
    assert (noted.is_record, noted.until) == (True, _NOW + timedelta(days=90))
    for days, presence in ((89, Presence.UNKNOWN), (90, Presence.GONE)):
        (seen,) = _look({}, [noted], now=_NOW + timedelta(days=days))
        assert seen.observed is presence
