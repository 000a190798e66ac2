"""Getting the engine: download, else build; never half-made, never twice at once."""

from __future__ import annotations

import http.server
import io
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry.adapters import tools
from tools.setup import engine
from tools.setup.report import Report, SetupError

_ROOT = Path(__file__).parents[3]
_ENGINE = "#!/bin/sh\necho v{version}\n"


def _archive(folder: Path, *, version: str) -> Path:
    """Pack an engine as the official download is packed."""
    path = folder / "engine.tar.gz"
    text = _ENGINE.format(version=version).encode()
    with tarfile.open(path, "w:gz") as packed:
        for name in ("pulumi", "pulumi-language-python"):
            item = tarfile.TarInfo(f"pulumi/{name}")
            item.size, item.mode = len(text), 0o755
            packed.addfile(item, io.BytesIO(text))
    return path


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A mirror on loopback, which set-up is told to use."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, directory=str(tmp_path), **options)  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/engine.tar.gz"
    monkeypatch.setenv("TENANTRY_ENGINE_URL", url)
    yield url
    server.shutdown()
    thread.join()
    server.server_close()


def _go(folder: Path, *, version: str = "1.26.8", makes: str = tools.ENGINE_VERSION, also: str = "") -> Path:
    """Put a Go on PATH that builds at once."""
    path = folder / "bin/go"
    path.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = env ] && {{ echo go{version}; exit; }}\n'
        f"{also}\n"
        'while [ "$1" != -o ]; do shift; done\n'
        f'printf "#!/bin/sh\\necho v{makes}\\n" > "$2"\nchmod 755 "$2"\n'
    )
    path.chmod(0o755)
    return path


@pytest.fixture
def no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that cannot reach the download: nobody listens on port 9."""
    monkeypatch.setenv("TENANTRY_ENGINE_URL", "http://127.0.0.1:9/engine.tar.gz")


def test_the_download_is_taken_when_it_says_the_right_version(
    tmp_path: Path, address: str, report: Report
) -> None:
    _archive(tmp_path, version=tools.ENGINE_VERSION)
    engine.ensure(report, root=_ROOT)
    assert tools.find_engine() == tools.cached_engine()


def test_the_language_hosts_of_the_download_lie_beside_the_engine(
    tmp_path: Path, address: str, report: Report
) -> None:
    _archive(tmp_path, version=tools.ENGINE_VERSION)
    engine.ensure(report, root=_ROOT)
    names = {path.name for path in tools.cached_engine().parent.iterdir()}
    assert names == {"pulumi", "pulumi-language-python"}


def test_a_download_of_another_version_is_refused_and_nothing_is_kept(
    tmp_path: Path, address: str, report: Report
) -> None:
    _archive(tmp_path, version="3.1.0")
    with pytest.raises(SetupError, match=r"calls itself 3\.1\.0"):
        engine.ensure(report, root=_ROOT)
    assert not tools.cached_engine().exists()


def test_a_broken_download_falls_back_to_the_sources(tmp_path: Path, address: str, report: Report) -> None:
    whole = _archive(tmp_path, version=tools.ENGINE_VERSION)
    whole.write_bytes(whole.read_bytes()[:-40])
    _go(tmp_path)
    engine.ensure(report, root=_ROOT)
    assert tools.engine_version(tools.find_engine()) == tools.ENGINE_VERSION


@pytest.mark.usefixtures("no_download")
def test_without_a_download_it_is_built(tmp_path: Path, report: Report, said: io.StringIO) -> None:
    _go(tmp_path)
    engine.ensure(report, root=_ROOT)
    assert "building the Pulumi engine" in said.getvalue()


@pytest.mark.usefixtures("no_download")
def test_a_build_that_fails_shows_the_end_of_its_output(
    tmp_path: Path, report: Report, said: io.StringIO
) -> None:
    _go(tmp_path, also="echo proxy refused; exit 3")
    with pytest.raises(SetupError, match="go ended with 3"):
        engine.ensure(report, root=_ROOT)
    assert "| proxy refused" in said.getvalue()


@pytest.mark.usefixtures("no_download")
def test_a_go_that_is_too_old_is_not_used(tmp_path: Path) -> None:
    _go(tmp_path, version="1.25.3")
    assert engine._go_on_path() is None


@pytest.mark.usefixtures("no_download")
def test_two_set_ups_at_once_build_once(tmp_path: Path) -> None:
    _go(tmp_path, also=f"echo built >> {tmp_path}/count; sleep 0.5")
    code = (
        "from pathlib import Path; from tools.setup import engine; from tools.setup.report import Report; "
        "engine.ensure(Report(), root=Path.cwd())"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", code], cwd=_ROOT, stderr=subprocess.PIPE) for _ in range(2)
    ]
    codes = [child.wait(30) for child in children]
    for child in children:
        child.communicate()
    assert (codes, (tmp_path / "count").read_text()) == ([0, 0], "built\n")


@pytest.mark.usefixtures("no_download")
def test_a_set_up_that_was_killed_while_building_is_finished_by_the_next_one(
    tmp_path: Path, cache: Path, report: Report
) -> None:
    _go(tmp_path, also=f"touch {tmp_path}/building; sleep 0.7")
    code = (
        "from pathlib import Path; from tools.setup import engine; from tools.setup.report import Report; "
        "engine.ensure(Report(), root=Path.cwd())"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=_ROOT, stderr=subprocess.DEVNULL) as killed:
        while not (tmp_path / "building").exists():
            time.sleep(0.01)
        killed.kill()
    # The build goes on and holds the lock, so the next one waits for its end.
    engine.ensure(report, root=_ROOT)
    kept = sorted(path.name for path in (cache / "tenantry/engine").iterdir())
    assert kept == ["lock", f"v{tools.ENGINE_VERSION}"]


def test_an_engine_that_is_there_is_left_alone(cache: Path, report: Report, said: io.StringIO) -> None:
    path = tools.cached_engine()
    path.parent.mkdir(parents=True)
    path.write_text(_ENGINE.format(version=tools.ENGINE_VERSION))
    path.chmod(0o755)
    engine.ensure(report, root=_ROOT)
    assert said.getvalue() == ""
