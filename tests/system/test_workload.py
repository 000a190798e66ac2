"""The running workload: what people put in survives kills and a reboot, at an address of its own."""

from __future__ import annotations

import http.client
import os
import pwd
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tenantry.adapters.certificates import make_server_certificate
from tenantry.providers.host import processes
from tenantry.providers.host.layout import HostLayout
from tests.support.installation import Installation
from tests.support.people import Browser, processes_of, secrets_of, wait_until, web_processes

pytestmark = pytest.mark.timeout(600)

_PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40


@dataclass(frozen=True, kw_only=True)
class Benin:
    """An instance with registrations and an upload that came in through its address."""

    installed: Installation
    shown: dict[str, Any]
    browser: Browser
    attachment: str  # the path of the upload

    @property
    def opaque(self) -> str:
        return str(self.shown["database"]["name"])

    @property
    def uid(self) -> int:
        return pwd.getpwnam(self.opaque).pw_uid if os.geteuid() == 0 else os.geteuid()

    @property
    def layout(self) -> HostLayout:
        return HostLayout(self.installed.host.root / "host", self.installed.host.runtime / "r")

    def web(self) -> int:
        """The one process of the workload, once it answers."""
        wait_until(self.browser.answers)
        (pid,) = web_processes(self.uid)
        return pid

    def supervisors(self, *names: str) -> Sequence[int]:
        """The processes of the supervisor by their names."""
        found = processes.in_folder(self.layout.services)
        return [pid for pid in found if processes.name(pid) in names]

    def holds_what_was_put_in(self) -> bool:
        names = {one["name"] for one in self.browser.call("GET", "/registrations").json["registrations"]}
        kept = self.browser.call("GET", self.attachment)
        return {"Afi Kossou", "Séna Houngbo"} <= names and (kept.status, kept.body) == (200, _PICTURE)


@pytest.fixture(scope="module")
def served(benin: Installation) -> Benin:
    shown = benin.show("benin")
    browser = Browser.at(shown)
    password = secrets_of(benin, shown["database"]["name"])["ADMIN_PASSWORD"]
    assert browser.log_in(password) == 303
    for name, phone in (("Afi Kossou", "+2290123456789"), ("Séna Houngbo", "+2290198765432")):
        person = {"name": name, "phone": phone, "household_size": 4, "language": "fr", "note": ""}
        made = browser.call("POST", "/registrations", body=person)
        assert made.status == 201, made.body
    attachment = f"/registrations/{made.json['id']}/attachment"
    put = browser.call("POST", attachment, body=_PICTURE, headers={"Content-Type": "image/png"})
    assert put.status == 201, put.body
    return Benin(installed=benin, shown=shown, browser=browser, attachment=attachment)


def test_what_people_put_in_lies_in_the_database_and_in_the_uploads_folder(served: Benin) -> None:
    assert served.holds_what_was_put_in()
    uploads = served.layout.folder(served.opaque, "uploads")
    assert [file.read_bytes() for file in uploads.iterdir()] == [_PICTURE]


def test_plain_http_is_sent_to_https(served: Benin) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.browser.port - 1, timeout=20)
    connection.request("GET", "/x?y=1", headers={"Host": served.browser.hostname})
    answer = connection.getresponse()
    connection.close()
    assert (answer.status, answer.headers["Location"]) == (308, served.shown["url"] + "/x?y=1")


def test_who_does_not_trust_the_hosts_authority_is_not_served(served: Benin) -> None:
    stranger = Path(str(served.shown["database"]["ca_file"]))
    with pytest.raises(ssl.SSLCertVerificationError):
        Browser.at(served.shown, authority=stranger).call("GET", "/")


def test_a_workload_that_is_killed_comes_back_once(served: Benin) -> None:
    before = served.web()
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: web_processes(served.uid) not in ([before], []))
    assert served.web() != before
    assert served.holds_what_was_put_in()


def test_a_workload_that_is_killed_again_and_again_is_never_there_twice(served: Benin) -> None:
    most = 0
    for _ in range(3):
        killed = served.web()
        os.kill(killed, signal.SIGKILL)

        def is_back(killed: int = killed) -> bool:
            nonlocal most
            running = web_processes(served.uid)
            most = max(most, len(running))
            return running not in ([killed], [])

        wait_until(is_back)
    assert most == 1
    assert served.web()


def test_a_database_that_is_killed_comes_back_with_its_data(served: Benin) -> None:
    cluster = served.layout.cluster(served.opaque, 1)
    before = int((cluster / "postmaster.pid").read_text().splitlines()[0])
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: before not in processes_of(served.uid))
    wait_until(served.browser.answers)
    assert served.holds_what_was_put_in()


def test_a_workload_whose_supervision_is_killed_is_supervised_again_and_there_once(served: Benin) -> None:
    before = served.web()
    folder = served.layout.services / f"{served.opaque}-web"
    (supervise,) = [pid for pid in served.supervisors("s6-supervise") if _cwd(pid) == folder]
    os.kill(supervise, signal.SIGKILL)
    wait_until(lambda: web_processes(served.uid) not in ([before], []))
    again = served.web()
    os.kill(again, signal.SIGKILL)  # it is supervised: it comes back
    wait_until(lambda: web_processes(served.uid) not in ([again], []))
    assert served.web()


def test_after_a_kill_of_the_supervisor_host_start_has_all_under_one_again(served: Benin) -> None:
    before = served.web()
    (scanner,) = served.supervisors("s6-svscan")
    os.kill(scanner, signal.SIGKILL)
    assert served.installed.run("host", "status").code == 1
    served.installed.run("host", "start").ok()
    assert len(served.supervisors("s6-svscan")) == 1
    again = served.web()
    assert again != before
    os.kill(again, signal.SIGKILL)
    wait_until(lambda: web_processes(served.uid) not in ([again], []))
    assert served.web()
    assert served.holds_what_was_put_in()
    assert served.installed.run("host", "status").code == 0


def _cwd(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None


# --- the address ---


@pytest.fixture
def given_certificate(served: Benin, tmp_path: Path) -> Iterator[tuple[Path, Path, Path]]:
    """Redeploy benin with a certificate given as files; afterwards with its own authority again."""
    made = make_server_certificate(authority="somebody", names=[served.browser.hostname])
    authority, certificate, key = (tmp_path / name for name in ("ca.crt", "site.crt", "site.key"))
    authority.write_text(made.authority)
    certificate.write_text(made.certificate + made.authority)
    key.write_text(made.key)
    key.chmod(0o600)
    tls = f"tls: {{mode: files, certificate_file: {certificate}, key_file: {key}}}\n"
    served.installed.write_spec("benin", extra=tls)
    try:
        served.installed.deploy("benin").ok()
        yield authority, certificate, key
    finally:
        served.installed.write_spec("benin")
        served.installed.deploy("benin").ok()


def test_a_certificate_given_as_files_is_the_one_that_is_served(
    served: Benin, given_certificate: tuple[Path, Path, Path]
) -> None:
    authority, certificate, key = given_certificate
    browser = Browser.at(served.shown, authority=authority)
    assert browser.answers()
    assert browser.certificate() == ssl.PEM_cert_to_DER_cert(
        certificate.read_text().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    )
    copy = served.layout.proxy_runtime / "keys" / f"{served.opaque}.key"
    assert (copy.read_text(), copy.stat().st_mode & 0o777) == (key.read_text(), 0o400)


def test_a_certificate_that_cannot_be_read_is_refused_and_the_site_stays(served: Benin) -> None:
    try:
        served.installed.write_spec(
            "benin", extra="tls: {mode: files, certificate_file: /not/there.crt, key_file: /not/there.key}\n"
        )
        refused = served.installed.deploy("benin")
    finally:
        served.installed.write_spec("benin")
    assert refused.code == 65
    assert "/not/there.crt" in refused.problems[0]["message"]
    assert served.browser.answers()


def test_a_host_name_that_an_instance_has_is_refused_to_a_second_one_which_leaves_no_trace(
    served: Benin,
) -> None:
    togo = served.installed.write_spec("togo", country="TG")
    togo.write_text(togo.read_text().replace("togo.example.org\n", "benin.example.org\n"))
    try:
        refused = served.installed.deploy("togo")
    finally:
        togo.unlink()
    assert refused.code in {65, 77}
    assert "benin.example.org" in refused.problems[0]["message"]
    listed = served.installed.run("instance", "list").data["instances"]
    assert [one["name"] for one in listed] == ["benin"]
    assert served.browser.answers()


# --- the machine ---


def test_a_host_that_is_stopped_runs_nothing_and_serves_again_after_start(served: Benin) -> None:
    served.installed.run("host", "stop").ok()
    assert processes_of(served.uid) == []
    assert served.supervisors("s6-svscan", "s6-supervise") == []
    assert not served.browser.answers()
    served.installed.run("host", "start").ok()
    served.web()
    assert served.holds_what_was_put_in()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it unmounts")
def test_after_a_reboot_host_start_brings_everything_back(served: Benin) -> None:
    _as_after_a_reboot(served)
    assert served.installed.run("instance", "health", "benin").code == 1
    served.installed.run("host", "start").ok()
    served.web()
    assert served.holds_what_was_put_in()
    health = served.installed.run("instance", "health", "benin")
    assert health.code == 0, health.out
    shown = served.installed.show("benin")
    assert (shown["isolation"], shown["encryption"]) == (
        served.shown["isolation"],
        served.shown["encryption"],
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it unmounts")
def test_a_suspended_instance_is_still_suspended_after_a_reboot(served: Benin) -> None:
    served.installed.run("instance", "suspend", "benin", "--reason", "test").ok()
    _as_after_a_reboot(served)
    served.installed.run("host", "start").ok()
    assert web_processes(served.uid) == []
    served.installed.run("instance", "resume", "benin", "--reason", "test").ok()
    served.web()
    assert served.holds_what_was_put_in()


def _as_after_a_reboot(served: Benin) -> None:
    """Take away all that a machine forgets: processes, mounts, tmpfs, firewall, control groups."""
    served.installed.run("host", "stop").ok()
    home = served.layout.home(served.opaque)
    if home.is_mount():
        subprocess.run(["umount", str(home)], check=True)
    for entry in served.layout.runtime.parent.iterdir():
        shutil.rmtree(entry)
    table = f"tenantry_{served.layout.host_id}"
    subprocess.run(["nft", "delete", "table", "inet", table], check=False, capture_output=True)
    for group in Path("/sys/fs/cgroup").glob(f"**/tenantry-{served.layout.host_id}/{served.opaque}"):
        group.rmdir()
