"""What was changed or deleted by hand is named, and put back; what is lost is never made anew.

Each resource type of the host is changed once and deleted once. Much is done at
a time, as one careless hour of a person would: one look must tell all of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tenantry.model.spec import HostSettings
from tenantry.providers.host import limits
from tenantry.providers.host.supervisor import wait_until
from tenantry.providers.host.table import handlers
from tests.support.by_hand import Hands, run
from tests.support.installation import EXAMPLES, Answer, Installation
from tests.support.people import wait_until as await_

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a Unix user per instance"),
]

_LIMITED = pytest.mark.skipif(not limits.available(), reason="the machine grants no control groups")


@dataclass(frozen=True, kw_only=True)
class Deed:
    """Something done by hand, and the resource that must be named for it."""

    type: str
    resource: str
    do: Callable[[Hands], None]


# --- changed ---


def _add_line(path: Path) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("# by hand\n")


def _lower_limit(hands: Hands) -> None:
    for group in limits.cgroups_of(hands.layout, hands.opaque):
        if (group / "pids.max").exists():
            (group / "pids.max").write_text("400")


def _add_rule(hands: Hands) -> None:
    table = f"tenantry_{hands.layout.host_id}"
    run("nft", "add", "rule", "inet", table, hands.opaque, "tcp", "dport", str(hands.port), "accept")


def _add_key(hands: Hands) -> None:
    """Let another password open the repository."""
    from tests.support.people import secrets_of

    secret = secrets_of(hands.installed, hands.opaque)["backup.files.password"]
    password = hands.installed.host.runtime / "another"
    password.write_text("another-password\n")
    password.chmod(0o644)
    repository = hands.layout.file_backups(hands.opaque)
    options = ("--no-cache", "key", "add", "--new-password-file", password)
    run("restic", f"--repo={repository}", *options, uid=hands.uid, env={"RESTIC_PASSWORD": secret})
    password.unlink()


def _add_settings(hands: Hands) -> None:
    _add_line(hands.layout.cluster(hands.opaque, 1) / "conf.d" / "zz.conf")


def _take_route_down(hands: Hands) -> None:
    path = hands.layout.proxy_runtime / "sites" / f"{hands.opaque}.json"
    site = json.loads(path.read_text())
    path.write_text(json.dumps({**site, "upstreamPort": 9}))


CHANGED: Sequence[Deed] = (
    Deed(type="Account", resource="account", do=lambda h: _quiet("usermod", "--shell", "/bin/sh", h.opaque)),
    Deed(type="Volume", resource="volume", do=lambda h: os.chown(h.home, 0, 0)),
    Deed(type="Folder", resource="logs", do=lambda h: (h.home / "logs").chmod(0o755)),
    Deed(
        type="DataFolder",
        resource="folder-uploads",
        do=lambda h: h.layout.folder(h.opaque, "uploads").chmod(0o777),
    ),
    Deed(
        type="SecretFiles",
        resource="certificates",
        do=lambda h: _add_line(h.layout.secrets(h.opaque) / "database.authority.certificate"),
    ),
    Deed(type="Limits", resource="limits", do=_lower_limit),
    Deed(type="Guard", resource="guard", do=_add_rule),
    Deed(type="Package", resource="package", do=lambda h: _add_line(h.package / "server.js")),
    Deed(
        type="Database",
        resource="database",
        do=lambda h: _sql(h, f'grant connect on database "{h.opaque}" to public'),
    ),
    Deed(
        type="Role",
        resource="role-support_1",
        do=lambda h: _sql(h, "alter role support_1 password 'by-hand'"),
    ),
    Deed(
        type="Stanza",
        resource="database-backups",
        do=lambda h: _add_line(h.layout.private(h.opaque) / "pgbackrest.conf"),
    ),
    Deed(type="Snapshots", resource="folder-backups", do=_add_key),
    Deed(
        type="Task",
        resource="migration",
        do=lambda h: _sql(
            h,
            "drop table registrations.attachment",
            "delete from registrations.schema_version where version = 2",
            database=h.opaque,
        ),
    ),
    Deed(type="Cluster", resource="cluster", do=_add_settings),
    Deed(type="Process", resource="process-web", do=lambda h: _add_line(h.web / "run")),
    Deed(type="Site", resource="site", do=_take_route_down),
)

# --- deleted, and nothing is lost by it ---


def _delete_account(hands: Hands) -> None:
    run("userdel", "--force", hands.opaque)


def _delete_limits(hands: Hands) -> None:
    """Take the processes out of the instance's groups, then remove these."""
    for group in limits.cgroups_of(hands.layout, hands.opaque):

        def gone(group: Path = group) -> bool:
            for pid in (group / "cgroup.procs").read_text().split():
                with contextlib.suppress(OSError):
                    (group.parent.parent / "cgroup.procs").write_text(pid)
            with contextlib.suppress(OSError):
                group.rmdir()
            return not group.exists()

        assert wait_until(gone, seconds=10)


def _delete_package(hands: Hands) -> None:
    copy = hands.package
    shutil.rmtree(copy)
    shutil.rmtree(copy.with_name(f"{copy.name}.refs"))


DELETED: Sequence[Deed] = (
    # The role while the database lets anybody in, the account last: without it nobody is let in as it.
    Deed(
        type="Role",
        resource="role-support_1",
        do=lambda h: _sql(h, "drop owned by support_1", "drop role support_1", database=h.opaque),
    ),
    Deed(
        type="Task",
        resource="bootstrap",
        do=lambda h: _sql(h, "delete from registrations.account", database=h.opaque),
    ),
    Deed(type="Folder", resource="logs", do=lambda h: shutil.rmtree(h.home / "logs")),
    Deed(type="SecretFiles", resource="certificates", do=lambda h: shutil.rmtree(h.layout.secrets(h.opaque))),
    Deed(type="Limits", resource="limits", do=_delete_limits),
    Deed(
        type="Guard",
        resource="guard",
        do=lambda h: _quiet("nft", "delete", "chain", "inet", f"tenantry_{h.layout.host_id}", h.opaque),
    ),
    Deed(type="Package", resource="package", do=_delete_package),
    Deed(type="Process", resource="process-web", do=lambda h: shutil.rmtree(h.web)),
    Deed(
        type="Site",
        resource="site",
        do=lambda h: (h.layout.proxy_runtime / "sites" / f"{h.opaque}.json").unlink(),
    ),
    Deed(type="Account", resource="account", do=_delete_account),
)


# --- lost: it held the client's data ---


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Data that are gone, until they are found again."""

    type: str
    resource: str
    gone: Callable[[Hands], contextlib.AbstractContextManager[None]]
    made_anew: Callable[[Hands], bool]


def _path_lost(type_: str, resource: str, place: Callable[[Hands], Path]) -> Loss:
    return Loss(
        type=type_,
        resource=resource,
        gone=lambda hands: hands.away(place(hands)),
        made_anew=lambda hands: os.path.lexists(place(hands)),
    )


@contextlib.contextmanager
def _database_gone(hands: Hands) -> Iterator[None]:
    """Rename it: to all who ask for it by its name it was dropped, and it can come back."""
    name, away = hands.opaque, f"{hands.opaque}_away"
    end = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
    hands.sql(f'alter database "{name}" allow_connections false', end)
    hands.sql(end, f'alter database "{name}" rename to "{away}"')
    try:
        yield
    finally:
        back = f'alter database "{away}" rename to "{name}"'
        hands.sql(back, f'alter database "{name}" allow_connections true')


def _has_database(hands: Hands) -> bool:
    return hands.sql(f"select 1 from pg_database where datname = '{hands.opaque}'") == "1"


LOST: Sequence[Loss] = (
    Loss(type="Database", resource="database", gone=_database_gone, made_anew=_has_database),
    _path_lost("DataFolder", "folder-uploads", lambda h: h.layout.folder(h.opaque, "uploads")),
    _path_lost("Stanza", "database-backups", lambda h: h.layout.database_backups(h.opaque)),
    _path_lost("Snapshots", "folder-backups", lambda h: h.layout.file_backups(h.opaque)),
    _path_lost("Cluster", "cluster", lambda h: h.layout.cluster(h.opaque, 1)),
    _path_lost("Volume", "volume", lambda h: h.layout.volume(h.opaque)),
)


def _quiet(*argv: str) -> None:
    run(*argv)


def _sql(hands: Hands, *statements: str, database: str = "postgres") -> None:
    hands.sql(*statements, database=database)


@pytest.fixture(scope="module")
def hands(benin: Installation) -> Hands:
    return Hands.on(benin, "benin")


@dataclass(frozen=True, kw_only=True)
class Mended:
    """What was seen of a group of deeds, and what a deploy made of it."""

    named: Mapping[str, str]  # resources in the list of drift, and how each differs
    seen: Answer
    deployed: Answer
    health: Mapping[str, tuple[str, str]]


def _mend(hands: Hands, deeds: Sequence[Deed]) -> Mended:
    for deed in deeds:
        if deed.type != "Limits" or limits.available():
            deed.do(hands)
    seen = hands.drift()
    deployed = hands.deploy()
    return Mended(
        named={one["name"]: one["kind"] for one in seen.data["changes"]},
        seen=seen,
        deployed=deployed,
        health=hands.bad(),
    )


@pytest.fixture(scope="module")
def changed(hands: Hands) -> Mended:
    """Everything changed at once."""
    return _mend(hands, CHANGED)


@pytest.fixture(scope="module")
def deleted(hands: Hands, changed: Mended) -> Mended:
    """Everything deleted at once that can be made again."""
    return _mend(hands, DELETED)


@dataclass(frozen=True, kw_only=True)
class Lost:
    """What was told while all data were gone, what deploys said to each loss, what was seen at the end."""

    seen: Answer
    refused: Mapping[str, Answer]
    made_anew: Mapping[str, bool]
    back: Answer


@pytest.fixture(scope="module")
def lost(hands: Hands, deleted: Mended) -> Lost:
    """All data gone at once for one look; then one after the other for a deploy."""
    with contextlib.ExitStack() as stack:
        for loss in LOST:
            stack.enter_context(loss.gone(hands))
        seen = hands.drift()
    refused, made_anew = {}, {}
    for loss in LOST:
        with loss.gone(hands):
            refused[loss.type] = hands.deploy()
            made_anew[loss.type] = loss.made_anew(hands)
            assert not made_anew[loss.type], f"deploy made {loss.type} anew"
    return Lost(seen=seen, refused=refused, made_anew=made_anew, back=hands.drift())


def _rows(deeds: Sequence[Deed]) -> list[object]:
    return [pytest.param(one, id=one.type, marks=[_LIMITED] if one.type == "Limits" else []) for one in deeds]


def test_every_type_of_the_host_is_changed_and_deleted_here(tmp_path: Path) -> None:
    types = {one.type for one in handlers(HostSettings(root=tmp_path, runtime=tmp_path))}
    assert {one.type for one in CHANGED} == types
    assert {one.type for one in DELETED} | {one.type for one in LOST} == types


def test_every_type_that_holds_data_is_among_the_lost(tmp_path: Path) -> None:
    table = handlers(HostSettings(root=tmp_path, runtime=tmp_path))
    assert {one.type for one in LOST} == {one.type for one in table if one.holds_data}


@pytest.mark.parametrize("deed", _rows(CHANGED))
def test_what_was_changed_by_hand_is_named(deed: Deed, changed: Mended) -> None:
    assert changed.seen.code == 1
    assert changed.named.get(deed.resource) == "update", changed.named


def test_a_deploy_puts_back_what_was_changed(changed: Mended) -> None:
    assert changed.deployed.code == 0, changed.deployed.err
    assert changed.health == {}  # NoDrift is one of them


@pytest.mark.parametrize("deed", _rows(DELETED))
def test_what_was_deleted_by_hand_is_named(deed: Deed, deleted: Mended) -> None:
    assert deleted.seen.code == 1
    # A task has nothing that could be gone but its effect.
    assert deleted.named.get(deed.resource) == ("update" if deed.type == "Task" else "delete"), deleted.named


def test_a_deploy_makes_again_what_was_deleted(deleted: Mended) -> None:
    assert deleted.deployed.code == 0, deleted.deployed.err
    assert deleted.health == {}


@_LIMITED
def test_limits_that_are_made_again_hold_for_what_runs(deleted: Mended, hands: Hands) -> None:
    from tests.support.people import web_processes

    (pid,) = web_processes(hands.uid)
    for group in limits.cgroups_of(hands.layout, hands.opaque):
        assert str(pid) in (group / "cgroup.procs").read_text().split(), group


def test_logs_are_written_where_they_are_looked_for_after_their_folder_was_deleted(
    deleted: Mended, hands: Hands
) -> None:
    before = _reloads(hands)
    hands.sql("select pg_reload_conf()")
    await_(lambda: _reloads(hands) > before, seconds=20)


def _reloads(hands: Hands) -> int:
    """Return how many times the database has logged that it was told to read its settings again."""
    files = [path for path in hands.layout.logs(hands.opaque, "database").glob("*") if path.is_file()]
    return sum(path.read_text().count("reloading configuration files") for path in files)


@pytest.mark.parametrize("loss", LOST, ids=lambda loss: loss.type)
def test_data_that_are_gone_are_named_as_lost(loss: Loss, lost: Lost) -> None:
    assert lost.seen.code == 1
    found = {one["name"]: one for one in lost.seen.data["changes"]}
    assert loss.resource in found, found
    assert found[loss.resource]["properties"] == ["lost"]
    assert found[loss.resource]["holds_data"] is True


@pytest.mark.parametrize("loss", LOST, ids=lambda loss: loss.type)
def test_a_deploy_refuses_to_make_lost_data_anew(loss: Loss, lost: Lost) -> None:
    answer = lost.refused[loss.type]
    assert (answer.code, answer.problems[0]["code"]) == (77, "data-lost"), answer.err
    assert f"{loss.type} {loss.resource}" in answer.problems[0]["message"]
    assert not lost.made_anew[loss.type]


def test_data_that_are_back_are_no_drift(lost: Lost) -> None:
    assert (lost.back.code, lost.back.data["changes"]) == (0, [])


# --- changes in a spec that would cost data ---


@contextlib.contextmanager
def _edited(path: Path, old: str, new: str) -> Iterator[None]:
    before = path.read_text()
    assert old in before
    path.write_text(before.replace(old, new))
    try:
        yield
    finally:
        path.write_text(before)


def test_a_profile_without_its_uploads_folder_is_refused_with_the_way_to_do_it(
    lost: Lost, hands: Hands, tmp_path: Path
) -> None:
    text = (EXAMPLES / "registrations" / "profile.yaml").read_text()
    beginning, _, rest = text.partition("folders:\n")
    _, _, rest = rest.partition("variables:\n")
    lines = [line for line in rest.splitlines() if "folder.uploads" not in line and "export:" not in line]
    smaller = beginning.replace("./app", str(EXAMPLES / "registrations" / "app"))
    folder = tmp_path / "registrations"
    folder.mkdir()
    (folder / "profile.yaml").write_text(smaller + "variables:\n" + "\n".join(lines) + "\n")
    with _edited(hands.installed.folder / "tenantry.yaml", str(EXAMPLES), str(tmp_path)):
        answer = hands.deploy()
    assert (answer.code, answer.problems[0]["code"]) == (77, "holds-data"), answer.err
    assert "folder-uploads" in answer.problems[0]["message"]
    assert "tenantry erase run" in answer.problems[0]["hint"]
    assert hands.layout.folder(hands.opaque, "uploads").is_dir()


def test_a_smaller_disk_is_refused_before_anything_is_done(lost: Lost, hands: Hands) -> None:
    if not hands.layout.volume(hands.opaque).exists():
        pytest.skip("the kernel lacks loop devices")
    size = hands.layout.volume(hands.opaque).stat().st_size
    spec = hands.installed.folder / "instances" / "benin.yaml"
    with _edited(spec, "target: host\n", "target: host\nlimits: {disk_gib: 1}\n"):
        answer = hands.deploy()
    assert answer.code == 77, answer.err
    assert answer.problems[0]["hint"] == "keep limits.disk_gib as it is"
    assert hands.layout.volume(hands.opaque).stat().st_size == size


def test_after_all_this_the_instance_is_as_it_was_deployed(lost: Lost, hands: Hands) -> None:
    assert hands.bad() == {}
