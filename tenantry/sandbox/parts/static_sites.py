"""Static sites: files that everybody may read, taken from a zip archive.

Not here: builds, functions, staging environments, routes of
``staticwebapp.config.json``, sign-in, and the upload with a deployment token.
"""

from __future__ import annotations

import io
import mimetypes
import secrets
import zipfile
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tenantry.sandbox.kinds import ArmFault, Cloud, Handler, Kind, Resource
from tenantry.sandbox.parts.erasing import erase
from tenantry.sandbox.parts.notes import folder_name, tidy

__all__ = ["StaticSites"]

_NOTES = "static-sites/"
_MOST_BYTES = 250_000_000
_PATIENCE = 30  # seconds for the archive
_EMPTY = "<!doctype html><title>rehearsal</title><p>This static site waits for its content."


class StaticSites(Kind):
    """Static Web Apps."""

    type = "Microsoft.Web/staticSites"

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Give it its host name, a token and a place for its files."""
        for name, value in (old.properties if old else {}).items():
            new.properties.setdefault(name, value)
        new.properties.setdefault("stagingEnvironmentPolicy", "Enabled")
        new.properties.setdefault("allowConfigFileUpdates", True)
        new.properties.update(
            defaultHostname=f"{new.name.lower()}.azurestaticapps.{cloud.suffix}",
            provider=new.properties.get("provider") or "None",
            customDomains=[],
            privateEndpointConnections=[],
        )
        if self._note(cloud, new.id) is None:
            note = {
                "folder": folder_name(new.id, cloud.now()),
                "name": new.name,
                "key": secrets.token_hex(32),
            }
            cloud.remember(_NOTES + tidy(new.id), note)

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """Erase its files; Azure keeps nothing of it."""
        note = self._note(cloud, resource.id)
        if note is not None:
            erase(self._folder(cloud, note))
            cloud.remember(_NOTES + tidy(resource.id), None)

    def action(
        self, cloud: Cloud, resource: Resource, action: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Tell or change the deployment token, or take files from an archive."""
        note = self._note(cloud, resource.id)
        assert note is not None, resource.id
        match action.lower():
            case "listsecrets":
                return {"properties": {"apiKey": note["key"]}}
            case "resetapikey":
                cloud.remember(_NOTES + tidy(resource.id), {**note, "key": secrets.token_hex(32)})
            case "zipdeploy":
                address = str((body.get("properties") or {}).get("appZipUrl") or "")
                self._take(self._folder(cloud, note), _archive(address, authority=cloud.ca_file))
            case _:
                return super().action(cloud, resource, action, body)
        return None

    def hosts(self, cloud: Cloud) -> dict[str, Handler]:
        """Answer for the names of the sites."""

        async def handler(request: Request) -> Response:
            name = (request.url.hostname or "").partition(".")[0]
            notes = cloud.recall(_NOTES).values()
            note = next((one for one in notes if str(one["name"]).lower() == name), None)
            if note is None:
                return Response(status_code=404)
            return _file(self._folder(cloud, note), request.url.path)

        return {f"*.azurestaticapps.{cloud.suffix}": handler}

    @staticmethod
    def _take(folder: Path, archive: bytes) -> None:
        draft = folder.with_name(f"{folder.name}.new")
        erase(draft)
        draft.mkdir(parents=True)
        try:
            with zipfile.ZipFile(io.BytesIO(archive)) as opened:
                if sum(one.file_size for one in opened.infolist()) > _MOST_BYTES:
                    raise ArmFault(400, "BadRequest", "The content is larger than a static site may be.")
                opened.extractall(draft)
        except zipfile.BadZipFile:
            raise ArmFault(400, "BadRequest", "appZipUrl is no zip archive.") from None
        erase(folder)
        draft.rename(folder)

    @staticmethod
    def _note(cloud: Cloud, site_id: str) -> dict[str, Any] | None:
        return cloud.recall(_NOTES + tidy(site_id)).get(_NOTES + tidy(site_id))

    @staticmethod
    def _folder(cloud: Cloud, note: dict[str, Any]) -> Path:
        return cloud.folder / "static" / str(note["folder"])


def _archive(address: str, *, authority: Path) -> bytes:
    import ssl
    import urllib.error
    import urllib.request

    if not address.startswith("https://"):
        raise ArmFault(400, "BadRequest", "appZipUrl must be an https address.")
    context = ssl.create_default_context()
    context.load_verify_locations(authority)
    try:
        with urllib.request.urlopen(address, timeout=_PATIENCE, context=context) as answer:  # noqa: S310
            data: bytes = answer.read(_MOST_BYTES + 1)
    except (OSError, urllib.error.URLError) as error:
        raise ArmFault(400, "BadRequest", f"appZipUrl cannot be read: {type(error).__name__}.") from None
    if len(data) > _MOST_BYTES:
        raise ArmFault(400, "BadRequest", "The archive is larger than a static site may be.")
    return data


def _file(folder: Path, path: str) -> Response:
    """Answer with a file below the folder, an index for a folder."""
    if not folder.is_dir():
        return HTMLResponse(_EMPTY)
    wanted = (folder / path.lstrip("/")).resolve()
    if wanted.is_dir():
        wanted /= "index.html"
    if not wanted.is_relative_to(folder.resolve()) or not wanted.is_file():
        return Response("404: not found", status_code=404, media_type="text/plain")
    kind = mimetypes.guess_type(wanted.name)[0] or "application/octet-stream"
    return Response(wanted.read_bytes(), media_type=kind)
