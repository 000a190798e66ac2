"""The files of a site: deleted over its own management before the site is, since Azure keeps a deleted one's.

The management works while the site is stopped. Its file system begins at /home;
a path with a slash at the end is a folder.
"""

from __future__ import annotations

import time
import urllib.parse
from collections.abc import Sequence
from typing import Any, Final

from tenantry.adapters.azure_answers import failure, strange
from tenantry.adapters.azure_arm import Arm
from tenantry.errors import FailedError

__all__ = ["emptied"]

_ROOT: Final = "/api/vfs/"
_PATIENCE_SECONDS: Final = 60.0
_LOGS, _KEYS, _SITE = "LogFiles/", "ASP.NET/", "site/"  # the management writes there itself
_CONFLICT = 409


def emptied(site: Arm) -> None:
    """Delete what the workload has under /home, its package and its log; look that it is gone.

    Folders that the management keeps or makes again may be there afterwards, empty.

    Raises:
        FailedError: something is still there.
        UnavailableError: the site's management does not answer.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while found := _workloads(site):
        if time.monotonic() > deadline:
            raise FailedError(f"{found[0].removeprefix(_ROOT)} is still there", code="content-left")
        for one in found:
            _delete(site, one)
        if _workloads(site):
            time.sleep(1)  # what was just stopped may still write
    for folder in (_LOGS, _KEYS):
        for one in _listed(site, _ROOT + folder):
            _delete(site, one)  # not looked for: the management's own may be there again


def _workloads(site: Arm) -> Sequence[str]:
    """Return what the workload has: files, and folders that are not empty."""
    tops = set(_listed(site, _ROOT)) - {_ROOT + one for one in (_LOGS, _KEYS, _SITE)}
    tops.add(f"{_ROOT}{_SITE}wwwroot/")
    return [one for one in sorted(tops) if not one.endswith("/") or _listed(site, one)]


def _listed(site: Arm, folder: str) -> Sequence[str]:
    """Return the paths of what a folder has; none if it is not there."""
    answer = site.call("GET", folder)
    if answer.is_missing:
        return []
    if answer.status != 200:  # noqa: PLR2004
        raise failure("GET", folder, answer)
    if not isinstance(answer.body, list):
        raise strange("GET", folder, answer)
    return [folder + _last(one) for one in answer.body if _is_kept(one)]


def _is_kept(one: Any) -> bool:
    """Say whether it is a file or folder of /home: other disks of the machine are shown beside."""
    return str(one.get("path", "")).startswith("/home/")


def _last(one: Any) -> str:
    name = urllib.parse.quote(str(one["name"]), safe="")
    return f"{name}/" if one.get("mime") == "inode/directory" else name


def _delete(site: Arm, path: str) -> None:
    """Delete a file or a folder with all below it. What is in use stays for now."""
    query = {"recursive": "true"} if path.endswith("/") else {}
    answer = site.call("DELETE", path, query=query, headers={"If-Match": "*"})
    if not answer.is_missing and answer.status not in {200, 204, _CONFLICT}:
        raise failure("DELETE", path, answer)
