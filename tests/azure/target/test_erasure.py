"""Steps of an erasure, at a Resource Manager in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tenantry.adapters.azure_answers import Answer
from tenantry.errors import FailedError, Problem, RefusedError, TenantryError, UnavailableError
from tenantry.model.azure_names import AzureNames
from tenantry.model.status import Residue
from tenantry.ports import Event
from tenantry.targets.azure import content
from tenantry.targets.azure.erasure import _Erasure

_NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
_NAMES = AzureNames.of("kenya", "san", "abc234")
_GROUP = f"/subscriptions/s/resourceGroups/{_NAMES.resource_group}"
_SITE = f"{_GROUP}/providers/Microsoft.Web/sites/{_NAMES.site}"
_SERVER = f"{_GROUP}/providers/Microsoft.DBforPostgreSQL/flexibleServers/{_NAMES.server}"


class _Files:
    """A site's management: the files below /home, by path; what it never lets go of."""

    def __init__(self, *files: str, held: str = "", answers: bool = True) -> None:
        self.files = set(files)
        self.held, self.answers = held, answers

    def call(self, method: str, path: str, *, query: Any = None, headers: Any = None) -> Answer:
        if not self.answers:
            raise UnavailableError("the site does not answer", code="cloud-unreachable")
        place = path.removeprefix("/api/vfs/")
        found = sorted(one for one in self.files if one.startswith(place))
        if method == "GET":
            tops = {one.removeprefix(place).partition("/")[::2] for one in found}
            rows = [_row(f"/home/{place}{top}", top, is_folder=bool(more)) for top, more in sorted(tops)]
            rows.append({"name": "SystemDrive", "mime": "inode/directory", "path": "/"})
            return Answer(status=200 if found or not place else 404, body=rows, headers={})
        assert query == ({"recursive": "true"} if place.endswith("/") else {})
        if self.held and place and self.held.startswith(place):
            return Answer(status=409, body={"Message": "in use"}, headers={})
        self.files -= set(found)
        return Answer(status=200, body=None, headers={})


def _row(path: str, name: str, *, is_folder: bool) -> dict[str, Any]:
    return {"name": name, "path": path, "mime": "inode/directory" if is_folder else "text/plain"}


class _Manager:
    """Has a site, a server and its backups; keeps what it was asked to do, in order."""

    def __init__(self, *, copied: bool = False) -> None:
        backup = {"geoRedundantBackup": "Enabled" if copied else "Disabled"}
        self.bodies: dict[str, Any] = {_SITE: {}, _SERVER: {"properties": {"backup": backup}}}
        self.backups = {"auto": "Full", "asked": "Customer On-Demand", "held": "Customer On-Demand"}
        self.done: list[tuple[str, str]] = []

    def get(self, path: str, version: str, **query: str) -> Any:
        return self.bodies.get(path)

    def list(self, path: str, version: str, **query: str) -> Sequence[Any]:
        assert path == f"{_SERVER}/backups"
        return [{"name": name, "properties": {"backupType": one}} for name, one in self.backups.items()]

    def post(self, path: str, version: str, body: Any = None) -> None:
        self.done.append(("POST", path))

    def put_only(self, path: str, version: str, body: Any) -> None:
        self.done.append(("PUT", path))

    def delete(self, path: str, version: str, **query: str) -> bool:
        if path.endswith("/backups/held"):
            raise FailedError("it is in use", code="conflict")
        self.done.append(("DELETE", path))
        return self.bodies.pop(path, None) is not None


@dataclasses.dataclass
class _World:
    """An erasure with what it noted and told."""

    manager: _Manager
    files: _Files
    noted: list[Residue] = dataclasses.field(default_factory=list)
    told: list[str] = dataclasses.field(default_factory=list)
    region: str = "southafricanorth"

    def run(self) -> _Erasure:
        access = SimpleNamespace(subscription_id="s", cloud=SimpleNamespace(sites_suffix="azurewebsites.net"))
        clients = SimpleNamespace(arm=self.manager, access=access, now=lambda: _NOW, site=self._site)
        target: Any = SimpleNamespace(
            clients=lambda _: clients,
            names=lambda _: _NAMES,
            region=lambda _: self.region,
            record_residues=lambda _: None,
            record_residue=lambda _, one: self.noted.append(one),
        )
        instance: Any = None
        return _Erasure(target, instance)

    def tell(self, event: Event) -> None:
        self.told.append(event.text)

    def _site(self, name: str) -> _Files:
        assert name == _NAMES.site
        return self.files


def test_a_stopped_site_is_emptied_before_its_settings_and_that_is_noted() -> None:
    files = _Files(
        "data/people/one.txt", "own.db", "site/wwwroot/app.js", "site/locks/deploy", "LogFiles/a.log"
    )
    world = _World(_Manager(), files)
    world.run().empty_site(world.tell)
    assert files.files == {"site/locks/deploy"}, "the management's own"
    assert world.manager.done == [("POST", f"{_SITE}/stop"), ("PUT", f"{_SITE}/config/appsettings")]
    assert [("emptied before" in one.what, one.until) for one in world.noted] == [
        (True, _NOW + timedelta(days=30))
    ]


def test_a_site_whose_management_does_not_answer_is_noted_as_not_emptied_and_the_rest_goes_on() -> None:
    world = _World(_Manager(), _Files("data/people/one.txt", answers=False))
    run = world.run()
    run.empty_site(world.tell)
    run.delete_site(world.tell)
    assert [one for _, one in world.manager.done] == [f"{_SITE}/stop", f"{_SITE}/config/appsettings", _SITE]
    assert [one.where for one in world.noted] == [_SITE, _SITE]
    assert all("could not be deleted (the site does not answer)" in one.what for one in world.noted)
    assert world.told == ["the site's files could not be deleted: the site does not answer"]


def test_a_file_that_stays_is_not_told_as_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_PATIENCE_SECONDS", 0.0)
    files: Any = _Files("data/one.txt", "data2/two.txt", held="data/one.txt")
    with pytest.raises(FailedError, match=r"^data/ is still there"):
        content.emptied(files)


def test_backups_that_somebody_asked_for_go_before_the_server_and_what_does_not_go_goes_with_it() -> None:
    world = _World(_Manager(), _Files())
    world.run().delete_server(world.tell)
    assert world.manager.done == [("DELETE", f"{_SERVER}/backups/asked"), ("DELETE", _SERVER)]
    assert world.told[-1] == "the backup held goes with the server: it is in use"
    assert {one.where for one in world.noted} == {_SERVER}
    assert all("nothing shortens the time" in one.what for one in world.noted)


def test_the_copy_of_the_backups_in_the_pair_is_noted_where_there_is_one() -> None:
    world = _World(_Manager(copied=True), _Files())
    world.run().delete_server(world.tell)
    assert {one.where for one in world.noted} == {_SERVER, f"{_SERVER}/backups/southafricawest"}


def test_the_copy_of_the_backups_is_noted_in_another_cloud_too() -> None:
    world = _World(_Manager(copied=True), _Files(), region="usgovvirginia")
    world.run().delete_server(world.tell)
    assert {one.where for one in world.noted} == {_SERVER, f"{_SERVER}/backups/usgovtexas"}


class _Refusing:
    """A Resource Manager that refuses every call so; counts them."""

    def __init__(self, error: TenantryError, *, until: int = 10**6) -> None:
        self._error, self._until = error, until
        self.calls = 0

    def _refuse(self, path: str, version: str) -> None:
        self.calls += 1
        if self.calls <= self._until:
            raise self._error

    post = delete = _refuse


def _erasing(
    manager: _Refusing, monkeypatch: pytest.MonkeyPatch, in_the_way: Mapping[str, Problem] | None = None
) -> tuple[_Erasure, list[float]]:
    slept: list[float] = []
    monkeypatch.setattr("tenantry.targets.azure.erasure.time.sleep", slept.append)
    clients = SimpleNamespace(arm=manager, access=SimpleNamespace(subscription_id="s"))
    target: Any = SimpleNamespace(
        clients=lambda _: clients, names=lambda _: _NAMES, obstacles=lambda _: in_the_way or {}
    )
    instance: Any = None
    return _Erasure(target, instance), slept


def test_a_purge_that_purge_protection_forbids_is_no_failure_and_is_asked_for_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = 'Operation "purge" is not allowed because purge protection is enabled for this vault.'
    manager = _Refusing(RefusedError(f"POST x: Forbidden: {said}", code="forbidden"))
    run, slept = _erasing(manager, monkeypatch)
    run._purge("/x/purge", "1", existed=True)
    assert (manager.calls, slept) == (1, [])


def test_a_purge_without_the_right_to_it_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = _erasing(_Refusing(RefusedError("POST x: Forbidden: no", code="forbidden")), monkeypatch)
    with pytest.raises(RefusedError):
        run._purge("/x/purge", "1", existed=True)


@pytest.mark.parametrize(("until", "calls"), [(2, 3), (10**6, 4)])
def test_a_group_whose_subnet_is_in_use_is_deleted_when_that_is_over(
    monkeypatch: pytest.MonkeyPatch, until: int, calls: int
) -> None:
    error = FailedError("the subnet is in use", code="in-use-subnet-cannot-be-deleted")
    manager = _Refusing(error, until=until)
    run, slept = _erasing(manager, monkeypatch)
    with pytest.raises(FailedError) if until > calls else nullcontext():
        run.delete_group(lambda _: None)
    assert manager.calls == calls
    assert slept == sorted(slept)


def test_what_somebody_put_into_the_group_during_the_erasure_stops_its_deletion(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manager = _Refusing(FailedError("deleted"))
    theirs = Problem(code="foreign-resource", message="it is somebody's", hint="move it")
    run, _ = _erasing(manager, monkeypatch, {"/vm": theirs})
    with pytest.raises(FailedError) as refused:
        run.delete_group(lambda _: None)
    assert ([*refused.value.problems], manager.calls) == ([theirs], 0)


def test_that_the_activity_log_tells_of_it_is_noted_with_its_date() -> None:
    world = _World(_Manager(), _Files())
    world.run().note_residues(world.tell)
    (noted,) = world.noted
    assert (noted.is_record, noted.until) == (True, _NOW + timedelta(days=90))


class _Locked(_Manager):
    """Has locks, and keeps the order of what is told and of what is deleted."""

    def __init__(self, *locked: str) -> None:
        super().__init__()
        self.locked = locked

    def list(self, path: str, version: str, **query: str) -> Sequence[Any]:
        assert path == "/subscriptions/s/providers/Microsoft.Authorization/locks"
        return [{"id": one} for one in self.locked]


def test_each_own_lock_is_to_be_recorded_with_its_id_before_the_first_is_lifted_and_no_other_is() -> None:
    at = "/providers/Microsoft.Authorization/locks/tenantry-holds-data"
    ours = [f"{_SERVER}{at}", f"{_SITE}{at}"]
    manager = _Locked(*ours, f"{_GROUP}-2/providers/Microsoft.Web/sites/theirs{at}")
    told: list[Event] = []

    def tell(event: Event) -> None:
        assert manager.done == [], "said before it is done"
        told.append(event)

    _World(manager, _Files()).run().lift_locks(tell)
    assert [(one.text, one.recorded) for one in told] == [(f"lift the lock {one}", True) for one in ours]
    assert sorted(manager.done) == sorted(("DELETE", one) for one in ours)
