"""Sites of the sandbox: what azure-mgmt-web makes really runs."""

from __future__ import annotations

import io
import json
import subprocess
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.web import WebSiteManagementClient

from tenantry.adapters.azure_arm import Arm
from tenantry.providers.host.mounts import loop_of
from tenantry.targets.azure.content import emptied
from tests.support.people import wait_until
from tests.support.plain_http import ask
from tests.support.sandbox import Sandbox

_REGION = "westeurope"
_PROGRAM = """\
import http.server, json, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/write":
            open("/home/data.txt", "a").write("x")
        told = {"greeting": os.environ.get("GREETING"), "uid": os.getuid(),
                "kept": os.path.exists("/home/data.txt"), "path": self.path,
                "proto": self.headers.get("X-Forwarded-Proto")}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        print("a request came", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


class _Sites:
    """Sites in a group of their own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.group = f"rg-{uuid.uuid4().hex[:8]}"
        sandbox.make_group(self.group, _REGION)
        self.client = sandbox.client(WebSiteManagementClient)
        self.plan = self.client.app_service_plans.begin_create_or_update(
            self.group,
            "plan",
            {
                "location": _REGION,
                "kind": "linux",
                "sku": {"name": "B1", "tier": "Basic"},
                "properties": {"reserved": True},
            },
        ).result()

    def make(
        self, *, settings: Mapping[str, str] | None = None, cors: Mapping[str, Any] | None = None
    ) -> str:
        """Make a site; return its name."""
        name = f"app-{uuid.uuid4().hex[:10]}"
        site = {
            "location": _REGION,
            "kind": "app,linux",
            "properties": {
                "serverFarmId": self.plan.id,
                "siteConfig": {
                    "linuxFxVersion": "PYTHON|3.11",
                    "appCommandLine": "python3 app.py",
                    **({"cors": dict(cors)} if cors else {}),
                },
            },
        }
        self.client.web_apps.begin_create_or_update(self.group, name, site).result()
        if settings:
            self.client.web_apps.update_application_settings(self.group, name, {"properties": dict(settings)})
        return name

    def publish(self, name: str, program: str = _PROGRAM, *, entry: str = "app.py") -> int:
        """Send a package; return the status."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(entry, program)
        answer = self.scm(name).call("POST", "/api/zipdeploy", content=packed.getvalue())
        return answer.status

    def restored(self, name: str) -> str:
        """Restore a deleted site into a new one; return its name."""
        deleted = self.client.deleted_web_apps.list()
        found = next(one for one in deleted if one.properties.deleted_site_name == name)
        other = self.make()
        self.sandbox.arm().post(
            f"{self.sandbox.subscription}/resourceGroups/{self.group}/providers/Microsoft.Web/sites/{other}"
            "/restoreFromDeletedApp",
            "2025-05-01",
            {"properties": {"deletedSiteId": found.id, "recoverConfiguration": True}},
        )
        return other

    def log(self, name: str) -> str:
        scm = self.scm(name)
        listed = scm.call("GET", "/api/logs/docker").body
        found = scm.call("GET", listed[-1]["href"]).body
        return bytes(found).decode()

    def get(self, name: str, path: str = "/") -> tuple[int, str]:
        url = f"https://{name}.{self.sandbox.told['sites_suffix']}{path}"
        answer = ask(url, ca_file=self.sandbox.told["ca_file"])
        return answer.status, answer.text

    def allowed(self, name: str, method: str, headers: Mapping[str, str]) -> dict[str, str]:
        """Return what a browser is told that a page may do."""
        url = f"https://{name}.{self.sandbox.told['sites_suffix']}/"
        answer = ask(url, method=method, headers=headers, ca_file=self.sandbox.told["ca_file"])
        assert answer.status < 300, answer
        start = "access-control-allow-"
        return {
            key.removeprefix(start): value for key, value in answer.headers.items() if key.startswith(start)
        }

    def told(self, name: str, path: str = "/") -> dict[str, Any]:
        status, text = self.get(name, path)
        assert status == 200, text
        found: dict[str, Any] = json.loads(text)
        return found

    def scm(self, name: str) -> Arm:
        return self.sandbox.arm(f"https://{name}.scm.{self.sandbox.told['sites_suffix']}")


@pytest.fixture(scope="module")
def sites(sandbox: Sandbox) -> Iterator[_Sites]:
    found = _Sites(sandbox)
    yield found
    found.client.close()


def test_a_site_runs_its_package_with_its_settings_as_a_user_of_its_own(sites: _Sites) -> None:
    name = sites.make(settings={"GREETING": "good day"})
    assert "waiting for your content" in sites.get(name)[1]
    assert sites.publish(name) == 200
    told = sites.told(name, "/a?b=c")
    assert (told["greeting"], told["path"], told["proto"]) == ("good day", "/a?b=c", "https")
    assert "a request came" in sites.log(name)


_PAGE = "https://portal.example.org"


def test_a_page_of_an_allowed_origin_may_ask_with_the_persons_cookies(sites: _Sites) -> None:
    name = sites.make(cors={"allowedOrigins": [_PAGE], "supportCredentials": True})
    sites.publish(name)
    asked = {"Origin": _PAGE, "Access-Control-Request-Method": "PATCH"}
    assert sites.allowed(name, "OPTIONS", asked) == {
        "origin": _PAGE,
        "credentials": "true",
        "methods": "PATCH",
    }
    assert sites.allowed(name, "GET", {"Origin": _PAGE}) == {"origin": _PAGE, "credentials": "true"}


def test_a_page_of_another_origin_may_not_read_what_it_gets(sites: _Sites) -> None:
    name = sites.make(cors={"allowedOrigins": [_PAGE]})
    sites.publish(name)
    elsewhere = {"Origin": "https://elsewhere.example.org"}
    assert sites.allowed(name, "GET", elsewhere) == {}
    assert sites.allowed(name, "OPTIONS", {**elsewhere, "Access-Control-Request-Method": "GET"}) == {}


def test_credentials_for_every_origin_are_refused(sites: _Sites) -> None:
    with pytest.raises(HttpResponseError) as refused:
        sites.make(cors={"allowedOrigins": ["*"], "supportCredentials": True})
    assert refused.value.status_code == 400


def test_a_changed_setting_reaches_the_process(sites: _Sites) -> None:
    name = sites.make(settings={"GREETING": "one"})
    sites.publish(name)
    sites.client.web_apps.update_application_settings(sites.group, name, {"properties": {"GREETING": "two"}})
    assert sites.told(name)["greeting"] == "two"
    listed = sites.client.web_apps.list_application_settings(sites.group, name)
    assert listed.properties == {"GREETING": "two"}


def test_home_outlives_a_new_package(sites: _Sites) -> None:
    name = sites.make()
    sites.publish(name)
    sites.told(name, "/write")
    sites.publish(name)
    assert sites.told(name)["kept"]


def test_a_stopped_site_says_so_and_starts_again(sites: _Sites) -> None:
    name = sites.make()
    sites.publish(name)
    sites.client.web_apps.stop(sites.group, name)
    assert sites.get(name)[0] == 403
    assert sites.client.web_apps.get(sites.group, name).properties.state == "Stopped"
    sites.client.web_apps.start(sites.group, name)
    assert sites.get(name)[0] == 200


def test_a_program_that_does_not_start_is_an_application_error(sites: _Sites) -> None:
    name = sites.make()
    sites.publish(name, "raise SystemExit('no such thing as a start')")
    assert sites.get(name)[0] == 503
    assert "no such thing as a start" in sites.log(name)


def test_a_running_site_does_not_keep_a_volume_of_this_machine_busy(sites: _Sites, tmp_path: Path) -> None:
    image, place = tmp_path / "volume.img", tmp_path / "volume"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True)
    try:
        name = sites.make()
        sites.publish(name)
        assert sites.told(name)["uid"] != 0
    finally:
        subprocess.run(["umount", str(place)], check=True)
    wait_until(lambda: loop_of(image) is None)
    assert sites.get(name)[0] == 200  # the site still runs


def test_a_package_that_leads_out_of_its_folder_is_refused(sites: _Sites) -> None:
    name = sites.make()
    assert sites.publish(name, entry="../../escaped.py") == 400


def test_a_deleted_site_is_restored_into_another_and_gone_after_its_days(sites: _Sites) -> None:
    name = sites.make(settings={"GREETING": "kept"})
    sites.publish(name)
    sites.told(name, "/write")
    sites.client.web_apps.delete(sites.group, name, delete_empty_server_farm=False)
    found = [one for one in sites.client.deleted_web_apps.list() if one.properties.deleted_site_name == name]
    assert len(found) == 1
    told = sites.told(sites.restored(name))
    assert (told["greeting"], told["kept"]) == ("kept", True)
    sites.sandbox.faults("time", "+31d")
    assert not [
        one for one in sites.client.deleted_web_apps.list() if one.properties.deleted_site_name == name
    ]


def test_a_name_is_taken_while_its_site_is_there_and_free_again_in_its_directory(sites: _Sites) -> None:
    def free(**asked: Any) -> bool | None:
        found = sites.client.check_name_availability(asked)
        assert found.reason == (None if found.name_available else "AlreadyExists")
        return bool(found.name_available)

    name = sites.make()
    full = sites.client.web_apps.get(sites.group, name).default_host_name
    taken = [free(name=name, type="Site"), free(name=name.upper(), type="Microsoft.Web/sites")]
    assert [*taken, free(name=full, type="Site", isFqdn=True)] == [False] * 3
    sites.client.web_apps.delete(sites.group, name, delete_empty_server_farm=False)
    assert free(name=name, type="Site")


def test_what_was_deleted_before_the_site_is_not_restored(sites: _Sites) -> None:
    """The control is above: a site that is deleted as it is comes back with its files."""
    marker, name = f"Marker of {uuid.uuid4().hex}", sites.make()
    sites.publish(name)
    sites.told(name, "/write")
    assert sites.scm(name).call("PUT", "/api/vfs/data/a/b.txt", content=marker.encode()).status == 201
    assert sites.sandbox.files_with(marker)
    sites.client.web_apps.stop(sites.group, name)
    emptied(sites.scm(name))
    assert not sites.sandbox.files_with(marker)
    sites.client.web_apps.delete(sites.group, name, delete_empty_server_farm=False)
    other = sites.restored(name)
    kept = {place: sites.scm(other).call("GET", f"/api/vfs/{place}/") for place in ("data", "site/wwwroot")}
    assert {place: answer.body for place, answer in kept.items()} == {"data": [], "site/wwwroot": []}
    assert sites.scm(other).call("GET", "/api/vfs/data.txt").status == 404


def test_a_file_is_changed_by_who_has_seen_it_and_a_folder_deleted_with_what_is_in_it_when_asked(
    sites: _Sites,
) -> None:
    scm = sites.scm(sites.make())
    file, folder = "/api/vfs/data/reports/one.txt", "/api/vfs/data/reports/"
    assert scm.call("PUT", file, content=b"one").status == 201
    assert scm.call("PUT", file, content=b"two").status == 412
    seen = {"If-Match": scm.call("GET", file).headers["etag"]}
    assert scm.call("PUT", file, content=b"two, longer", headers=seen).status == 204
    assert scm.call("DELETE", file, headers=seen).status == 412
    (row,) = scm.call("GET", folder).body
    assert (row["name"], row["size"], row["path"]) == ("one.txt", 11, "/home/data/reports/one.txt")
    assert scm.call("DELETE", folder).status == 409
    assert scm.call("DELETE", folder, query={"recursive": "true"}).status == 200
    assert scm.call("GET", folder).status == 404


def test_a_link_of_the_workload_leads_the_management_nowhere(sites: _Sites, tmp_path: Path) -> None:
    (tmp_path / "others.txt").write_text("others")
    tmp_path.chmod(0o755)
    name = sites.make()
    sites.publish(name, f"import os; os.symlink('{tmp_path}', '/home/data/out')\n{_PROGRAM}")
    assert sites.get(name)[0] == 200
    assert sites.scm(name).call("GET", "/api/vfs/data/out/others.txt").status == 404
    assert sites.scm(name).call("DELETE", "/api/vfs/data/", query={"recursive": "true"}).status == 200
    assert (tmp_path / "others.txt").read_text() == "others"


def test_a_plan_that_carries_a_site_is_not_deleted(sites: _Sites) -> None:
    sites.make()
    with pytest.raises(HttpResponseError, match="cannot be deleted"):
        sites.client.app_service_plans.delete(sites.group, "plan")
