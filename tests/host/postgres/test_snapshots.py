from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import FailedError, RefusedError
from tenantry.providers.host.executor import Executor, Ran
from tenantry.providers.host.snapshots import SnapshotRepository, Snapshots
from tests.host.postgres.support import Rig, killed_after, lend, run_and_kill_everywhere, wait_for
from tests.support.session import HostFolders

PASSWORD = "the-password-of-the-snapshots-3"


def handler(rig: Rig) -> Snapshots:
    return Snapshots(rig.executor, rig.layout)


def inputs(rig: Rig, **changes: Any) -> dict[str, Any]:
    return {
        "repoPath": str(rig.layout.file_backups(rig.opaque)),
        "password": PASSWORD,
        "uid": rig.uid,
        "folders": [str(uploads(rig))],
        "keep": 2,
        **changes,
    }


def uploads(rig: Rig) -> Path:
    return rig.layout.home(rig.opaque) / "uploads"


def repository(rig: Rig, **changes: Any) -> SnapshotRepository:
    return SnapshotRepository.of(rig.executor, inputs(rig, **changes))


def seen(rig: Rig) -> dict[str, Any]:
    observed = handler(rig).read("", inputs(rig))
    assert observed is not None
    return {key: value for key, value in observed.inputs.items() if inputs(rig).get(key, "-") != value}


@pytest.fixture(scope="module")
def instance(module_host_folders: HostFolders) -> Iterator[Rig]:
    with lend(module_host_folders) as lent:
        lent.executor.folder(uploads(lent), mode=0o700, uid=lent.uid)
        lent.executor.write(uploads(lent) / "letter.txt", "Dear Amina", mode=0o600, uid=lent.uid)
        yield lent


@pytest.fixture
def made(instance: Rig) -> Iterator[Rig]:
    handler(instance).create(inputs(instance))
    yield instance
    handler(instance).delete("", inputs(instance))


def test_creating_it_again_changes_nothing(made: Rig) -> None:
    handler(made).create(inputs(made))
    assert seen(made) == {}


def test_a_snapshot_is_taken_listed_and_says_what_it_holds(made: Rig) -> None:
    record = repository(made).back_up()
    listed = repository(made).list_backups()
    assert [(one.id, one.finished, one.size_bytes) for one in listed] == [
        (record.id, record.finished, record.size_bytes)
    ]
    assert record.kind == "files"
    assert record.size_bytes == len("Dear Amina")
    assert record.started <= record.finished


def test_only_the_newest_snapshots_are_kept(made: Rig) -> None:
    ids = [repository(made).back_up().id for _ in range(3)]
    assert [record.id for record in repository(made).list_backups()] == [ids[2], ids[1]]


def test_the_repository_holds_nothing_in_plain(made: Rig) -> None:
    repository(made).back_up()
    files = [one for one in repository(made).path.rglob("*") if one.is_file()]
    assert not any(b"Amina" in one.read_bytes() or PASSWORD.encode() in one.read_bytes() for one in files)


def test_another_password_opens_nothing_and_is_not_told(made: Rig) -> None:
    with pytest.raises(FailedError, match="wrong password") as caught:
        repository(made, password="not-the-password-4").list_backups()
    assert "not-the-password" not in str(caught.value)


def test_a_key_added_by_hand_is_drift_and_is_removed(made: Rig) -> None:
    further = repository(made).path / "keys" / ("ab" * 32)
    further.write_text("{}")
    assert seen(made) == {"keys": [further.name]}
    handler(made).update("", inputs(made), inputs(made))
    assert seen(made) == {}


@pytest.mark.parametrize("part", ["config", "keys"])
def test_a_repository_that_lost_a_part_is_reported(made: Rig, part: str) -> None:
    target = repository(made).path / part
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    with pytest.raises(FailedError) as caught:
        seen(made)
    assert caught.value.code == "data-lost"


def test_a_lost_repository_is_never_made_anew(made: Rig) -> None:
    shutil.rmtree(repository(made).path)
    with pytest.raises(FailedError) as lost:
        seen(made)
    with pytest.raises(RefusedError) as not_created:
        handler(made).create(inputs(made))
    assert {lost.value.code, not_created.value.code} == {"data-lost"}


def test_a_half_made_repository_is_made_again(instance: Rig) -> None:
    handler(instance).create(inputs(instance))
    path = repository(instance).path
    (path / "config").unlink()
    path.with_name(path.name + ".made").unlink()
    handler(instance).create(inputs(instance))
    try:
        assert seen(instance) == {}
        assert repository(instance).list_backups() == []
    finally:
        handler(instance).delete("", inputs(instance))


def test_a_create_that_is_killed_at_every_point_is_finished_by_the_next_one(instance: Rig) -> None:
    def finish_and_begin_anew() -> None:
        handler(instance).create(inputs(instance))
        assert seen(instance) == {}
        handler(instance).delete("", inputs(instance))

    create = lambda: handler(instance).create(inputs(instance))  # noqa: E731
    try:
        assert run_and_kill_everywhere(create, between=finish_and_begin_anew) >= 4
    finally:
        handler(instance).delete("", inputs(instance))


def test_a_lock_of_a_killed_restic_does_not_block_the_next_snapshot(made: Rig) -> None:
    take = lambda: repository(made).back_up()  # noqa: E731
    locks = repository(made).path / "locks"
    with killed_after(made, take, point="before restic"):
        wait_for(lambda: any(locks.iterdir()))
        repository(made).end_leftovers()
    repository(made).back_up()
    assert len(repository(made).list_backups()) == 1


def test_what_restic_packs_lies_in_the_repository_and_nowhere_else(made: Rig) -> None:
    class Noting(Executor):
        def run(self, argv: Sequence[str], **options: Any) -> Ran:
            temporary.append(options["env"].get("TMPDIR"))
            return super().run(argv, **options)

    temporary: list[str | None] = []
    SnapshotRepository.of(Noting(), inputs(made)).back_up()
    assert set(temporary) == {str(repository(made).path)}


def test_deleting_leaves_nothing_and_may_be_repeated(made: Rig) -> None:
    repository(made).back_up()
    for _ in range(2):
        handler(made).delete("", inputs(made))
    assert list(repository(made).path.parent.iterdir()) == []
