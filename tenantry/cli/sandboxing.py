"""The work behind ``tenantry sandbox``."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tenantry.cli.dns_requests import dns_request
from tenantry.cli.fault_requests import fault_request
from tenantry.cli.render.progress import Progress
from tenantry.cli.resetting import Part, confirmation, erased, shown
from tenantry.cli.wiring import Wiring, endpoints, trusting
from tenantry.errors import FailedError, SpecError, UnavailableError, UsageError
from tenantry.ports import Event
from tenantry.result import Outcome, Result
from tenantry.sandbox.hosts import HostsFile
from tenantry.sandbox.parts.processes import end_group, recorded, running_module, write_record
from tenantry.sandbox.settings import BROKEN, SERVICE, Identity, Places, take_away

__all__ = ["dns", "faults", "reset", "spans", "started", "status", "stopped"]

_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_ANSWER_SECONDS = 120.0
_SWEEP_SECONDS = 1800.0  # to erase what a hundred instances left takes a minute, on a busy machine more
_TELL_AFTER_SECONDS, _TELL_EVERY_SECONDS = 2.0, 10.0
_SERVER = "tenantry.sandbox.serve"
_TOLD = (
    "arm",
    "login",
    "metadata",
    "ca_file",
    "directory_id",
    "subscription_id",
    "client_id",
    "object_id",
    "client_secret_file",
    "certificate_file",
    "token_file",
    "identity_host",
    "identity_endpoint",
    "identity_header_file",
    "identity_client_id",
    "identity_object_id",
)


def started(workspace: Path | None) -> Result:
    """Start the sandbox of a workspace; one that runs and tells where it is, is left alone."""
    places = _places(workspace)
    with _own_files(places):
        places.folder.mkdir(mode=0o700, exist_ok=True)
        with _alone(places):
            identity = places.make()
            if not _is_told(places):
                _end(places)
                _launch(places, identity)
    return _result("sandbox start", places)


def stopped(workspace: Path | None) -> Result:
    """End every process of the sandbox; what it keeps stays."""
    places = _places(workspace)
    if places.folder.is_dir():
        with _own_files(places), _alone(places):
            _end(places)
    return _result("sandbox stop", places)


def status(workspace: Path | None) -> Result:
    """Say how the sandbox is."""
    return _result("sandbox status", _places(workspace))


def reset(workspace: Path | None, *, confirm: str) -> Result:
    """Show what the sandbox has, or end it and erase all of it, also where its files are spoiled."""
    places = _places(workspace)
    name = Path(os.path.abspath(places.folder.parents[1])).name or "/"  # noqa: PTH100 - as it was typed
    with _own_files(places):
        parts = list(_parts(places))
        if not confirmation(name).is_given(confirm):
            return shown(name, parts, running=_pid(places) is not None, resources=_resources(places))
        _erase(places)
    return erased(name, parts)


def faults(
    workspace: Path | None,
    kind: str,
    values: Sequence[str],
    *,
    match: str,
    times: str = "",
    message: str = "",
) -> Result:
    """Set, list or clear faults, or move the clock."""
    path, request = fault_request(kind, values, match=match, times=times, message=message)
    with _told("the sandbox still does what is due by then"):
        data = _asked(workspace, path, request)
    return Result(command=f"sandbox faults {kind}", data=data, outcome=Outcome.OK)


def dns(workspace: Path | None, action: str, values: Sequence[str]) -> Result:
    """List, make or take away records of the public DNS, in the DNS owner's place."""
    request = dns_request(action, values)
    return Result(command=f"sandbox dns {action}", data=_asked(workspace, f"/dns/{action}", request))


def _asked(workspace: Path | None, path: str, request: dict[str, Any]) -> dict[str, Any]:
    """Ask the sandbox of a workspace. UnavailableError when it does not run."""
    places = _places(workspace)
    identity = places.identity()
    if identity is None or _pid(places) is None:
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
def _own_files(places: Places) -> Iterator[None]:
    """Tell what is wrong with the sandbox's folder as that, not as our defect."""
    try:
        yield
    except OSError as error:
        spoiled = isinstance(error, FileExistsError | IsADirectoryError | NotADirectoryError)
        raise UnavailableError(
            f"{error.filename or places.folder} cannot be used: {error.strerror}",
            hint=BROKEN if spoiled else "see that it can be read and written, then run the command again",
            code="sandbox-broken",
        ) from error


@contextmanager
def _told(text: str) -> Iterator[None]:
    """Tell what the sandbox is at while the block lasts, once it has lasted for long."""
    done = threading.Event()
    with Progress() as progress:

        def tell() -> None:
            wait = _TELL_AFTER_SECONDS
            while not done.wait(wait):
                progress(Event(text=text))
                wait = _TELL_EVERY_SECONDS

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            yield
        finally:
            done.set()
            teller.join()


@contextmanager
def _alone(places: Places) -> Iterator[None]:
    """One command at a time starts or ends a sandbox."""
    descriptor = os.open(places.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _pid(places: Places) -> int | None:
    """Return the pid of the server, if it lives; one whose record is spoiled is found by its command line."""
    found = recorded(places.process_file)
    return found[0] if found else running_module(_SERVER, str(places.folder.parent))


def _is_told(places: Places) -> bool:
    """Say whether the sandbox runs and clients can read where."""
    try:
        endpoints(places.folder.parent)
    except UnavailableError:
        return False
    return True


def _launch(places: Places, identity: Identity) -> None:
    descriptor = os.open(places.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", _SERVER, str(places.folder.parent)],
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
    name = places.known_id()
    if (pid := _pid(places)) is not None:
        end_group(pid, first=signal.SIGTERM, grace_seconds=_STOP_SECONDS)
    take_away(places.process_file)
    take_away(places.endpoints_file)
    if name:
        HostsFile(name).replace({})  # it was killed, perhaps


def _parts(places: Places) -> Iterator[Part]:
    """Yield what a reset takes away, and what it has to leave."""
    folder = places.folder
    kind = "folder" if folder.is_dir() else "file"
    if folder.is_symlink():
        yield Part(type="link", place=str(folder))
        if folder.exists():
            stays = f"stays but for what the sandbox holds: {folder} only leads there"
            yield Part(type=kind, place=str(folder.resolve()), detail=stays)
    elif folder.exists():
        yield Part(type=kind, place=str(folder))
    for one in places.data_folders():
        if not one.is_relative_to(folder):
            yield Part(type="folder", place=str(one), detail="what the sandbox holds")
    if places.identity_file.exists() and not places.known_id() and SERVICE.is_dir() and os.geteuid() == 0:
        yield Part(type="folder", place="*", detail=f"nothing says which one in {SERVICE} was this sandbox's")


def _resources(places: Places) -> dict[str, int]:
    """Return how many resources a sandbox has, as far as it can be asked."""
    with suppress(UnavailableError):
        found: dict[str, int] = _status(places)["resources"]
        return found
    return {}


def _erase(places: Places) -> None:
    from tenantry.sandbox.parts.erasing import erase

    if places.folder.is_dir():
        if places.lock_file.is_dir():
            take_away(places.lock_file)
        with _alone(places):
            data = places.data_folders()  # before what tells of them is gone
            _end(places)
            for one in data:
                erase(one)
    take_away(places.folder)


def _result(command: str, places: Places) -> Result:
    return Result(command=command, data=_status(places), outcome=Outcome.OK)


def _status(places: Places) -> dict[str, Any]:
    data: dict[str, Any] = {"running": False, **dict.fromkeys(_TOLD, ""), "subscription_ids": []}
    data |= {"now": None, "resources": {}}
    identity, pid = places.identity(), _pid(places)
    if identity is not None and pid is not None and places.endpoints_file.exists():
        told = endpoints(places.folder.parent)
        data.update({name: told[name] for name in _TOLD}, running=True, pid=pid, suffix=identity.suffix)
        data.update(subscription_ids=list(identity.subscriptions), **_ask(identity, places, "/status", {}))
    return data


def _ask(identity: Identity, places: Places, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask the running sandbox; its name need not be known to the machine."""
    context = trusting(places.authority / "ca.pem")
    host = f"control.{identity.suffix}"
    patience = _SWEEP_SECONDS if path == "/time" else _ANSWER_SECONDS
    try:
        with socket.create_connection((identity.address, identity.port), timeout=patience) as plain:
            connection = http.client.HTTPConnection(host)
            connection.sock = context.wrap_socket(plain, server_hostname=host)
            headers = {"Authorization": f"Key {identity.client_secret}", "Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(body), headers)
            response = connection.getresponse()
            raw = response.read()
            connection.close()
    except (OSError, http.client.HTTPException) as error:
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
