"""The stacks that sites can be made with: what is installed where the sandbox runs."""

from __future__ import annotations

from typing import Any

from tenantry.sandbox.answers import Answer
from tenantry.sandbox.parts.programs import runtimes
from tenantry.sandbox.requests import Call

__all__ = ["Stacks"]

_PATH = "/providers/microsoft.web/webappstacks"
_TYPE = "Microsoft.Web/webAppStacks"


class Stacks:
    """Answers for ``webAppStacks``; nothing of it belongs to a subscription."""

    def answer(self, call: Call) -> Answer | None:
        """Answer; None when the path is somebody else's."""
        if call.method != "GET" or call.path.lower() != _PATH:
            return None
        found = runtimes()
        return Answer(200, {"value": [_stack(one, found) for one in sorted({stack for stack, _ in found})]})


def _stack(stack: str, found: list[tuple[str, str]]) -> dict[str, Any]:
    name = stack.lower()
    versions = [version for one, version in found if one == stack]
    majors = sorted({one.partition(".")[0] for one in versions})
    properties = {
        "displayText": stack.capitalize(),
        "value": name,
        "preferredOs": "linux",
        "majorVersions": [_major(stack, major, versions) for major in majors],
    }
    return {"id": f"/providers/{_TYPE}/{name}", "name": name, "type": _TYPE, "properties": properties}


def _major(stack: str, major: str, versions: list[str]) -> dict[str, Any]:
    text = f"{stack.capitalize()} {major}"
    return {
        "displayText": text,
        "value": major,
        "minorVersions": [_minor(stack, one) for one in versions if one.partition(".")[0] == major],
    }


def _minor(stack: str, version: str) -> dict[str, Any]:
    settings = {
        "runtimeVersion": f"{stack}|{version}-lts" if stack == "NODE" else f"{stack}|{version}",
        "remoteDebuggingSupported": False,
        "appInsightsSettings": {"isSupported": True},
        "gitHubActionSettings": {"isSupported": False},
        "supportedFeatures": {},
    }
    return {
        "displayText": f"{stack.capitalize()} {version}",
        "value": version,
        "stackSettings": {"linuxRuntimeSettings": settings},
    }
