"""A workspace on a sandbox, for tests that drive the installed command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenantry.adapters.azure_arm import Arm
from tenantry.adapters.engine_state import EngineState
from tenantry.cli.wiring import Wiring
from tenantry.model.azure_types import TYPES
from tests.support.sandbox import Sandbox, running_sandbox

__all__ = ["REGION", "TENANTRY", "WORKLOADS", "Fleet", "running_fleet"]

TENANTRY = Path(sys.executable).with_name("tenantry")
_EXAMPLES = Path(__file__).parents[2] / "examples"
WORKLOADS = Path(__file__).parents[1] / "data/workloads"
# Of private endpoints, and of components of Application Insights.
_MADE_BY_AZURE = ("/networkinterfaces/", "/smartdetectoralertrules/", "/application insights smart detection")
REGION = "southafricanorth"


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """A workspace whose instances live in a sandbox of its own."""

    workspace: Path
    sandbox: Sandbox

    def run(
        self,
        *arguments: str,
        expect: int = 0,
        environment: Mapping[str, str] | None = None,
        timeout: float = 300,
    ) -> dict[str, Any]:
        """Run tenantry; return its envelope. The exit code must be the expected one."""
        command = [str(TENANTRY), *arguments, "--workspace", str(self.workspace), "--output", "json"]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **(environment or {})},
        )
        assert done.returncode == expect, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def killed(self, point: int | str, *arguments: str) -> bool:
        """Run tenantry until it is killed at a point; say whether it got there."""
        done = subprocess.run(
            [str(TENANTRY), *arguments, "--workspace", str(self.workspace)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={**os.environ, "TENANTRY_FAULT_KILL": str(point)},
        )
        assert done.returncode in {-9, 0}, f"{point}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.returncode == -9

    def new(self, name: str, *, profile: str = "registrations", **settings: str) -> None:
        """Write a spec."""
        settings["profile"] = profile
        more = [text for key, value in settings.items() for text in (f"--{key}", value)]
        self.run(
            *("instance", "new", name, "--client", f"Red Cross of {name}", "--country", "ZA"),
            *("--contact", f"it@{name}.example.org", "--region", REGION, *more),
        )

    def live_in(self, name: str, subscription: str) -> None:
        """Write a subscription into a spec, by its id as a resource."""
        file = self.workspace / "instances" / f"{name}.yaml"
        lines = file.read_text(encoding="utf-8").splitlines()
        lines = [one for one in lines if not one.startswith("  subscription: ")]
        lines.insert(lines.index("azure:") + 1, f"  subscription: {subscription.rpartition('/')[2]}")
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def deployed(
        self, name: str, *, profile: str = "registrations", subscription: str = "", more: str = ""
    ) -> dict[str, Any]:
        """Write a spec, with more lines, and deploy it; return its row."""
        self.new(name, profile=profile)
        with (self.workspace / "instances" / f"{name}.yaml").open("a", encoding="utf-8") as spec:
            spec.write(more)
        if subscription:
            self.live_in(name, subscription)
        answer = self.run("instance", "deploy", name, "--reason", "a test")
        row: dict[str, Any] = answer["data"]["instances"][0]
        return row

    def group(self, name: str) -> str:
        """Return the id of an instance's resource group."""
        return self.groups(name)[0]

    def groups(self, name: str) -> list[str]:
        """Return the ids of the resource groups with an instance's name: one, or none yet."""
        arm, prefix = self.sandbox.arm(), f"/rg-{name}-"
        scopes = (self.sandbox.subscription, self.sandbox.second)
        listed = [one for scope in scopes for one in arm.list(f"{scope}/resourceGroups", "2024-03-01")]
        return [str(one["id"]) for one in listed if prefix in one["id"]]

    def made(self, name: str) -> dict[str, str]:
        """Return what the engine made of an instance: token by id. What only groups others is left out."""
        wiring = Wiring(self.workspace)
        try:
            opaque = wiring.existing(name).opaque
            state = wiring.azure.workspace.private / "engine" / "state"
            found = EngineState(state, home=state.with_name("home"), project="tenantry").resources(opaque)
            return {one.id: one.type for one in found if one.type in TYPES}
        finally:
            wiring.register.close()

    def there(self, made: Mapping[str, str]) -> set[str]:
        """Return the tokens of those that Resource Manager still has, asked one by one."""
        arm = self.sandbox.arm()
        return {token for identity, token in made.items() if arm.get(identity, TYPES[token].version)}

    def orphans(self, name: str) -> list[str]:
        """Return what lies in an instance's group and is in no state, without what Azure makes itself.

        A group that is not there has nothing in it.
        """
        made = {identity.lower() for identity in self.made(name)}
        groups = self.groups(name)
        listed = [row for one in groups for row in self.sandbox.arm().list(f"{one}/resources", "2021-04-01")]
        ids = [one["id"].lower() for one in listed]
        ids = [one for one in ids if not any(part in one for part in _MADE_BY_AZURE)]
        return [one for one in (*ids, *map(str.lower, groups)) if one not in made]

    def condition(self, name: str, kind: str, *, expect: int = 0) -> dict[str, Any]:
        """Look at an instance now; return one of its conditions."""
        rows = self.run("instance", "health", name, expect=expect)["data"]["instances"]
        return next(one for one in rows[0]["conditions"] if one["type"] == kind)

    def management(self, url: str) -> Arm:
        """Return a client of the management of the site that answers at a URL."""
        name, _, end = url.removeprefix("https://").partition(".")
        return self.sandbox.arm(f"https://{name}.scm.{end}")

    def secret(self, name: str, secret: str) -> str:
        """Return a secret of an instance."""
        shown = self.run("credentials", "show", name, secret, "--reason", "a test")
        return str(shown["data"]["value"])


@contextmanager
def running_fleet(folder: Path, *, webhook: str = "") -> Iterator[Fleet]:
    """Make a workspace and start its sandbox; nothing of it stays. Alerts go to ``webhook``."""
    workspace = folder / "fleet"
    workspace.mkdir(parents=True)
    (workspace / "tenantry.yaml").write_text(
        "tenantry: 1\n"
        "organisation: {name: Example Red Cross, contact: it@example.org}\n"
        f"azure: {{cloud: sandbox{f', webhook: {webhook!r}' if webhook else ''}}}\n"
        f"master_key_file: {folder}/master.key\n"
        f"profiles: [{_EXAMPLES}, {WORKLOADS}]\n"
        "settings: {ADMIN_EMAIL: admin@example.org}\n",
        encoding="utf-8",
    )
    subprocess.run(
        [str(TENANTRY), "init", "--workspace", str(workspace)], check=True, capture_output=True, timeout=60
    )
    with running_sandbox(workspace) as sandbox:
        yield Fleet(workspace=workspace, sandbox=sandbox)
