"""An instance with blobs, a cache and no database, from the installed command line, in a sandbox."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient

from tests.support.azure_fleet import REGION, TENANTRY, WORKLOADS, Fleet
from tests.support.plain_http import ask
from tests.support.reference import undocumented
from tests.support.sandbox import files_below

_MARKER = "Marker Person of the attachments"
_STORAGE, _VAULTS = "2024-01-01", "2024-11-01"
_DELETED_VAULTS = "Microsoft.KeyVault/deletedVaults"
# What an erasure meets, and gets past by itself.
_IN_THE_WAY = (
    ("AnotherOperationInProgress", "Microsoft.Storage/storageAccounts", "DELETE"),
    ("MethodNotAllowed", "deletedVaults/purge", "POST"),
    ("InUseSubnetCannotBeDeleted", "resourceGroups", "DELETE"),
)


@pytest.fixture(scope="module")
def lesotho(fleet: Fleet) -> dict[str, Any]:
    """An instance of the workload "attachments"."""
    return fleet.deployed("lesotho", profile="attachments")


def _ask(fleet: Fleet, url: str, *, body: bytes | None = None) -> tuple[int, bytes]:
    method = "PUT" if body else "GET"
    answer = ask(url, method=method, body=body, ca_file=fleet.sandbox.told["ca_file"])
    return answer.status, answer.body


def _account(fleet: Fleet, name: str) -> str:
    listed = fleet.sandbox.arm().list(f"{fleet.group(name)}/resources", "2021-04-01")
    return next(str(one["id"]) for one in listed if one["type"] == "Microsoft.Storage/storageAccounts")


def _named(fleet: Fleet) -> str:
    """Give the instance a host name of its own; return it."""
    host = f"{uuid.uuid4().hex[:10]}.example.org"
    spec = fleet.workspace / "instances" / "lesotho.yaml"
    spec.write_text(spec.read_text() + f"hostname: {host}\n")
    fleet.run("instance", "deploy", "lesotho", "--reason", "a name", expect=1)
    for one in fleet.run("instance", "show", "lesotho")["data"]["dns_records"]:
        fleet.sandbox.dns("add", one["name"], one["type"], one["value"])
    fleet.run("instance", "deploy", "lesotho", "--reason", "its records")
    return host


def test_it_is_healthy_and_keeps_a_file_as_a_blob(fleet: Fleet, lesotho: dict[str, Any]) -> None:
    assert (lesotho["outcome"], lesotho["health"], lesotho["rehearsal"]) == ("done", "healthy", True)
    assert _ask(fleet, f"{lesotho['url']}/one.txt", body=_MARKER.encode())[0] == 201
    assert _ask(fleet, f"{lesotho['url']}/one.txt") == (200, _MARKER.encode())


def test_its_journal_says_from_the_first_run_of_the_engine_on_that_it_is_a_rehearsal(
    fleet: Fleet, lesotho: dict[str, Any]
) -> None:
    assert lesotho["rehearsal"]
    lines = fleet.run("journal", "show", "--instance", "lesotho")["data"]["lines"]
    texts = [one["text"] for one in lines if one["text"]]
    first = next(text for text in texts if "engine up, stack" in text)
    assert first.startswith("REHEARSAL: ")
    assert any(text.startswith("REHEARSAL: conditions: ") for text in texts)


def test_pages_of_its_portal_may_ask_it_and_no_others(fleet: Fleet, lesotho: dict[str, Any]) -> None:
    listed = fleet.sandbox.arm().list(f"{fleet.group('lesotho')}/resources", "2021-04-01")
    portal = next(str(one["id"]) for one in listed if one["type"] == "Microsoft.Web/staticSites")
    made = fleet.sandbox.arm().get(portal, "2024-04-01")
    assert made is not None
    own = f"https://{made['properties']['defaultHostname']}"
    elsewhere = "https://elsewhere.example.org"
    answers = {
        origin: ask(
            f"{lesotho['url']}/version", headers={"Origin": origin}, ca_file=fleet.sandbox.told["ca_file"]
        )
        for origin in (own, elsewhere)
    }
    assert {answer.status for answer in answers.values()} == {200}
    allowed = {origin: one.headers.get("access-control-allow-origin") for origin, one in answers.items()}
    assert allowed == {own: own, elsewhere: None}


def test_it_counts_in_a_cache_that_only_its_network_reaches(fleet: Fleet, lesotho: dict[str, Any]) -> None:
    url = f"{lesotho['url']}/counted/visits"
    assert [_ask(fleet, url) for _ in range(2)] == [(200, b"1"), (200, b"2")]
    listed = fleet.sandbox.arm().list(f"{fleet.group('lesotho')}/resources", "2021-04-01")
    cache = next(one for one in listed if one["type"] == "Microsoft.Cache/redisEnterprise")
    host = f"{cache['name']}.{REGION}.redis.{fleet.sandbox.told['suffix']}"
    context = ssl.create_default_context(cafile=fleet.sandbox.told["ca_file"])
    with (
        socket.create_connection((host, 10000), timeout=5) as line,
        pytest.raises(OSError),
        context.wrap_socket(line, server_hostname=host),
    ):
        pass


def test_nobody_outside_of_its_network_reads_the_blobs(fleet: Fleet, lesotho: dict[str, Any]) -> None:
    assert lesotho["health"] == "healthy"
    account = _account(fleet, "lesotho").rpartition("/")[2]
    with (
        BlobServiceClient(
            f"https://{account}.{fleet.sandbox.told['blob_suffix']}",
            fleet.sandbox.credential(),
            connection_verify=fleet.sandbox.told["ca_file"],
            retry_total=0,
        ) as client,
        pytest.raises(HttpResponseError, match="AuthorizationFailure"),
    ):
        client.get_blob_client("attachments", "one.txt").download_blob()


def test_a_container_is_locked_with_its_account(fleet: Fleet, lesotho: dict[str, Any]) -> None:
    assert lesotho["health"] == "healthy"
    path = f"{_account(fleet, 'lesotho')}/blobServices/default/containers/reports"
    assert fleet.sandbox.arm().call("DELETE", path, version=_STORAGE).status == 409
    assert fleet.condition("lesotho", "StorageAvailable")["reason"] == "Available"


def test_an_exception_of_the_workload_is_seen_and_passes(fleet: Fleet, lesotho: dict[str, Any]) -> None:
    assert fleet.condition("lesotho", "NoExceptions")["reason"] == "Quiet"
    assert _ask(fleet, f"{lesotho['url']}/fail") == (200, b"reported")
    assert fleet.condition("lesotho", "NoExceptions", expect=1)["reason"] == "Exceptions"
    fleet.sandbox.faults("time", "+20m")
    assert fleet.condition("lesotho", "NoExceptions")["reason"] == "Quiet"


def test_a_second_look_finds_nothing_to_change_and_tells_where_everything_lies(
    fleet: Fleet, lesotho: dict[str, Any]
) -> None:
    assert lesotho["health"] == "healthy"
    told = fleet.run("instance", "preview", "lesotho", "--exit-code")["data"]
    assert told["changes"] == []
    assert undocumented("instance preview", told) == set()
    region = fleet.run("instance", "show", "lesotho")["data"]["placement"]
    lies = {one["data"]: one["region"] for one in told["whereabouts"]}
    assert {lies[one] for one in ("files", "cache", "site", "keys and secrets")} == {region}


def _blob(fleet: Fleet, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    argv = [str(TENANTRY), "blob", *arguments, "--reason", "ticket 131", "--workspace", str(fleet.workspace)]
    return subprocess.run(argv, capture_output=True, timeout=300, check=False)


def test_a_file_that_a_person_asks_for_is_found_read_and_deleted_and_stands_in_no_log(
    fleet: Fleet, lesotho: dict[str, Any], tmp_path: Path
) -> None:
    person, content = f"scan-of-{uuid.uuid4().hex}.txt", f"{_MARKER} {uuid.uuid4().hex}\n".encode()
    assert _ask(fleet, f"{lesotho['url']}/{person}", body=content)[0] == 201
    why = ("--reason", "ticket 131")
    listed = fleet.run("blob", "list", "lesotho", "--prefix", person[:10], *why)["data"]
    assert undocumented("blob list", listed) == set()
    (row,) = [one for one in listed["blobs"] if one["blob"] == person]
    assert (row["container"], row["size_bytes"]) == ("attachments", len(content))
    where = ("lesotho", "attachments", person)
    assert _blob(fleet, "read", *where).stdout == content
    file = tmp_path / "scan.txt"
    assert _blob(fleet, "read", *where, "--to", str(file)).stdout == b""
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (content, 0o600)
    assert _blob(fleet, "read", *where, "--to", str(file)).returncode == 2, "it is there already"
    shown = fleet.run("blob", "delete", *where, *why)
    assert (shown["data"]["deleted"], shown["problems"][0]["code"]) == (False, "not-confirmed")
    assert _blob(fleet, "delete", *where, "--confirm", "kenya").returncode == 77
    deleted = fleet.run("blob", "delete", *where, "--confirm", "lesotho", *why)["data"]
    assert undocumented("blob delete", deleted) == set()
    again = fleet.run("blob", "delete", *where, "--confirm", "lesotho", *why)["data"]
    assert again["recoverable_until"] == deleted["recoverable_until"] is not None
    assert _ask(fleet, f"{lesotho['url']}/{person}")[0] == 404
    gone = tmp_path / "gone.txt"
    missing = _blob(fleet, "read", *where, "--to", str(gone))
    assert (missing.returncode, b"[no-blob]" in missing.stderr, gone.exists()) == (1, True, False)
    assert fleet.condition("lesotho", "Private")["reason"] == "Private"
    lines = fleet.run("journal", "show", "--instance", "lesotho")["data"]["lines"]
    texts = [str(one["text"]) for one in lines]
    assert any("read a blob of the container attachments: ticket 131" in one for one in texts)
    assert "way in: withdrawn, and seen to be closed" in texts
    ours = [one for one in files_below(fleet.workspace) if "sandbox" not in one.parts]
    assert [one.name for one in ours if one.name == "register.db"], "a control: the journal is among them"
    assert [one for one in ours if person.encode() in one.read_bytes() or content in one.read_bytes()] == []


def test_a_secret_whose_variable_is_gone_leaves_the_vault_although_a_run_is_killed_over_it(
    fleet: Fleet, lesotho: dict[str, Any]
) -> None:
    assert lesotho["health"] == "healthy"
    less = fleet.workspace / "profiles" / "fewer"
    shutil.copytree(WORKLOADS / "attachments", less)
    profile = less / "profile.yaml"
    kept = [one for one in profile.read_text().splitlines() if "APPLICATIONINSIGHTS" not in one]
    profile.write_text("\n".join(kept).replace("name: attachments", "name: fewer", 1))
    spec = fleet.workspace / "instances" / "lesotho.yaml"
    lines = ["profile: fewer" if one.startswith("profile:") else one for one in spec.read_text().splitlines()]
    spec.write_text("\n".join(lines) + "\n")
    secret = "APPLICATIONINSIGHTS-CONNECTION-STRING"
    arm = fleet.sandbox.arm()
    listed = arm.list(f"{fleet.group('lesotho')}/resources", "2021-04-01")
    vault = next(str(one["id"]) for one in listed if one["name"].startswith("kvs-"))
    assert arm.get(f"{vault}/secrets/{secret}", _VAULTS), "a control"
    told = fleet.run("instance", "preview", "lesotho")["data"]["changes"]
    assert [one["kind"] for one in told if one["name"] == f"secret-{secret}"] == ["delete"]
    deploy = ("instance", "deploy", "lesotho", "--reason", "a variable less")
    assert fleet.killed(f"1:before DELETE deletedsecrets/{secret}", *deploy)
    assert fleet.condition("lesotho", "Private", expect=1)["reason"] == "VaultOpen"
    fleet.run(*deploy)
    assert arm.get(f"{vault}/secrets/{secret}", _VAULTS) is None
    # Under its own name another one can be made: nothing of it is kept.
    tags = (arm.get(vault, _VAULTS) or {})["tags"]  # without them it would be somebody else's
    arm.put(f"{vault}/secrets/{secret}", _VAULTS, {"properties": {"value": "another"}, "tags": tags})
    assert fleet.condition("lesotho", "Private")["reason"] == "Private"
    assert fleet.run("instance", "preview", "lesotho", "--exit-code")["data"]["changes"] == []
    assert fleet.run("instance", "drift", "lesotho")["data"]["changes"] == []
    assert _ask(fleet, f"{lesotho['url']}/version")[0] == 200


def test_a_host_name_of_its_own_waits_for_its_dns_and_is_served_after_the_next_deploy(
    fleet: Fleet, lesotho: dict[str, Any]
) -> None:
    host = f"{uuid.uuid4().hex[:10]}.example.org"
    spec = fleet.workspace / "instances" / "lesotho.yaml"
    spec.write_text(spec.read_text() + f"hostname: {host}\n")
    waiting = fleet.run("instance", "deploy", "lesotho", "--reason", "a name", expect=1)["data"]
    assert (waiting["instances"][0]["state"], waiting["instances"][0]["url"]) == ("active", lesotho["url"])
    assert fleet.condition("lesotho", "HostName", expect=1)["reason"] == "RecordsMissing"
    for one in fleet.run("instance", "show", "lesotho")["data"]["dns_records"]:
        fleet.sandbox.dns("add", one["name"], one["type"], one["value"])
    assert fleet.condition("lesotho", "HostName", expect=1)["reason"] == "NotBound"
    served = fleet.run("instance", "deploy", "lesotho", "--reason", "its records")["data"]["instances"][0]
    assert (served["health"], served["url"]) == ("healthy", f"https://{host}")
    assert _ask(fleet, f"https://{host}/one.txt", body=_MARKER.encode())[0] == 201
    assert _ask(fleet, f"{lesotho['url']}/one.txt") == (200, _MARKER.encode()), "the other name stays"
    assert fleet.run("instance", "preview", "lesotho", "--exit-code")["data"]["changes"] == []


@pytest.mark.soak
def test_a_renewed_certificate_is_no_drift_and_a_lost_record_unbinds_nothing(
    fleet: Fleet, lesotho: dict[str, Any]
) -> None:
    host = fleet.run("instance", "show", "lesotho")["data"]["url"].removeprefix("https://")
    if host == lesotho["url"].removeprefix("https://"):  # the test that gives it a name did not run
        host = _named(fleet)
    fleet.sandbox.faults("time", "+140d")
    assert fleet.run("instance", "drift", "lesotho")["data"]["changes"] == []
    assert fleet.run("instance", "preview", "lesotho", "--exit-code")["data"]["changes"] == []
    fleet.sandbox.dns("remove", host, "CNAME")
    assert fleet.condition("lesotho", "HostName", expect=1)["reason"] == "NotReached"
    assert fleet.run("instance", "preview", "lesotho", "--exit-code")["data"]["changes"] == []


def test_another_host_name_unbinds_the_first_from_its_site_which_is_locked_again(
    fleet: Fleet, lesotho: dict[str, Any]
) -> None:
    """The next one waits for its DNS; the site is served under its other name meanwhile."""
    spec = fleet.workspace / "instances" / "lesotho.yaml"
    kept = [line for line in spec.read_text().splitlines() if not line.startswith("hostname:")]
    spec.write_text("\n".join([*kept, f"hostname: {uuid.uuid4().hex[:10]}.example.org"]) + "\n")
    moved = fleet.run("instance", "deploy", "lesotho", "--reason", "a test", expect=1)["data"]["instances"][0]
    assert moved["url"] == lesotho["url"]
    arm = fleet.sandbox.arm()
    listed = arm.list(f"{fleet.group('lesotho')}/resources", "2021-04-01")
    site = next(str(one["id"]) for one in listed if one["type"] == "Microsoft.Web/sites")
    bound = [one["id"].rpartition("/")[2] for one in arm.list(f"{site}/hostNameBindings", "2025-05-01")]
    assert bound == [lesotho["url"].removeprefix("https://").partition(":")[0]]
    assert len(arm.list(f"{site}/providers/Microsoft.Authorization/locks", "2020-05-01")) == 1
    assert fleet.run("instance", "preview", "lesotho", "--exit-code")["data"]["changes"] == []


def test_an_erasure_leaves_no_blob_even_in_the_account_that_azure_keeps(
    fleet: Fleet, lesotho: dict[str, Any]
) -> None:
    assert _ask(fleet, f"{lesotho['url']}/two.txt", body=_MARKER.encode())[0] == 201
    assert fleet.sandbox.files_with(_MARKER), "a control: the search finds what is there"
    made = fleet.made("lesotho")
    assert fleet.there(made) == set(made.values()), "a control: each of them answers"
    for code, type_, method in _IN_THE_WAY:
        fleet.sandbox.faults("code", code, type_, "--match", method)
    erased = fleet.run("erase", "run", "lesotho", "--confirm", "lesotho", "--reason", "a test")["data"]
    assert {one["type"] for one in erased["dns_records"]} == {"CNAME", "TXT"}, "they are to be removed, too"
    kept = {one["type"] for one in fleet.run("erase", "status", "lesotho")["data"]["residues"]}
    assert "Microsoft.Storage/storageAccounts" in kept
    vaults = fleet.sandbox.arm().list(
        f"{fleet.sandbox.subscription}/providers/{_DELETED_VAULTS}", "2024-11-01"
    )
    assert [one for one in vaults if not one["properties"].get("purgeProtectionEnabled")] == []
    assert fleet.sandbox.files_with(_MARKER) == []
    assert fleet.there(made) == set()
    fleet.sandbox.faults("time", "+31d")
    fleet.run("tick")
    assert fleet.run("erase", "status", "lesotho")["data"]["nothing_recoverable"] is True
