"""What every place for the engine's state must do: a folder, and blobs of a sandbox's storage account."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tenantry.adapters.engine_store import FolderStore, Store
from tenantry.errors import UnavailableError
from tests.support.sandbox import running_sandbox
from tests.support.team import Team, make_team

_FOLDER = ".pulumi/locks/organization/tenantry"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """One account for the tests of this file."""
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "fleet") as sandbox:
        yield make_team(sandbox)


def _folder(request: pytest.FixtureRequest) -> Store:
    return FolderStore(request.getfixturevalue("tmp_path"))


def _blobs(request: pytest.FixtureRequest) -> Store:
    team: Team = request.getfixturevalue("team")
    return team.store()


@pytest.fixture(params=[_folder, _blobs], ids=["folder", "blobs"])
def store(request: pytest.FixtureRequest) -> Store:
    make: Callable[[pytest.FixtureRequest], Store] = request.param
    return make(request)


@pytest.fixture
def stack() -> str:
    """A name of the test's own: the account is shared."""
    return f"tn{uuid.uuid4().hex[:10]}"


def _word(stack: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9-]){stack}(?![a-z0-9-])")


def test_what_was_never_written_is_not_there(store: Store, stack: str) -> None:
    name = f".pulumi/stacks/tenantry/{stack}.json"
    assert not store.exists(name)
    assert store.read(name) is None
    assert list(store.names(f"{_FOLDER}/{stack}")) == []
    assert list(store.having(_word(stack))) == []


def test_what_was_written_is_read_and_replaced_whole(store: Store, stack: str) -> None:
    name = f".pulumi/stacks/tenantry/{stack}.json"
    store.write(name, "é" * 1000)
    store.write(name, "a short one\n")
    assert store.exists(name)
    assert store.read(name) == "a short one\n"
    assert name in store.where(name)


def test_names_are_of_a_folder_alone_and_in_order(store: Store, stack: str) -> None:
    here = f"{_FOLDER}/{stack}"
    for name in (f"{here}/b.json", f"{here}/a.json", f"{here}/deep/c.json", f"{here}-2/d.json"):
        store.write(name, "{}")
    assert list(store.names(here)) == [f"{here}/a.json", f"{here}/b.json"]


def test_removing_is_repeatable(store: Store, stack: str) -> None:
    name = f".pulumi/stacks/tenantry/{stack}.json"
    store.write(name, "{}")
    store.remove(name)
    store.remove(name)
    assert not store.exists(name)


def test_all_that_carries_a_name_is_found_and_can_be_removed(store: Store, stack: str) -> None:
    mine = [
        f".pulumi/stacks/tenantry/{stack}.json",
        f".pulumi/stacks/tenantry/{stack}.json.bak",
        f".pulumi/history/tenantry/{stack}/{stack}-1.history.json",
    ]
    others = [f".pulumi/stacks/tenantry/{stack}2.json", f".pulumi/stacks/tenantry/{stack}-b.json"]
    for name in (*mine, *others):
        store.write(name, "{}")
    found = store.having(_word(stack))
    assert all(any(name.startswith(one) for one in found) for name in mine)
    assert not any(name.startswith(one) for one in found for name in others)
    for name in found:
        store.remove(name)
    assert list(store.having(_word(stack))) == []
    assert all(store.exists(name) for name in others)


@pytest.fixture(params=["folder", "blobs"])
def unreachable(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store whose folder is a file, or whose container is not there."""
    if request.param == "folder":
        (tmp_path / "file").touch()
        return FolderStore(tmp_path / "file")
    team: Team = request.getfixturevalue("team")
    return team.store(container="nowhere")


@pytest.mark.parametrize(
    "act",
    [lambda store: store.read("a"), lambda store: store.write("a", "b"), lambda store: store.remove("a")],
    ids=["read", "write", "remove"],
)
def test_a_store_that_cannot_be_worked_on_is_told_with_where_and_what_to_do(
    unreachable: Store, act: Callable[[Store], object]
) -> None:
    with pytest.raises(UnavailableError, match=re.escape(unreachable.where("a"))) as error:
        act(unreachable)
    assert error.value.hint


def test_tidying_takes_what_a_cut_off_write_left_and_nothing_else(store: Store, stack: str) -> None:
    checkpoint = f".pulumi/stacks/tenantry/{stack}.json"
    cut_off = f"{checkpoint}.bak.18ec20f261541e36.tmp"
    kept = (checkpoint, f"{_FOLDER}/{stack}/a.json", f".pulumi/stacks/tenantry/{stack}-2.json.0123.tmp")
    for name in kept:
        store.write(name, "{}")
    if isinstance(store, FolderStore):  # a blob is written whole or not at all
        store.write(cut_off, "{")
    store.tidy(_word(stack))
    assert [store.exists(name) for name in (*kept, cut_off)] == [True, True, True, False]
