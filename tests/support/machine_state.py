"""Everything that an instance consists of on its machine, as one text per fact, comparable between runs.

It asks neither the engine nor the code that made things, but the database, the
kernel and the file system. What differs between two good runs is masked: opaque
names, user ids, ports, pids, times, labels of backups.
"""

from __future__ import annotations

import os
import pwd
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tenantry.cli.wiring import Wiring
from tenantry.ports import Instance
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.postgres import Server, session
from tests.support.installation import Installation

__all__ = ["look"]

_ROLES = (
    (
        "select 'role', rolname, rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, "
        "rolconnlimit, rolvaliduntil::text, rolpassword is not null from pg_authid"
    ),
    (
        "select 'member', r.rolname, m.rolname, admin_option from pg_auth_members "
        "join pg_roles r on r.oid = roleid join pg_roles m on m.oid = member"
    ),
    "select 'database', datname, pg_get_userbyid(datdba), datacl::text, datconnlimit from pg_database",
    (
        "select 'setting', setdatabase <> 0, coalesce(rolname, ''), setconfig::text "
        "from pg_db_role_setting left join pg_roles r on r.oid = setrole"
    ),
)
_GRANTS = (
    (
        "select 'schema', nspname, pg_get_userbyid(nspowner), nspacl::text from pg_namespace "
        "where nspname !~ '^pg_(toast|temp)'"
    ),
    (
        "select 'relation', nspname, relname, relkind, pg_get_userbyid(relowner), relacl::text from pg_class "
        "join pg_namespace n on n.oid = relnamespace where nspname !~ '^(pg_|information_schema)'"
    ),
    "select 'default', pg_get_userbyid(defaclrole), defaclobjtype, defaclacl::text from pg_default_acl",
    "select 'extension', extname, extversion from pg_extension",
)
# Below these only their own contents count: what lies deeper is named by time, label or content.
_SHALLOW = re.compile(r"(/pg/g1/\w+|/backups/\w+/pg/\w+|/backups/\w+/files/\w+|/packages/[0-9a-f]+/.*)/")
_PASSING = re.compile(
    r"(/supervise(/|$)|/event(/|$)|/logs?/|/\.s6-svscan/|/postmaster\.(pid|opts)$|/proxy/(?!$)"
    r"|/pgbackrest-(log|lock|spool)/|current_logfiles|/\.s\.PGSQL|/pg_stat|/files/uploads/"
    r"|/PG_[0-9]|\.history|/engine/state/\.pulumi/(history|meta\.yaml|backups)|/engine/home/|defect-)"
)


def look(installation: Installation, name: str) -> list[str]:
    """Return what there is of the instance, sorted; of an erased one what there is of its host."""
    wiring = Wiring(installation.folder)
    instance = wiring.register.find(name)
    assert instance is not None
    layout = wiring.host.machine.layout
    seen = [
        *_register(instance),
        *_assets(wiring, instance),
        *_accounts(installation),
        *_rules(layout),
        *_services(layout),
        *_tree(layout.root, "root"),
        *_tree(layout.runtime, "runtime"),
        *_tree(installation.private, "private"),
    ]
    if instance.erased_at is None:
        seen += _rows("postgres", _ROLES, layout, instance)
        seen += _rows(instance.opaque, _GRANTS, layout, instance)
        seen += [f"backup {one.kind}" for one in wiring.host.backups(wiring.services().request(instance))]
    seen += [f"journal is broken: {fault}" for fault in wiring.register.verify_journal()]
    seen += [f"{one.kind} has not ended" for one in wiring.register.operations(name) if not one.outcome]
    wiring.register.close()
    return sorted({_masked(one, installation, instance) for one in seen})


def _masked(text: str, installation: Installation, instance: Instance) -> str:
    host = installation.host
    numbers = {f"PORT-{name}": port for name, port in instance.ports.items()}
    numbers |= {"PORT-https": installation.https_port, "PORT-http": installation.https_port - 1}
    numbers |= {"PROXY-UID": host.uid_base, "UID": instance.uid or 0}
    for mask, number in numbers.items():
        text = re.sub(rf"\b{number}\b", mask, text)
    host_id = HostLayout(root=host.root / "host", runtime=host.runtime).host_id
    words = {"OPAQUE": instance.opaque, "ROOT": str(host.root), "RUNTIME": str(host.runtime), "HOST": host_id}
    for mask, word in words.items():
        text = text.replace(word, mask)
    return re.sub(r"(?<=PostgreSQL\.)\d+|(?<=/dev/loop)\d+|(?<=#)[0-9a-f]{16}$", "N", text)


def _register(instance: Instance) -> Iterator[str]:
    yield f"state {instance.state}, profile {instance.profile} {instance.version}, {instance.spec_digest}"
    yield f"client {instance.client}, url {instance.url}, generation {instance.generation}"
    yield f"last backup {instance.last_backup is not None}"
    for name, value in instance.facts.items():
        if name != "assets":  # the pids of those that were erased
            yield f"fact {name}: {value}"
    for condition in instance.conditions:
        yield f"condition {condition.type} {condition.status} {condition.reason}"


def _assets(wiring: Wiring, instance: Instance) -> Iterator[str]:
    for asset in wiring.host.inventory(instance):
        is_process = asset.type == "process"
        yield f"asset {asset.type} {asset.detail if is_process else asset.id}"


def _accounts(installation: Installation) -> Iterator[str]:
    host = installation.host
    for account in pwd.getpwall():
        if host.uid_base <= account.pw_uid < host.uid_base + host.uid_count:
            yield "account " + ":".join(map(str, account))


def _rules(layout: HostLayout) -> Iterator[str]:
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    for line in tables.splitlines():
        _, family, name = line.split()
        if layout.host_id in name:
            listed = subprocess.run(
                ["nft", "-s", "list", "table", family, name], capture_output=True, text=True, check=False
            )
            yield from (f"rule {one.strip()}" for one in listed.stdout.splitlines())


def _services(layout: HostLayout) -> Iterator[str]:
    for folder in layout.services.iterdir() if layout.services.exists() else []:
        if not folder.name.startswith("."):
            told = subprocess.run(
                ["s6-svstat", "-o", "up,wantedup", str(folder)], capture_output=True, text=True, check=False
            )
            yield f"service {folder.name}: {told.stdout.strip()}"


def _rows(database: str, queries: tuple[str, ...], layout: HostLayout, instance: Instance) -> Iterator[str]:
    server = Server(socket_folder=layout.sockets(instance.opaque), port=instance.ports["database"])
    with session(server, database=database) as opened:
        for query in queries:
            yield from (f"{database} {row}" for row in opened.rows(query))


def _tree(top: Path, label: str) -> Iterator[str]:
    for folder, folders, files in os.walk(top):
        for one in [*folders, *files]:
            path = Path(folder) / one
            place = f"/{path.relative_to(top)}"
            if not _PASSING.search(place) and not _SHALLOW.search(place):
                yield f"file {label}{place} {_mode(path)}"


def _mode(path: Path) -> str:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return "gone meanwhile"
    return f"{stat.filemode(found.st_mode)} {found.st_uid}:{found.st_gid}"
