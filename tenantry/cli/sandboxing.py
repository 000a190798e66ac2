"""The work behind ``tenantry sandbox``."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tenantry.cli.dns_requests import dns_request
from tenantry.cli.fault_requests import fault_request
from tenantry.cli.wiring import Wiring
from tenantry.errors import FailedError, SpecError, UnavailableError, UsageError
from tenantry.result import Outcome, Result
from tenantry.sandbox.hosts import HostsFile
from tenantry.sandbox.parts.processes import end_group, recorded, write_record
from tenantry.sandbox.settings import Identity, Places

__all__ = ["dns", "faults", "reset", "spans", "started", "status", "stopped"]

_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_TOLD = (
    "arm",
    "login",
    "metadata",
    "ca_file",
    "directory_id",
    "subscription_id",
    "client_id",
    "client_secret_file",
)


def started(workspace: Path | None) -> Result:
    """Start the sandbox of a workspace; one that runs is left alone."""
    places = _places(workspace)
    places.folder.mkdir(mode=0o700, exist_ok=True)
    with _alone(places):
        identity = places.make()
        if recorded(places.process_file) is None:
            _launch(places, identity)
    return _result("sandbox start", places)


def stopped(workspace: Path | None) -> Result:
    """End every process of the sandbox; what it keeps stays."""
    places = _places(workspace)
    if places.folder.is_dir():
        with _alone(places):
            _end(places)
    return _result("sandbox stop", places)


def status(workspace: Path | None) -> Result:
    """Say how the sandbox is."""
    return _result("sandbox status", _places(workspace))


def reset(workspace: Path | None) -> Result:
    """End the sandbox and erase everything that it had."""
    places = _places(workspace)
    if places.folder.is_dir():
        with _alone(places):
            _end(places)
            identity = places.identity()
            if identity is not None and Path(identity.data).is_dir():
                from tenantry.sandbox.parts.erasing import erase

                erase(Path(identity.data))
        shutil.rmtree(places.folder)
    return _result("sandbox reset", places)


def faults(workspace: Path | None, kind: str, values: Sequence[str], *, match: str) -> Result:
    """Set, list or clear faults, or move the clock."""
    path, request = fault_request(kind, values, match=match)
    return Result(command=f"sandbox faults {kind}", data=_asked(workspace, path, request), outcome=Outcome.OK)


def dns(workspace: Path | None, action: str, values: Sequence[str]) -> Result:
    """List, make or take away records of the public DNS, in the DNS owner's place."""
    request = dns_request(action, values)
    return Result(command=f"sandbox dns {action}", data=_asked(workspace, f"/dns/{action}", request))


def _asked(workspace: Path | None, path: str, request: dict[str, Any]) -> dict[str, Any]:
    """Ask the sandbox of a workspace. UnavailableError when it does not run."""
    places = _places(workspace)
    identity = places.identity()
    if identity is None or recorded(places.process_file) is None:
        raise UnavailableError(
            "the sandbox of this workspace does not run",
            hint="start it: tenantry sandbox start",
            code="no-sandbox",
        )
    return _ask(identity, places, path, request)


def spans(workspace: Path | None) -> list[dict[str, Any]]:
    """Return when each write was worked on since the sandbox started: method, id, start, end in seconds."""
    found: list[dict[str, Any]] = _asked(workspace, "/spans", {})["spans"]
    return found


# --- parts ---


def _places(workspace: Path | None) -> Places:
    wiring = Wiring(workspace)
    private = wiring.workspace.private
    if not private.is_dir():
        raise SpecError(
            f"{wiring.workspace.folder} is not set up yet",
            hint=f"tenantry init --workspace {wiring.workspace.folder}",
            code="no-workspace",
        )
    return Places(private)


@contextmanager
def _alone(places: Places) -> Iterator[None]:
    """One command at a time starts or ends a sandbox."""
    descriptor = os.open(places.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _launch(places: Places, identity: Identity) -> None:
    places.endpoints_file.unlink(missing_ok=True)
    descriptor = os.open(places.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tenantry.sandbox.serve", str(places.folder.parent)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )
    write_record(places.process_file, process.pid)
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        if places.endpoints_file.exists():
            with suppress(OSError, UnavailableError):
                _ask(identity, places, "/status", {})
                process.returncode = 0  # it is to outlive us: nobody waits for it
                return
        time.sleep(0.02)
    _end(places)
    raise FailedError(
        "the sandbox did not start", hint=f"its log says why: {places.log_file}", code="sandbox-not-started"
    )


def _end(places: Places) -> None:
    found = recorded(places.process_file)
    if found is not None:
        end_group(found[0], first=signal.SIGTERM, grace_seconds=_STOP_SECONDS)
    places.process_file.unlink(missing_ok=True)
    places.endpoints_file.unlink(missing_ok=True)
    identity = places.identity()
    if identity is not None:
        HostsFile(identity.id).replace({})  # it was killed, perhaps


def _result(command: str, places: Places) -> Result:
    data: dict[str, Any] = {"running": False, **dict.fromkeys(_TOLD, ""), "subscription_ids": []}
    data |= {"now": None, "resources": {}}
    identity = places.identity()
    if identity is not None and recorded(places.process_file) is not None and places.endpoints_file.exists():
        told = json.loads(places.endpoints_file.read_text(encoding="utf-8"))
        names = (*_TOLD, "subscription_ids", "pid", "suffix")
        data.update({name: told[name] for name in names}, running=True)
        data.update(_ask(identity, places, "/status", {}))
    return Result(command=command, data=data, outcome=Outcome.OK)


def _ask(identity: Identity, places: Places, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask the running sandbox; its name need not be known to the machine."""
    context = ssl.create_default_context(cafile=str(places.authority / "ca.pem"))
    host = f"control.{identity.suffix}"
    try:
        with socket.create_connection((identity.address, identity.port), timeout=120) as plain:
            connection = http.client.HTTPConnection(host)
            connection.sock = context.wrap_socket(plain, server_hostname=host)
            headers = {"Authorization": f"Key {identity.client_secret}", "Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(body), headers)
            response = connection.getresponse()
            raw = response.read()
            connection.close()
    except OSError as error:
        raise UnavailableError(
            f"the sandbox does not answer: {error}",
            hint=f"see its log: {places.log_file}",
            code="sandbox-silent",
        ) from None
    if response.status == 422:  # noqa: PLR2004
        told = json.loads(raw)
        raise UsageError(told["message"], hint=told["hint"], code="fault-values")
    if response.status != 200:  # noqa: PLR2004
        raise UsageError(f"the sandbox refused the request ({response.status})", code="sandbox-refused")
    found: dict[str, Any] = json.loads(raw)
    return found
