"""A site's own management: packages come in here, its files and its log are read here."""

from __future__ import annotations

import io
import shutil
import stat
import uuid
import zipfile
from pathlib import PurePosixPath
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tenantry.sandbox.kinds import ArmFault, Cloud, Resource
from tenantry.sandbox.parts import site_files
from tenantry.sandbox.parts.notes import iso, tidy
from tenantry.sandbox.parts.runner import SiteRunner
from tenantry.sandbox.parts.sites import Sites

__all__ = ["Publishing"]

_DEPLOYMENTS = "sites/deployment/"
_SUCCESS, _FAILED = 4, 3
_LARGEST = 2 * 1024**3  # bytes of a package when it is unpacked


class Publishing:
    """Answers for ``*.scm.azurewebsites.<suffix>``."""

    def __init__(self, cloud: Cloud, sites: Sites) -> None:
        self._cloud = cloud
        self._sites = sites

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        body = await request.body()
        return await run_in_threadpool(self._answer, request, body)

    def _answer(self, request: Request, body: bytes) -> Response:
        self._cloud.principal(request.headers.get("authorization", ""), audience="arm")
        site, note = self._sites.by_name(self._cloud, (request.url.hostname or "").split(".")[0])
        runner = self._sites.runner(self._cloud, note)
        path = request.url.path.rstrip("/").lower()
        is_zip = path == "/api/zipdeploy" or (
            path == "/api/publish" and request.query_params.get("type", "").lower() == "zip"
        )
        if request.method in {"POST", "PUT"} and is_zip:
            return self._deploy(request, site, runner, body)
        if f"{path}/".startswith(f"{site_files.START}/"):
            return site_files.answer(request, runner, body)
        if request.method != "GET":
            raise ArmFault(405, "MethodNotAllowed", f"{request.method} is not for {path}.")
        if path in {"/api/deployments/latest", "/api/deployments"}:
            found = self._deployment(site)
            if path.endswith("latest") and not found:
                raise ArmFault(404, "NotFound", "There is no deployment.")
            return JSONResponse(found if path.endswith("latest") else [found] if found else [])
        if path == "/api/logs/docker":
            return self._logs(request, runner)
        raise ArmFault(404, "NotFound", f"There is nothing at {path}.")

    def _deploy(self, request: Request, site: Resource, runner: SiteRunner, body: bytes) -> Response:
        number = uuid.uuid4().hex
        told: dict[str, Any] = {
            "id": number,
            "status": _SUCCESS,
            "status_text": "",
            "author": request.query_params.get("author", "N/A"),
            "deployer": "ZipDeploy",
            "message": request.query_params.get("message", "Created via a push deployment"),
            "progress": "",
            "received_time": iso(self._cloud.now()),
            "active": True,
            "complete": True,
            "site_name": site.name,
        }
        try:
            _unpack(body, runner)
        except (zipfile.BadZipFile, ValueError) as error:
            told |= {"status": _FAILED, "status_text": str(error)[:300]}
        told["end_time"] = iso(self._cloud.now())
        self._cloud.remember(_DEPLOYMENTS + tidy(site.id), told)
        if told["status"] == _FAILED:
            return JSONResponse(told, 400)
        runner.say(f"deployment {number}")
        self._sites.restart(self._cloud, site)
        where = f"https://{request.url.hostname}/api/deployments/latest"
        if request.query_params.get("isAsync", "").lower() in {"true", "1"}:
            return JSONResponse(told, 202, {"Location": where})
        return JSONResponse(told)

    def _deployment(self, site: Resource) -> dict[str, Any]:
        key = _DEPLOYMENTS + tidy(site.id)
        return self._cloud.recall(key).get(key) or {}

    def _logs(self, request: Request, runner: SiteRunner) -> Response:
        base = f"https://{request.url.hostname}{site_files.START}/LogFiles/"
        return JSONResponse(
            [
                {
                    "machineName": "sandbox",
                    "lastUpdated": iso(self._cloud.now()),
                    "size": one.stat().st_size,
                    "href": base + one.name,
                    "path": f"/home/LogFiles/{one.name}",
                }
                for one in site_files.logs(runner)
            ]
        )


def _unpack(body: bytes, runner: SiteRunner) -> None:
    """Put a zip in the place of the site's files; what is under /home/data stays.

    Raises:
        zipfile.BadZipFile: it is none.
        ValueError: a path leads out of it, or it is too large.
    """
    runner.prepare()
    draft = runner.root.with_name("wwwroot.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        if sum(one.file_size for one in archive.infolist()) > _LARGEST:
            raise ValueError("the package is too large")
        for one in archive.infolist():
            name = PurePosixPath(one.filename)
            if name.is_absolute() or ".." in name.parts:
                raise ValueError(f"the path {one.filename!r} leads out of the package")
            if stat.S_ISLNK(one.external_attr >> 16):
                raise ValueError(f"{one.filename!r} is a link")
            if one.is_dir():
                continue
            target = draft / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(one))
            target.chmod(0o755 if (one.external_attr >> 16) & 0o100 else 0o644)
    runner.replace_files(draft)
