"""Whoever looks at blobs, and why, stands in the journal; what a blob is called does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tenantry.adapters.clock import SystemClock
from tenantry.adapters.register import open_register
from tenantry.errors import BusyError, FailedError, SpecError, UsageError
from tenantry.journeys import blobs as journeys
from tenantry.journeys.services import Services
from tenantry.model.names import new_opaque_name
from tenantry.model.profile import Service
from tenantry.model.status import KeptBlob, StoredBlob
from tenantry.ports import Instance, Lease, OnEvent, Request
from tests.journeys.sweep import spec_and_profile

_PERSON = "scan-of-ada-lovelace.pdf"
_UNTIL = datetime(2026, 12, 1, 12, tzinfo=UTC)


class _Target:
    """Has one blob, and says for what it was opened."""

    def __init__(self) -> None:
        self.opened_to_change = list[bool]()
        self.there = True
        self.kept = KeptBlob(until=_UNTIL)

    @contextmanager
    def blobs(self, request: Request, lease: Lease, on_event: OnEvent, *, change: bool) -> Iterator[_Target]:
        self.opened_to_change.append(change)
        yield self

    def listed(self, container: str, prefix: str) -> Sequence[StoredBlob]:
        return [StoredBlob(container="files", name=_PERSON, size_bytes=3, changed=_UNTIL, type="")]

    def read(self, container: str, name: str) -> Iterator[bytes]:
        if not self.there:
            raise FailedError("the container files has no blob of that name", code="no-blob")
        yield from (b"on", b"e")

    def delete(self, container: str, name: str) -> KeptBlob:
        return self.kept


def _services(folder: Path, *, has: frozenset[Service]) -> tuple[Services, Instance, _Target]:
    spec, profile = spec_and_profile()
    register = open_register(f"sqlite:///{folder}/register.db", host="one", clock=SystemClock())
    instance = register.add(spec=spec, opaque=new_opaque_name(), url="", ports=(), with_uid=False)
    target: Any = _Target()
    services = Services(
        register=register,
        target=target,
        vault=lambda _: target,
        clock=SystemClock(),
        person="Grace",
        on_event=lambda _: None,
        load=lambda _: (spec, dataclasses.replace(profile, services=has)),
    )
    return services, instance, target


def _texts(services: Services) -> list[str]:
    return [str(one.text) for one in services.register.journal()]


def test_the_journal_says_who_looked_why_and_where_and_no_name_of_a_blob(tmp_path: Path) -> None:
    services, instance, target = _services(tmp_path, has=frozenset({Service.BLOBS}))
    told: Any = {"services": services, "reason": "ticket 7"}
    assert [one.name for one in journeys.listed(instance, "", prefix="scan", **told)] == [_PERSON]
    got = list[bytes]()
    journeys.read(instance, "files", _PERSON, got.append, **told)
    assert b"".join(got) == b"one"
    assert journeys.delete(instance, "files", _PERSON, **told) == target.kept
    assert target.opened_to_change == [False, False, True]
    target.there = False
    with pytest.raises(FailedError):
        journeys.read(instance, "files", _PERSON, got.append, **told)
    texts = _texts(services)
    assert [one for one in texts if "ada" in one.lower()] == []
    assert {
        "Grace listed the blobs of all containers: ticket 7",
        "Grace read a blob of the container files: ticket 7",
        "Grace set out to delete a blob of the container files: ticket 7",
        "the blob is deleted: kept until 2026-12-01",
    } <= set(texts)


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        (KeptBlob(until=None), "the blob is deleted: nothing of it is kept"),
        (KeptBlob(until=None, versions=2), "the blob is deleted: earlier versions kept without end: 2"),
        (
            KeptBlob(until=_UNTIL, versions=1),
            "the blob is deleted: kept until 2026-12-01, earlier versions kept without end: 1",
        ),
    ],
)
def test_the_journal_says_all_that_is_kept_of_a_deleted_blob(
    tmp_path: Path, kept: KeptBlob, told: str
) -> None:
    services, instance, target = _services(tmp_path, has=frozenset({Service.BLOBS}))
    target.kept = kept
    journeys.delete(instance, "files", _PERSON, services=services, reason="ticket 7")
    assert told in _texts(services)


def test_a_workload_without_blobs_is_refused_before_anything_is_recorded(tmp_path: Path) -> None:
    services, instance, target = _services(tmp_path, has=frozenset({Service.DATABASE}))
    before = _texts(services)
    with pytest.raises(SpecError) as refused:
        journeys.listed(instance, "", prefix="", services=services, reason="ticket 7")
    assert (refused.value.code, target.opened_to_change, _texts(services)) == ("no-blobs", [], before)


@pytest.mark.parametrize(
    ("container", "name", "code"),
    [
        ("", "one.txt", "bad-container"),
        ("Files", "one.txt", "bad-container"),
        ("files/../reports", "one.txt", "bad-container"),
        ("files", "", "bad-blob"),
        ("files", "x" * 1025, "bad-blob"),
        ("files", "\udcff.txt", "bad-blob"),
    ],
)
def test_what_can_be_no_name_is_refused_before_anything_is_recorded(
    tmp_path: Path, container: str, name: str, code: str
) -> None:
    services, instance, target = _services(tmp_path, has=frozenset({Service.BLOBS}))
    before = _texts(services)
    with pytest.raises(UsageError) as read:
        journeys.read(instance, container, name, bytes, services=services, reason="ticket 7")
    with pytest.raises(UsageError) as deleted:
        journeys.delete(instance, container, name, services=services, reason="ticket 7")
    assert [read.value.code, deleted.value.code] == [code, code]
    assert (target.opened_to_change, _texts(services)) == ([], before)


def test_nothing_is_opened_while_another_operation_holds_the_instance(tmp_path: Path) -> None:
    services, instance, target = _services(tmp_path, has=frozenset({Service.BLOBS}))
    with (
        services.register.lease(instance, kind="deploy", person="Ada", reason=""),
        pytest.raises(BusyError),
    ):
        journeys.listed(instance, "", prefix="", services=services, reason="ticket 7")
    assert target.opened_to_change == []
