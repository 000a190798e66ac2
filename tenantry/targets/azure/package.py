"""The workload's files: one zip, sent to the site's own management; the site says what it runs."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path
from typing import Final

from tenantry.adapters.azure_answers import failure, strange
from tenantry.adapters.azure_arm import Arm
from tenantry.errors import FailedError, UnavailableError
from tenantry.ports import Event, Lease, OnEvent
from tenantry.providers.host.package import digest_of

__all__ = ["deployed", "is_there", "send", "zipped"]

_SUCCESS, _FAILED = 4, 3  # Kudu's numbers
_PATIENCE_SECONDS: Final = 600.0
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the same files give the same zip


def send(site: Arm, folder: Path, lease: Lease, on_event: OnEvent) -> None:
    """Deploy a folder unless the site runs these very files.

    Raises:
        SpecError: the folder is not there, or holds what a package must not.
        FailedError: the site refuses the package.
        UnavailableError: it does not come to an end in time.
    """
    digest = digest_of(folder)
    if deployed(site) == digest:
        return
    on_event(Event(text="sending the workload's package"))
    lease.intent(f"deploy package {digest}")
    answer = site.call(
        "POST",
        "/api/zipdeploy",
        query={"isAsync": "true", "message": digest, "author": "tenantry"},
        content=zipped(folder),
        headers={"Content-Type": "application/zip"},
    )
    if answer.status not in {200, 202}:
        raise failure("POST", "/api/zipdeploy", answer)
    _wait(site, digest)
    lease.evidence(f"package {digest} is deployed")


def deployed(site: Arm) -> str:
    """Return the digest of the files that the site has, "" if it has none or does not say."""
    answer = site.call("GET", "/api/deployments/latest")
    body = answer.body if isinstance(answer.body, dict) else {}
    return str(body.get("message", "")).strip() if body.get("status") == _SUCCESS else ""


def is_there(site: Arm) -> bool:
    """Say whether the site ever took a package; until then App Service answers every path with its own page.

    Raises:
        TenantryError: the site does not say.
    """
    path = "/api/deployments"
    answer = site.call("GET", path)
    if answer.is_missing:
        return False
    if answer.status != 200:  # noqa: PLR2004
        raise failure("GET", path, answer)
    if not isinstance(answer.body, list):
        raise strange("GET", path, answer)
    return any(one.get("status") == _SUCCESS for one in answer.body)


def zipped(folder: Path) -> bytes:
    """Return a folder as a zip that depends on its content alone."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if not path.is_file():
                continue
            entry = zipfile.ZipInfo(str(path.relative_to(folder)), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if path.stat().st_mode & 0o100 else 0o644) << 16
            archive.writestr(entry, path.read_bytes())
    return packed.getvalue()


def _wait(site: Arm, digest: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        answer = site.call("GET", "/api/deployments/latest")
        body = answer.body if isinstance(answer.body, dict) else {}
        ours = str(body.get("message", "")).strip() == digest
        if ours and body.get("status") == _SUCCESS:
            return
        if ours and body.get("status") == _FAILED:
            raise FailedError(
                f"the site refused the package: {str(body.get('status_text') or '')[:300]}",
                hint="see its log: tenantry instance logs NAME",
                code="package-refused",
            )
        if time.monotonic() > deadline:
            raise UnavailableError(
                "the site does not say that it has the package",
                hint="run the same command again",
                code="package-slow",
            )
        time.sleep(0.2)
