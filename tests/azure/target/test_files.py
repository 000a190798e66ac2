"""Until when a deleted blob can be recovered, from what its listing tells."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenantry.adapters.azure_blobs import Left
from tenantry.model.status import KeptBlob
from tenantry.targets.azure.files import Files

_DELETED = datetime(2026, 11, 28, 12, tzinfo=UTC)


class _Blobs:
    """An account that keeps so much of a blob; it is deleted already."""

    def __init__(self, deleted: Sequence[tuple[datetime, int]], versions: int = 0) -> None:
        self._left = Left(deleted=deleted, versions=versions)

    def delete(self, container: str, name: str) -> bool:
        return False

    def left(self, container: str, name: str) -> Left:
        return self._left


def _kept(blobs: Any, *, after: timedelta) -> KeptBlob:
    nobody: Any = None
    return Files(blobs, nobody, now=lambda: _DELETED + after).delete("files", "one")


@pytest.mark.parametrize(
    ("after", "left"),
    [
        (timedelta(), 6),  # Azure told so in the second of the deletion
        (timedelta(milliseconds=-500), 6),  # the clock that we ask is behind
        (timedelta(hours=3), 6),
        (timedelta(days=1, hours=3), 5),
        (timedelta(days=1, seconds=-5), 5),  # as by Azure's other clock a day is over
        (timedelta(days=6, hours=23), 0),
    ],
)
def test_a_blob_goes_so_many_whole_days_after_its_deletion_as_azure_told_to_the_day(
    after: timedelta, left: int
) -> None:
    assert _kept(_Blobs([(_DELETED, left)]), after=after).until == _DELETED + timedelta(days=7)


def test_of_several_that_are_kept_the_one_that_goes_last_counts_not_the_one_that_was_deleted_last() -> None:
    younger = (_DELETED + timedelta(days=2), 6)  # under a week; the other one under a month
    kept = _kept(_Blobs([(_DELETED, 27), younger]), after=timedelta(days=2, hours=1))
    assert kept.until == _DELETED + timedelta(days=30)


def test_a_blob_of_which_versions_alone_are_left_is_there_and_they_are_told() -> None:
    assert _kept(_Blobs([], versions=2), after=timedelta()) == KeptBlob(until=None, versions=2)
