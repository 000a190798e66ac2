"""One instance's life on Azure, from the installed command line, in a sandbox."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from tenantry.cli.wiring import Wiring
from tenantry.components.azure.identity import SECRETS_USER
from tenantry.errors import TenantryError
from tenantry.model.azure_types import TYPES
from tenantry.ports import Instance
from tenantry.targets.azure import locks, retention
from tenantry.targets.azure.asset_types import ASSET_TYPES, Listed
from tenantry.targets.azure.database import Door
from tests.support.azure_fleet import REGION, TENANTRY, Fleet
from tests.support.reference import undocumented
from tests.support.revival import revived
from tests.support.sandbox import files_below

_VAULTS, _LOCKS = "2024-11-01", "2020-05-01"
_LOG_DAYS = 30  # less than Azure keeps requests and exceptions by itself
_SERVER = TYPES["azure-native:dbforpostgresql:Server"]
_NO_LEASE: Any = SimpleNamespace(intent=lambda _: None, evidence=lambda _: None)
_UPLOAD = "Marker Upload of zambia"
_MADE_LATE = "Application Insights Smart Detection"  # by Azure itself


@pytest.fixture(scope="module")
def kenya(fleet: Fleet) -> dict[str, Any]:
    """An instance that is deployed, for tests that leave it as it was."""
    return fleet.deployed("kenya", more=f"logs: {{retention_days: {_LOG_DAYS}}}\n")


@dataclass(frozen=True, kw_only=True)
class _Leaving:
    """An instance in a subscription of its own that was used and will be erased."""

    made: dict[str, str]  # token by id
    password: str
    database: str
    server: dict[str, Any]  # as Resource Manager tells of it
    keys_vault: dict[str, Any]


@pytest.fixture(scope="module")
def zambia(fleet: Fleet) -> _Leaving:
    row = fleet.deployed("zambia", subscription=fleet.sandbox.second)
    _register(fleet, "zambia", row["url"])
    fleet.run("backup", "create", "zambia", "--reason", "a test")
    uploaded = fleet.management(row["url"]).call(
        "PUT", "/api/vfs/data/uploads/a.txt", content=_UPLOAD.encode()
    )
    assert uploaded.status == 201
    made, arm = fleet.made("zambia"), fleet.sandbox.arm()
    server = next(one for one, token in made.items() if token == "azure-native:dbforpostgresql:Server")
    told = arm.get(server, _SERVER.version) or {}
    host = urlsplit(told["properties"]["dataEncryption"]["primaryKeyURI"]).hostname or ""
    vault = next(one for one in made if one.endswith(f"/vaults/{host.partition('.')[0]}"))
    return _Leaving(
        made=made,
        password=fleet.secret("zambia", "ADMIN_PASSWORD"),
        database=fleet.run("instance", "show", "zambia")["data"]["database"]["name"],
        server=told,
        keys_vault=arm.get(vault, _VAULTS) or {},
    )


@pytest.fixture(scope="module")
def erased(fleet: Fleet, kenya: dict[str, Any], zambia: _Leaving) -> dict[str, Any]:
    """What the erasure of zambia tells, with kenya beside it. Not asked for before zambia's last test."""
    assert kenya["health"] == "healthy"
    fleet.sandbox.faults("time", "+80m")  # until Azure has made what it makes late, in both groups
    done = fleet.run("erase", "run", "zambia", "--confirm", "zambia", "--reason", "agreement ended")
    found: dict[str, Any] = done["data"]
    return found


def _person(name: str) -> str:
    return f"Marker Person of {name}"


def _register(fleet: Fleet, instance: str, url: str, *, name: str = "") -> dict[str, Any]:
    """Put a person in through the running workload."""
    body = json.dumps({"name": _person(name or instance), "phone": "+27100000000", "household_size": 2})
    escaped = body.replace('"', '\\"')
    settings = f'user = "admin@example.org:{fleet.secret(instance, "ADMIN_PASSWORD")}"\njson = "{escaped}"\n'
    done = subprocess.run(
        [
            *("curl", "--silent", "--show-error", "--fail", "--cacert", fleet.sandbox.told["ca_file"]),
            *("--config", "-", f"{url}/registrations"),
        ],
        input=settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_deployed_instance_is_healthy_and_says_where_it_lives(fleet: Fleet, kenya: dict[str, Any]) -> None:
    assert (kenya["outcome"], kenya["health"]) == ("done", "healthy")
    rows = fleet.run("instance", "list")["data"]["instances"]
    assert [(row["target"], row["placement"]) for row in rows if row["name"] == "kenya"] == [
        ("azure", REGION)
    ]


def test_the_workload_keeps_what_people_send(fleet: Fleet, kenya: dict[str, Any]) -> None:
    assert _register(fleet, "kenya", kenya["url"])["name"] == _person("kenya")


def test_a_second_look_finds_nothing_to_change(fleet: Fleet, kenya: dict[str, Any]) -> None:
    assert kenya["name"] == "kenya"
    assert fleet.run("instance", "preview", "kenya", "--exit-code")["data"]["changes"] == []


def test_nobody_outside_reaches_the_database_when_no_operation_runs(
    fleet: Fleet, kenya: dict[str, Any]
) -> None:
    assert kenya["health"] == "healthy"
    shown = fleet.run("instance", "show", "kenya")["data"]["database"]
    door = Door(
        host=shown["host"],
        database=shown["name"],
        ca_file=Path(fleet.sandbox.told["ca_file"]),
        password=fleet.secret("kenya", "database.administrator.password"),
    )
    with pytest.raises(TenantryError, match="no database answers"), door.open(timeout=3):
        pass


def test_no_secret_stands_in_the_settings_of_the_site(fleet: Fleet, kenya: dict[str, Any]) -> None:
    site = kenya["url"].removeprefix("https://").partition(".")[0]
    path = f"{fleet.group('kenya')}/providers/Microsoft.Web/sites/{site}/config/appsettings/list"
    told = fleet.sandbox.arm().post(path, "2025-05-01")["properties"]
    assert told["SESSION_SECRET"].startswith("@Microsoft.KeyVault(")
    values = [fleet.secret("kenya", name) for name in ("SESSION_SECRET", "database.app.password")]
    assert not [name for name, value in told.items() if value in values]


def test_its_secrets_are_listed_by_name_without_a_value(fleet: Fleet, kenya: dict[str, Any]) -> None:
    assert kenya["health"] == "healthy"
    told = fleet.run("credentials", "list", "kenya")["data"]
    assert undocumented("credentials list", told) == set()
    names = {one["name"] for one in told["credentials"]}
    assert names >= {"ADMIN_PASSWORD", "SESSION_SECRET", "database.app.password"}
    assert fleet.secret("kenya", "ADMIN_PASSWORD") not in json.dumps(told)


def test_its_log_and_its_first_backup_are_shown(fleet: Fleet, kenya: dict[str, Any]) -> None:
    assert kenya["health"] == "healthy"
    assert fleet.run("instance", "logs", "kenya", "--reason", "a test")["data"]["lines"]
    assert len(fleet.run("backup", "list", "kenya")["data"]["backups"]) >= 1


def test_nothing_is_opened_and_no_lock_lifted_where_somebody_else_locked_the_server(
    fleet: Fleet, kenya: dict[str, Any]
) -> None:
    assert kenya["health"] == "healthy"
    server = next(one for one, token in fleet.made("kenya").items() if token.endswith("postgresql:Server"))
    lock = f"{server}/providers/Microsoft.Authorization/locks/not-ours"
    arm = fleet.sandbox.arm()
    arm.put(lock, _LOCKS, {"properties": {"level": "CanNotDelete"}})
    try:
        with _entered(fleet, "true") as run:
            _, told = run.communicate(timeout=120)
        assert (run.returncode, "not-ours" in told) == (1, True)
        deployed = fleet.run("instance", "deploy", "kenya", "--reason", "a test", expect=1)
        assert deployed["problems"][0]["code"] == "scope-locked"
        held = arm.list(f"{server}/providers/Microsoft.Authorization/locks", _LOCKS)
        assert sorted(one["name"] for one in held) == ["not-ours", "tenantry-holds-data"]
        assert fleet.condition("kenya", "Private")["reason"] == "Private"
    finally:
        arm.delete(lock, _LOCKS)


def test_requests_and_exceptions_are_kept_as_long_as_the_spec_says(
    fleet: Fleet, kenya: dict[str, Any]
) -> None:
    assert kenya["health"] == "healthy"
    arm, version = fleet.sandbox.arm(), "2023-09-01"
    for table in retention.TABLES:
        told = (arm.get(f"{_workspace(fleet)}/tables/{table}", version) or {})["properties"]
        assert (told["retentionInDays"], told["totalRetentionInDays"]) == (_LOG_DAYS, _LOG_DAYS), table


def _workspace(fleet: Fleet) -> str:
    made = fleet.made("kenya").items()
    return next(one for one, token in made if token.endswith("operationalinsights:Workspace"))


def test_what_was_changed_or_deleted_by_hand_is_drift_until_the_next_deploy(
    fleet: Fleet, kenya: dict[str, Any]
) -> None:
    assert kenya["health"] == "healthy"
    group = fleet.group("kenya")
    vault = group + "/providers/Microsoft.KeyVault/vaults/" + group.rpartition("/")[2].replace("rg-", "kvs-")
    arm = fleet.sandbox.arm()
    found = arm.get(vault, _VAULTS) or {}
    arm.put(vault, _VAULTS, {**found, "tags": {**found["tags"], "by": "hand"}})
    rule = next(one for one, token in fleet.made("kenya").items() if token.endswith(":MetricAlert"))
    arm.delete(rule, "2018-03-01")
    table = f"{_workspace(fleet)}/tables/AppRequests"
    arm.patch(table, "2023-09-01", {"properties": {"totalRetentionInDays": 730}})
    drifted = fleet.run("instance", "drift", "kenya", expect=1)["data"]["changes"]
    by_hand = {("update", "secrets-vault"), ("update", "AppRequests")}
    assert {(one["kind"], one["name"]) for one in drifted} >= by_hand
    assert sorted(one["kind"] for one in drifted) == ["delete", "update", "update"]
    assert fleet.condition("kenya", "NoDrift", expect=1)["status"] == "False"
    fleet.run("instance", "deploy", "kenya", "--reason", "undo")
    assert fleet.run("instance", "drift", "kenya")["data"]["changes"] == []
    assert arm.get(rule, "2018-03-01") is not None, "it was made again"


def test_a_server_that_was_deleted_by_hand_is_never_made_anew_empty_and_is_taken_when_it_was_revived(
    fleet: Fleet, kenya: dict[str, Any]
) -> None:
    row = _register(fleet, "kenya", kenya["url"], name="lost")
    arm, version = fleet.sandbox.arm(), "2025-08-01"
    server = next(one for one, token in fleet.made("kenya").items() if token.endswith("postgresql:Server"))
    was = arm.get(server, version) or {}
    arm.delete(f"{server}/providers/Microsoft.Authorization/locks/tenantry-holds-data", _LOCKS)
    arm.delete(server, version)
    for _ in range(2):
        problem = fleet.run("instance", "deploy", "kenya", "--reason", "a test", expect=77)["problems"][0]
        assert (problem["code"], "Server" in problem["message"]) == ("data-lost", True)
        assert arm.get(server, version) is None
    kept = {"createMode": "ReviveDropped", "sourceServerResourceId": server}
    same = {name: was["properties"][name] for name in ("dataEncryption", "network")}
    body = {"location": was["location"], "identity": was["identity"], "tags": was["tags"]}
    arm.put(server, version, {**body, "properties": {**kept, **same}})
    fleet.run("instance", "deploy", "kenya", "--reason", "it was revived")
    with _entered(fleet, "sh", "-c", _DUMP) as run:
        dumped, told = run.communicate(timeout=120)
    assert run.returncode == 0, told
    assert row["id"] in dumped
    assert fleet.run("instance", "preview", "kenya", "--exit-code")["data"]["changes"] == []


def test_an_instance_does_not_move_to_another_region_by_a_deploy(fleet: Fleet, kenya: dict[str, Any]) -> None:
    assert kenya["health"] == "healthy"
    spec = fleet.workspace / "instances" / "kenya.yaml"
    text = spec.read_text()
    assert REGION in text
    spec.write_text(text.replace(REGION, "westeurope"))
    try:
        for command in (("instance", "deploy"), ("instance", "preview"), ("spec", "validate")):
            problem = fleet.run(*command, "kenya", expect=77)["problems"][0]
            assert (problem["code"], problem["where"]) == ("region-changed", "instances/kenya.yaml")
            assert REGION in problem["message"]
    finally:
        spec.write_text(text)


# Asks the database as whoever the environment says, tells that it did, and waits for a line.
_ASK = (  # psql verifies the server with what the environment says
    "PGPASSWORD=$DATABASE_PASSWORD psql -XAtw -c 'select current_user' "
    "-c 'create table registrations.mine()' "
    '"host=$DATABASE_HOST port=$DATABASE_PORT dbname=$DATABASE_NAME user=$DATABASE_USER"; '
    "pwd; echo $HOME; read line; exit 7"
)


def _entered(fleet: Fleet, *command: str, reason: str = "a test") -> subprocess.Popen[str]:
    """Start a command inside of kenya."""
    argv = [str(TENANTRY), "instance", "exec", "--workspace", str(fleet.workspace)]
    return subprocess.Popen(
        [*argv, "--reason", reason, "kenya", "--", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _told(run: subprocess.Popen[str], lines: int) -> list[str]:
    assert run.stdout is not None
    return [run.stdout.readline().strip() for _ in range(lines)]


def test_a_command_inside_has_the_applications_rights_while_one_address_is_let_in(
    fleet: Fleet, kenya: dict[str, Any]
) -> None:
    assert kenya["health"] == "healthy"
    with _entered(fleet, "sh", "-c", _ASK, reason="ticket 120") as run:
        user, folder, home = _told(run, 3)
        assert (user, Path(folder).name, home) == ("app_1", "app", "/nonexistent")
        assert fleet.condition("kenya", "Private", expect=1)["reason"] == "DatabaseOpen"
        busy = fleet.run("instance", "deploy", "kenya", "--reason", "a test", expect=75)
        assert "(exec)" in busy["problems"][0]["message"]
        _, told = run.communicate("go on\n", timeout=120)
    assert run.returncode == 7
    assert "permission denied for schema registrations" in told
    assert fleet.condition("kenya", "Private")["reason"] == "Private"
    lines = fleet.run("journal", "show", "--instance", "kenya")["data"]["lines"]
    texts = [str(one["text"]) for one in lines]
    (access,) = [text for text in texts if "ticket 120" in text and "inside" in text]
    assert access.endswith("ran sh inside the instance: ticket 120")
    assert {"way in: one address is allowed", "it ended with 7"} <= set(texts)
    assert not [text for text in texts if "select" in text]


# Streams a table as people do that have no other way to it: rows leave on standard output alone.
_DUMP = (
    'PGPASSWORD=$DATABASE_PASSWORD pg_dump --data-only --no-password --table=registrations.registration "'
    "host=$DATABASE_HOST port=$DATABASE_PORT dbname=$DATABASE_NAME user=$DATABASE_USER "
    'sslmode=verify-full sslrootcert=$DATABASE_CA_FILE"'
)


def test_a_dump_is_streamed_to_standard_output_and_stands_in_no_log(
    fleet: Fleet, kenya: dict[str, Any]
) -> None:
    name = "dump"
    row = _register(fleet, "kenya", kenya["url"], name=name)
    with _entered(fleet, "sh", "-c", _DUMP) as run:
        dumped, told = run.communicate(timeout=120)
    assert run.returncode == 0, told
    assert [row["id"] in line for line in dumped.splitlines() if _person(name) in line] == [True]
    assert _person(name) not in told
    ours = [one for one in files_below(fleet.workspace) if "sandbox" not in one.parts]
    assert [one.name for one in ours if one.name == "register.db"], "a control: the journal is among them"
    assert [one for one in ours if _person(name).encode() in one.read_bytes()] == []


def test_a_right_that_somebody_was_given_by_hand_is_told_by_health(
    fleet: Fleet, kenya: dict[str, Any]
) -> None:
    assert kenya["health"] == "healthy"
    arm, group = fleet.sandbox.arm(), fleet.group("kenya")
    vault = (
        f"{group}/providers/Microsoft.KeyVault/vaults/{group.rpartition('/')[2].replace('rg-', 'kvs-', 1)}"
    )
    right = f"{vault}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    definitions = f"{fleet.sandbox.subscription}/providers/Microsoft.Authorization/roleDefinitions"
    given = {
        "roleDefinitionId": f"{definitions}/{SECRETS_USER}",
        "principalId": fleet.sandbox.told["object_id"],
    }
    arm.put(right, "2022-04-01", {"properties": given})
    told = fleet.condition("kenya", "Private", expect=1)
    assert (told["status"], told["reason"]) == ("False", "RightGiven")
    assert right in told["message"]
    locks.delete_part(arm, right, "2022-04-01", of=vault, lease=_NO_LEASE)
    assert fleet.condition("kenya", "Private")["reason"] == "Private"


def test_a_command_inside_that_is_stopped_or_killed_leaves_nothing_open_for_long(
    fleet: Fleet, kenya: dict[str, Any]
) -> None:
    assert kenya["health"] == "healthy"
    with _entered(fleet, "/bin/sh", "-c", "echo it ran") as run:
        assert run.stderr is not None
        assert "opening" in run.stderr.readline()
        run.send_signal(signal.SIGINT)
        out, _ = run.communicate(timeout=120)
        assert (run.returncode, out) == (130, "")
    assert fleet.condition("kenya", "Private")["reason"] == "Private"
    with _entered(fleet, "/bin/sh", "-c", "echo $$; exec sleep 300") as run:
        _told(run, 1)
        run.send_signal(signal.SIGTERM)
        assert run.wait(timeout=120) == 128 + signal.SIGTERM
    assert fleet.condition("kenya", "Private")["reason"] == "Private"
    with _entered(fleet, "/bin/sh", "-c", "echo $$; exec sleep 300") as run:
        (child,) = _told(run, 1)
        run.kill()
        os.kill(int(child), signal.SIGKILL)
    assert fleet.condition("kenya", "Private", expect=1)["reason"] == "DatabaseOpen"
    with _entered(fleet, "true") as run:
        assert run.wait(timeout=120) == 0
    assert fleet.condition("kenya", "Private")["reason"] == "Private"


def test_a_suspended_instance_does_not_answer_and_comes_back(fleet: Fleet, kenya: dict[str, Any]) -> None:
    fleet.run("instance", "suspend", "kenya", "--reason", "a test")
    get = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]
    get += ["--cacert", fleet.sandbox.told["ca_file"], f"{kenya['url']}/health"]
    stopped = subprocess.run(get, capture_output=True, text=True, timeout=60, check=True)
    fleet.run("instance", "resume", "kenya", "--reason", "a test")
    back = subprocess.run(get, capture_output=True, text=True, timeout=60, check=True)
    assert (stopped.stdout, back.stdout) == ("403", "200")


def test_a_killed_server_is_seen_in_health(fleet: Fleet, kenya: dict[str, Any]) -> None:
    server = fleet.group("kenya") + "/providers/Microsoft.DBforPostgreSQL/flexibleServers/"
    server += kenya["url"].removeprefix("https://app-").partition(".")[0].join(("psql-", ""))
    arm = fleet.sandbox.arm()
    arm.post(f"{server}/stop", "2025-08-01")
    try:
        assert fleet.condition("kenya", "DatabaseReachable", expect=1)["status"] == "False"
        assert fleet.condition("kenya", "HttpOk", expect=1)["status"] == "False"
    finally:
        arm.post(f"{server}/start", "2025-08-01")


def test_an_instance_lives_in_the_subscription_that_its_spec_names(fleet: Fleet, zambia: _Leaving) -> None:
    number = fleet.sandbox.second.rpartition("/")[2]
    assert {one.split("/")[2] for one in zambia.made if one.startswith("/subscriptions/")} == {number}
    assert fleet.run("instance", "show", "zambia")["data"]["subscription"] == number
    preview = fleet.run("instance", "preview", "zambia", "--exit-code")["data"]
    assert (preview["subscription"], preview["changes"]) == (number, [])
    health = fleet.run("instance", "health", "zambia")["data"]["instances"][0]
    assert {one["type"]: one["status"] for one in health["conditions"] if one["status"] != "True"} == {}


def test_an_instance_that_is_made_does_not_move_to_another_subscription(
    fleet: Fleet, zambia: _Leaving
) -> None:
    assert zambia.made
    fleet.live_in("zambia", fleet.sandbox.subscription)
    try:
        refused = fleet.run("instance", "deploy", "zambia", "--reason", "a test", expect=77)
    finally:
        fleet.live_in("zambia", fleet.sandbox.second)
    assert refused["problems"][0]["code"] == "subscription-changed"


def test_what_somebody_else_put_into_the_group_or_locked_stops_the_erasure(
    fleet: Fleet, zambia: _Leaving
) -> None:
    assert fleet.there(zambia.made) == set(zambia.made.values()), "nothing of it was erased yet"
    assert fleet.sandbox.files_with(_UPLOAD)
    arm = fleet.sandbox.arm()
    theirs = fleet.group("zambia")
    moved = f"{theirs}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/somebodys"
    arm.put(moved, "2023-01-31", {"location": REGION})
    refused = fleet.run("erase", "run", "zambia", "--confirm", "zambia", "--reason", "a test", expect=1)
    assert refused["problems"][0]["code"] == "foreign-resource"
    assert "somebodys" in refused["problems"][0]["message"]
    shown = fleet.run("erase", "run", "zambia", expect=1)
    assert shown["problems"] == refused["problems"]
    assert not [one for one in shown["data"]["would_erase"] if "somebodys" in one["id"]]
    arm.delete(moved, "2023-01-31")
    server = f"{theirs}/providers/{_SERVER.arm_type}/{theirs.rpartition('/')[2].replace('rg-', 'psql-', 1)}"
    database = f"{server}/databases/reporting_of_somebody"
    arm.put(database, _SERVER.version, {"properties": {"charset": "UTF8", "collation": "en_US.utf8"}})
    refused = fleet.run("erase", "run", "zambia", "--confirm", "zambia", "--reason", "a test", expect=1)
    assert [one["message"].rpartition(": ")[2] for one in refused["problems"]] == [database]
    locks.delete_part(arm, database, _SERVER.version, of=server, lease=_NO_LEASE)
    lock = f"{theirs}/providers/Microsoft.Authorization/locks/not-ours"
    arm.put(lock, _LOCKS, {"properties": {"level": "CanNotDelete"}})
    locked = fleet.run("erase", "run", "zambia", "--confirm", "zambia", "--reason", "a test", expect=1)
    assert locked["problems"][0]["code"] == "scope-locked"
    arm.delete(lock, _LOCKS)
    assert fleet.run("instance", "show", "zambia")["data"]["state"] == "active", "it lives on as it was"


def _unseen(made: Mapping[str, str], told: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what the engine made and the erasure did not look at; parts have no life of their own."""
    seen = {str(one["id"]).lower() for one in told}
    rows = {name.lower(): row for name, row in ASSET_TYPES.items()}
    return [
        identity
        for identity, token in made.items()
        if rows[TYPES[token].arm_type.lower()].listed is not Listed.PART and identity.lower() not in seen
    ]


def test_an_erased_instance_is_told_with_what_azure_keeps(
    fleet: Fleet, erased: dict[str, Any], zambia: _Leaving
) -> None:
    assert (erased["state"], erased["rehearsal"]) == ("erased", True)
    assert {one["absent"] for one in erased["assets"]} == {True}
    assert _unseen(zambia.made, erased["assets"]) == []
    assert [one for one in erased["assets"] if one["id"].endswith(f"/actiongroups/{_MADE_LATE}")]
    assert fleet.there(zambia.made) == set()
    assert fleet.condition("kenya", "ResourcesReady")["status"] == "True", "in the other subscription"
    status = fleet.run("erase", "status", "zambia")["data"]
    assert undocumented("erase status", status) == set()
    records = {one["type"]: one["asset"] for one in status["residues"] if one["kind"] == "record"}
    assert records["file"].endswith("/instances/zambia.yaml")
    assert set(records) == {"file", "Microsoft.Insights/eventtypes"}
    kept = [one for one in status["residues"] if one["kind"] != "record"]
    assert sorted((one["type"].rpartition("/")[2], one["observed"]) for one in kept) == [
        ("flexibleServers", "unknown"),
        ("sites", "present"),
        ("vaults", "present"),
    ]
    assert (status["nothing_recoverable"], status["rehearsal"]) == (False, True)
    assert not fleet.sandbox.files_with(_UPLOAD), "a deleted site has no files of the workload to be restored"
    lines = fleet.run("journal", "show", "--instance", "zambia", "--lines", "999")["data"]["lines"]
    told = [str(one["text"]) for one in lines]
    noted = [one for one in told if "residue since " in one]
    assert len(noted) == len([one for one in noted if " until 2" in one]) + 1 == len(status["residues"])
    lifted = {one.rpartition("lift the lock ")[2] for one in told if "erase: lift the lock " in one}
    assert lifted == {one for one, token in zambia.made.items() if token.endswith("ManagementLockByScope")}
    vault = [one for one in erased["assets"] if one["id"].rpartition("/")[2].startswith("kvs-")]
    assert {one["method"] for one in vault if one["type"] == "Microsoft.KeyVault/vaults"} == {"purge"}
    assert [one for one in noted if "/deletedSites/" in one and "emptied before" in one]
    assert status["deleted_at"] < status["recoverable_until"]


def test_before_a_residues_date_its_key_and_its_server_are_brought_back_with_every_row(
    fleet: Fleet, erased: dict[str, Any], zambia: _Leaving
) -> None:
    assert erased["state"] == "erased"
    with revived(fleet.sandbox, server=zambia.server, vault=zambia.keys_vault) as ask:
        rows = ask(zambia.database, "set role app_owner", "select name from registrations.registration")
    assert rows.splitlines() == [_person("zambia")]
    assert fleet.run("tick")["data"]["erased"][0]["nothing_recoverable"] is False


def _ticked(fleet: Fleet) -> list[dict[str, Any]]:
    """Return what ``tick`` tells, without the time of the look."""
    found = fleet.run("tick")["data"]["erased"]
    return [{key: value for key, value in one.items() if key != "seen_at"} for one in found]


def _known(fleet: Fleet) -> list[Instance]:
    """Return every instance as the register has it."""
    wiring = Wiring(fleet.workspace)
    try:
        return [*wiring.register.instances(), *wiring.register.erased()]
    finally:
        wiring.register.close()


def test_each_tick_at_one_time_tells_the_same_and_after_the_last_date_nothing_is_left(
    fleet: Fleet, erased: dict[str, Any], zambia: _Leaving
) -> None:
    assert erased["state"] == "erased"
    assert fleet.sandbox.files_with(_person("zambia")), "a control: it is there to be found"
    fleet.sandbox.faults("time", "+6d")
    (told,) = first = _ticked(fleet)
    seen = {
        one["type"].rpartition("/")[2]: one["observed"] for one in told["residues"] if one["kind"] != "record"
    }
    assert seen == {"flexibleServers": "gone", "sites": "present", "vaults": "present"}
    known = _known(fleet)
    assert (_ticked(fleet), _known(fleet)) == (first, known)
    fleet.sandbox.faults("time", "+30d")
    ticked = {one["name"]: one["nothing_recoverable"] for one in _ticked(fleet)}
    assert ticked == {"zambia": True}
    known = _known(fleet)
    assert (_ticked(fleet), _known(fleet)) == ([], known), "nothing of it is due any more"
    assert fleet.run("erase", "status", "zambia")["data"]["recoverable_until"] is None
    assert not fleet.sandbox.files_with(zambia.password)
    assert not fleet.sandbox.files_with(_person("zambia"))
