"""What of an erased instance can be recovered, and what only tells of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tenantry.journeys.residues import Kept
from tenantry.model.status import RECORD, Presence, Residue
from tests.support.instances import recorded

_AT = datetime(2026, 11, 1, tzinfo=UTC)
_LOG = Residue(where="/log", what="names", since=_AT, until=_AT + timedelta(days=90), kind=RECORD)


def _kept(*residues: Residue) -> Kept:
    return Kept(instance=recorded(), residues=residues, seen_at=_AT)


def test_a_record_that_stays_is_nothing_that_can_be_recovered() -> None:
    kept = _kept(_LOG)
    assert (kept.nothing_recoverable, kept.recoverable_until) == (True, None)


def test_what_can_be_recovered_has_its_own_date_beside_a_record() -> None:
    vault = Residue(
        where="/vault", what="keys", since=_AT, until=_AT + timedelta(days=7), kind="soft-deleted"
    )
    kept = _kept(_LOG, vault)
    assert (kept.nothing_recoverable, kept.recoverable_until) == (False, vault.until)


def test_what_nobody_could_look_at_may_be_recoverable() -> None:
    unseen = Residue(where="/var/log", what="not searched", since=_AT, observed=Presence.UNKNOWN)
    assert not _kept(_LOG, unseen).nothing_recoverable
