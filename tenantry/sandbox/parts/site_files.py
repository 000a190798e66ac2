"""The files of a site over its management: those below /home, as paths; a folder's ends with a slash.

Not here: times and sizes of folders, ranges, and the disks of the machine beside /home.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from tenantry.sandbox.kinds import ArmFault
from tenantry.sandbox.parts.erasing import erase, overwrite
from tenantry.sandbox.parts.runner import SiteRunner

__all__ = ["START", "answer", "logs"]

START = "/api/vfs"
_LOGS = "LogFiles"


def answer(request: Request, runner: SiteRunner, body: bytes) -> Response:
    """Answer for a file or a folder: GET, PUT or DELETE."""
    path = unquote(request.url.path)[len(START) :]
    place = _place(runner, path)
    if request.method == "PUT":
        return _put(request, runner, place, path, body)
    if not os.path.lexists(place):
        raise ArmFault(404, "NotFound", f"'/home{path}' not found.")
    is_folder = _is_folder(place)
    if is_folder != path.endswith("/"):
        there = request.url.path + "/" if is_folder else request.url.path.rstrip("/")
        return RedirectResponse(str(request.url.replace(path=there)), 307)
    if request.method == "GET":
        return _list(request, runner, place) if is_folder else _read(place)
    if request.method != "DELETE":
        raise ArmFault(405, "MethodNotAllowed", f"{request.method} is not for files.")
    return _delete_folder(request, place) if is_folder else _delete_file(request, place)


def _place(runner: SiteRunner, path: str) -> Path:
    """Return where a path lies. A link of the workload leads nowhere: its target is not the site's."""
    parts = [one for one in path.split("/") if one]
    if ".." in parts:
        raise ArmFault(400, "BadRequest", "A path that leads out of /home.")
    if named := [one for one in logs(runner) if [_LOGS, one.name] == parts]:
        return named[0]
    place = runner.home.joinpath(*parts)
    if not place.parent.resolve().is_relative_to(runner.home.resolve()) and parts:
        raise ArmFault(404, "NotFound", f"'/home{path}' not found.")
    return place


def logs(runner: SiteRunner) -> list[Path]:
    """Return the site's log: it lies elsewhere, where the workload cannot spoil it."""
    return [one for one in (runner.log.with_suffix(".log.1"), runner.log) if one.exists()]


def _list(request: Request, runner: SiteRunner, folder: Path) -> Response:
    found = sorted(folder.iterdir())
    inside = folder.relative_to(runner.home)
    if str(inside) == _LOGS:
        found += logs(runner)
    rows = []
    for one in found:
        is_folder = _is_folder(one)
        rows.append(
            {
                "name": one.name,
                "size": 0 if is_folder else one.lstat().st_size,
                "mime": "inode/directory" if is_folder else "application/octet-stream",
                "href": str(request.url.replace(query="")) + quote(one.name) + ("/" if is_folder else ""),
                "path": str(Path("/home") / inside / one.name),
            }
        )
    return JSONResponse(rows)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _read(file: Path) -> Response:
    if file.is_symlink() or not file.is_file():
        raise ArmFault(404, "NotFound", f"'{file.name}' not found.")
    return Response(file.read_bytes(), media_type="text/plain", headers={"ETag": _etag(file)})


def _put(request: Request, runner: SiteRunner, place: Path, path: str, body: bytes) -> Response:
    if place.is_dir():
        raise ArmFault(409, "Conflict", "Cannot update a directory.")
    there = os.path.lexists(place)
    if there:
        _check(request, place)
        place.unlink()
    new = next(one for one in (*reversed(place.parents), place) if not one.exists())
    folder = place if path.endswith("/") else place.parent
    folder.mkdir(parents=True, exist_ok=True)
    if folder != place:
        place.write_bytes(body)
    runner.own(new)
    return Response(status_code=204 if there else 201)


def _delete_file(request: Request, file: Path) -> Response:
    _check(request, file)
    if file.is_file() and not file.is_symlink():
        overwrite(file)
    file.unlink()
    return Response()


def _delete_folder(request: Request, folder: Path) -> Response:
    recursive = request.query_params.get("recursive", "").lower() == "true"
    if not recursive and any(folder.iterdir()):
        raise ArmFault(
            409, "Conflict", "Cannot delete directory. It is either not empty or access is not allowed."
        )
    erase(folder)
    return Response()


def _check(request: Request, file: Path) -> None:
    """Refuse a change of what the caller has not seen, as the management's ETags do."""
    wanted = request.headers.get("if-match", "")
    if not wanted:
        raise ArmFault(412, "PreconditionFailed", "The request has no If-Match.")
    if wanted not in {"*", _etag(file)}:
        raise ArmFault(412, "PreconditionFailed", "The ETag does not represent the latest state.")


def _etag(file: Path) -> str:
    told = file.lstat()
    return '"' + hashlib.sha256(f"{told.st_mtime_ns} {told.st_size}".encode()).hexdigest()[:16] + '"'
