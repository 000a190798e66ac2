# ruff: noqa: PLR0917 - fixtures are handed over by name
from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import FailedError, RefusedError, SpecError
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.process import Supervised
from tenantry.providers.host.proxy import SERVICE, Proxy, root_certificate
from tenantry.providers.host.site import Site
from tenantry.providers.host.supervisor import wait_until

Drift = Callable[..., Any]
_NAME = "benin.example.org"


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"hello {self.headers['Host']} {self.headers['X-Forwarded-Proto']}".encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def workload(port: int) -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), _Hello) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield port
        server.shutdown()
        thread.join()


@pytest.fixture
def inputs(opaque: str, workload: int) -> dict[str, Any]:
    return {
        "opaque": opaque,
        "hostname": _NAME,
        "upstreamPort": workload,
        "tls": {"mode": "own-ca"},
        "publicFolders": [],
    }


@pytest.fixture
def site(executor: Executor, layout: HostLayout, proxy: Proxy) -> Site:
    return Site(executor, layout, proxy=proxy)


@pytest.fixture
def public(inputs: dict[str, Any], executor: Executor, home: Path, uid: int) -> Path:
    """A folder that is served, with a file that only its owner may read; inputs name it."""
    for folder in (home / "files", home / "files" / "media"):
        executor.folder(folder, mode=0o700, uid=uid)
    executor.write(home / "files" / "media" / "logo.txt", "a logo", mode=0o600, uid=uid)
    inputs["publicFolders"] = [{"path": "media", "folder": str(home / "files" / "media")}]
    return home / "files" / "media"


def _get(proxy: Proxy, path: str = "/", *, name: str = _NAME, ca: Path) -> tuple[int, str]:
    """Fetch a page as a browser would; a fresh certificate may take a moment."""
    port = proxy._settings.https_port
    command = [
        "curl",
        "-sS",
        "--cacert",
        str(ca),
        "--resolve",
        f"{name}:{port}:127.0.0.1",
        "-w",
        "\n%{http_code}",
    ]
    answers: list[tuple[int, str]] = []

    def ask() -> bool:
        ran = subprocess.run(
            [*command, f"https://{name}:{port}{path}"], capture_output=True, text=True, check=False
        )
        body, _, code = ran.stdout.rpartition("\n")
        answers.append((int(code or 0), body or ran.stderr))
        return ran.returncode == 0

    wait_until(ask, seconds=20)
    return answers[-1]


def test_the_workload_answers_over_https_at_its_host_name(
    site: Site, inputs: dict[str, Any], proxy: Proxy, layout: HostLayout
) -> None:
    site.create(inputs)
    port = proxy._settings.https_port
    assert _get(proxy, ca=root_certificate(layout)) == (200, f"hello {_NAME}:{port} https")


def test_plain_http_is_sent_to_https(site: Site, inputs: dict[str, Any], proxy: Proxy) -> None:
    site.create(inputs)
    url = f"http://127.0.0.1:{proxy._settings.http_port}/a?b"
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{redirect_url}", "-H", f"Host: {_NAME}", url]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == f"https://{_NAME}:{proxy._settings.https_port}/a?b"


def test_the_proxy_is_not_root_and_may_do_nothing_but_listen(
    site: Site, inputs: dict[str, Any], supervised: Supervised, proxy: Proxy
) -> None:
    site.create(inputs)
    _, pid = supervised.status(SERVICE)
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert status["Uid"].split() == [str(proxy.uid())] * 4
    assert status["CapEff"] == f"{1 << 10:016x}"


def test_other_users_cannot_reach_the_admin_socket(
    site: Site, inputs: dict[str, Any], proxy: Proxy, uid: int
) -> None:
    site.create(inputs)
    command = ["curl", "-sS", "--unix-socket", str(proxy._admin), "http://localhost/config/"]
    assert subprocess.run(command, user=uid, group=uid, capture_output=True, check=False).returncode != 0


def test_a_fresh_look_finds_no_drift(site: Site, inputs: dict[str, Any], public: Path, drift: Drift) -> None:
    site.create(inputs)
    assert drift(site, inputs["opaque"], inputs) == set()


def test_a_route_that_was_removed_by_hand_is_drift_and_put_right(
    site: Site, inputs: dict[str, Any], proxy: Proxy, drift: Drift
) -> None:
    site.create(inputs)
    proxy.ask("DELETE", f"/id/site-{inputs['opaque']}")
    assert drift(site, inputs["opaque"], inputs) == {"served"}
    site.update(inputs["opaque"], inputs, inputs)
    assert drift(site, inputs["opaque"], inputs) == set()


def test_a_proxy_that_was_stopped_by_hand_is_drift_and_put_right(
    site: Site, inputs: dict[str, Any], supervised: Supervised, drift: Drift
) -> None:
    site.create(inputs)
    supervised.stop(SERVICE)
    assert drift(site, inputs["opaque"], inputs) == {"served"}
    site.update(inputs["opaque"], inputs, inputs)
    assert drift(site, inputs["opaque"], inputs) == set()


def test_a_site_file_that_was_deleted_by_hand_is_drift(
    site: Site, inputs: dict[str, Any], proxy: Proxy, drift: Drift
) -> None:
    site.create(inputs)
    (proxy.sites / f"{inputs['opaque']}.json").unlink()
    assert drift(site, inputs["opaque"], inputs) is None


def test_a_restarted_proxy_still_serves(
    site: Site, inputs: dict[str, Any], supervised: Supervised, proxy: Proxy, layout: HostLayout
) -> None:
    site.create(inputs)
    supervised.restart(SERVICE)
    assert _get(proxy, ca=root_certificate(layout))[0] == 200


def test_another_instance_cannot_have_the_host_name(site: Site, inputs: dict[str, Any]) -> None:
    site.create(inputs)
    with pytest.raises(RefusedError, match="belongs to another instance"):
        site.create({**inputs, "opaque": "tnother"})


def test_two_sites_are_served_side_by_side(
    site: Site, inputs: dict[str, Any], proxy: Proxy, layout: HostLayout
) -> None:
    site.create(inputs)
    site.create({**inputs, "opaque": "tnother", "hostname": "togo.example.org"})
    for name in (_NAME, "togo.example.org"):
        assert _get(proxy, name=name, ca=root_certificate(layout))[0] == 200


def test_public_files_are_served_whatever_their_mode(
    site: Site, inputs: dict[str, Any], public: Path, proxy: Proxy, layout: HostLayout, uid: int
) -> None:
    site.create(inputs)
    written = "umask 077; echo later >later.txt"
    subprocess.run(["sh", "-c", written], cwd=public, user=uid, group=uid, check=True)
    ca = root_certificate(layout)
    assert _get(proxy, "/media/logo.txt", ca=ca) == (200, "a logo")
    assert _get(proxy, "/media/later.txt", ca=ca) == (200, "later\n")


def test_the_proxy_reads_nothing_beside_the_public_folder(
    site: Site, inputs: dict[str, Any], public: Path, executor: Executor, proxy: Proxy, uid: int
) -> None:
    executor.folder(public.parent / "uploads", mode=0o700, uid=uid)
    executor.write(public.parent / "uploads" / "form.txt", "private", mode=0o644, uid=uid)
    site.create(inputs)
    command = ["cat", str(public.parent / "uploads" / "form.txt")]
    ran = subprocess.run(command, user=proxy.uid(), group=proxy.uid(), capture_output=True, check=False)
    assert ran.returncode != 0


def test_a_link_in_the_public_folder_leads_nowhere(
    site: Site, inputs: dict[str, Any], public: Path, executor: Executor, proxy: Proxy, layout: HostLayout
) -> None:
    executor.write(public.parent / "secret.txt", "private", mode=0o600, uid=inputs.get("uid"))
    (public / "link.txt").symlink_to(public.parent / "secret.txt")
    site.create(inputs)
    assert _get(proxy, "/media/link.txt", ca=root_certificate(layout))[0] in (403, 404)


def test_lost_access_to_a_public_folder_is_drift_and_put_right(
    site: Site, inputs: dict[str, Any], public: Path, drift: Drift
) -> None:
    site.create(inputs)
    public.chmod(0o700)
    assert drift(site, inputs["opaque"], inputs) == {"access"}
    site.update(inputs["opaque"], inputs, inputs)
    assert drift(site, inputs["opaque"], inputs) == set()


def test_delete_takes_away_route_certificate_and_access(
    site: Site, inputs: dict[str, Any], public: Path, proxy: Proxy, layout: HostLayout
) -> None:
    site.create(inputs)
    _get(proxy, ca=root_certificate(layout))
    site.delete(inputs["opaque"], inputs)
    assert not [
        p for folder in (layout.proxy_state, layout.proxy_runtime) for p in folder.rglob(f"*{_NAME}*")
    ]
    assert inputs["opaque"] not in (layout.proxy_runtime / "config.json").read_text()
    assert public.parent.parent.stat().st_mode & 0o7777 == 0o700


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    files = (tmp_path / "tls.crt", tmp_path / "tls.key")
    _make_certificate(files)
    return files


def _make_certificate(files: tuple[Path, Path]) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ["-subj", "/CN=given", "-addext", f"subjectAltName=DNS:{_NAME}", "-days", "2"]
    subprocess.run(
        [*command, *names, "-out", str(files[0]), "-keyout", str(files[1])], check=True, capture_output=True
    )


def _given(inputs: dict[str, Any], certificate: tuple[Path, Path]) -> dict[str, Any]:
    tls = {"mode": "files", "certificateFile": str(certificate[0]), "keyFile": str(certificate[1])}
    return {**inputs, "tls": tls}


def test_a_given_certificate_is_served(
    site: Site, inputs: dict[str, Any], certificate: tuple[Path, Path], proxy: Proxy
) -> None:
    site.create(_given(inputs, certificate))
    assert _get(proxy, ca=certificate[0])[0] == 200


def test_a_given_certificate_that_was_renewed_is_drift_and_brought(
    site: Site, inputs: dict[str, Any], certificate: tuple[Path, Path], drift: Drift
) -> None:
    given = _given(inputs, certificate)
    site.create(given)
    certificate[0].write_text(certificate[0].read_text() + "\n")
    assert drift(site, inputs["opaque"], given) == {"keys"}
    site.update(inputs["opaque"], given, given)
    assert drift(site, inputs["opaque"], given) == set()


def test_a_given_certificate_that_was_renewed_is_served_instead_of_the_old_one(
    site: Site, inputs: dict[str, Any], certificate: tuple[Path, Path], proxy: Proxy
) -> None:
    given = _given(inputs, certificate)
    site.create(given)
    _make_certificate(certificate)  # at the same place: the proxy's configuration stays as it is
    site.update(inputs["opaque"], given, given)
    assert _get(proxy, ca=certificate[0])[0] == 200


def test_a_given_key_lies_in_memory_for_the_proxy_alone(
    site: Site, inputs: dict[str, Any], certificate: tuple[Path, Path], proxy: Proxy, layout: HostLayout
) -> None:
    site.create(_given(inputs, certificate))
    status = (proxy.keys / f"{inputs['opaque']}.key").stat()
    assert (status.st_uid, status.st_mode & 0o7777) == (proxy.uid(), 0o400)
    assert not list(layout.root.rglob(f"*{inputs['opaque']}*.key"))


def test_a_certificate_that_is_not_there_is_told(site: Site, inputs: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        site.create(_given(inputs, (tmp_path / "no.crt", tmp_path / "no.key")))


def test_a_broken_certificate_is_refused_and_the_others_are_still_served(
    site: Site, inputs: dict[str, Any], tmp_path: Path, proxy: Proxy, layout: HostLayout
) -> None:
    site.create(inputs)
    for name in ("bad.crt", "bad.key"):
        (tmp_path / name).write_text("nonsense")
    other = {**inputs, "opaque": "tnother", "hostname": "togo.example.org"}
    bad = _given(other, (tmp_path / "bad.crt", tmp_path / "bad.key"))
    with pytest.raises(FailedError, match="refuses"):
        site.create(bad)
    assert _get(proxy, ca=root_certificate(layout))[0] == 200
    assert "togo" not in (layout.proxy_runtime / "config.json").read_text()


def test_the_log_tells_neither_path_nor_query_of_a_request_that_failed(
    site: Site, inputs: dict[str, Any], proxy: Proxy, layout: HostLayout, port: int
) -> None:
    site.create({**inputs, "upstreamPort": port + 3})
    assert _get(proxy, "/person?name=ann", ca=root_certificate(layout))[0] == 502
    log = proxy._logs / "current"
    assert wait_until(lambda: "connection refused" in log.read_text(), seconds=5)
    assert "ann" not in log.read_text()


def test_delete_takes_the_host_name_out_of_the_log(
    site: Site, inputs: dict[str, Any], proxy: Proxy, layout: HostLayout
) -> None:
    site.create(inputs)
    assert wait_until(lambda: _NAME in (proxy._logs / "current").read_text(), seconds=5)  # a warning names it
    site.delete(inputs["opaque"], inputs)
    assert not [
        path for path in layout.proxy_state.rglob("*") if path.is_file() and _NAME in path.read_text()
    ]


def test_removing_the_proxy_leaves_no_user_and_no_file(
    site: Site, inputs: dict[str, Any], proxy: Proxy, layout: HostLayout
) -> None:
    site.create(inputs)
    proxy.remove()
    assert proxy.uid() is None
    assert not layout.proxy_state.exists()
    assert not layout.proxy_runtime.exists()
