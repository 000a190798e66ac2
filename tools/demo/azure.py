"""One instance's life on Azure, rehearsed in the sandbox, to the day after its last residue."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import Any

from tools.demo.kit import KEEP, ROOT, TENANTRY, Demo, chapter, clock, insist

__all__ = ["tell"]

NAME = "kenya"
PERSON = {"name": "Achieng Otieno", "phone": "+254700000000", "household_size": 5}


class AzureDemo(Demo):
    """The demo of a rehearsal."""

    def curl(self, path: str, *, settings: str = "") -> str:
        """Ask the instance over HTTPS, as a browser would; secrets go over standard input."""
        url = self.ask("instance", "show", NAME)["url"]
        ca_file = self.ask("sandbox", "status")["ca_file"]
        options = ("--silent", "--show-error", "--fail", "--cacert", ca_file, "--config", "-")
        return self.run("curl", *options, url + path, stdin=settings)

    def login(self) -> str:
        """Return curl's settings for signing in."""
        return f'user = "admin@example.org:{self.secret(NAME, "ADMIN_PASSWORD")}"\n'

    def status(self) -> dict[str, Any]:
        """Return what of the instance could still be recovered, as it was last seen."""
        self.run("tenantry", "erase", "status", NAME)
        return self.ask("erase", "status", NAME)


def tell(region: str) -> None:
    """Tell the story, in a region of Azure."""
    demo = AzureDemo()
    try:
        _story(demo, region)
    finally:
        _leave(demo)


def _story(demo: AzureDemo, region: str) -> None:
    chapter(f"An Azure on this machine, to rehearse with: an instance in {region}")
    _set_up(demo, region)
    chapter("What would be made, and where its data would lie")
    demo.run("tenantry", "spec", "validate")
    demo.run("tenantry", "instance", "preview", NAME)
    chapter("Deployed, and used")
    demo.run("tenantry", "instance", "deploy", NAME, "--reason", "demo")
    demo.run("tenantry", "instance", "show", NAME)
    body = json.dumps(PERSON).replace('"', '\\"')
    demo.curl("/registrations", settings=demo.login() + f'json = "{body}"\n')
    demo.run("tenantry", "instance", "health", NAME)
    demo.run("tenantry", "backup", "create", NAME, "--reason", "demo")
    demo.run("tenantry", "backup", "list", NAME)
    chapter("The client leaves: erased, and what Azure still keeps is told with its dates")
    demo.run("tenantry", "erase", "run", NAME, "--confirm", NAME, "--reason", "agreement ended")
    kept = demo.status()
    insist(not kept["nothing_recoverable"], "no residue was told")
    chapter("Time passes, and it is looked again")
    demo.run("tenantry", "sandbox", "faults", "time", "+6d")
    demo.run("tenantry", "tick")
    demo.status()
    demo.run("tenantry", "sandbox", "faults", "time", "+30d")
    demo.run("tenantry", "tick")
    gone = demo.status()
    insist(gone["nothing_recoverable"], "something can still be recovered")


def _set_up(demo: AzureDemo, region: str) -> None:
    demo.workspace.mkdir()
    settings = textwrap.dedent(f"""\
        tenantry: 1
        organisation:
          name: Example Red Cross
          contact: it@example.org
        azure:
          cloud: sandbox
        master_key_file: {demo.folder}/master.key
        profiles: [{ROOT}/examples]
        settings:
          ADMIN_EMAIL: admin@example.org
        """)
    (demo.workspace / "tenantry.yaml").write_text(settings, encoding="utf-8")
    print(textwrap.indent(settings, "    "))
    demo.run("tenantry", "init")
    demo.run("tenantry", "sandbox", "start")
    demo.run("tenantry", "sandbox", "status")
    demo.run(
        *("tenantry", "instance", "new", NAME, "--client", "Kenya Red Cross", "--country", "KE"),
        *("--contact", "it@kenya.example.org", "--profile", "registrations"),
        *("--target", "azure", "--region", region),
    )


def _leave(demo: AzureDemo) -> None:
    if KEEP:
        print("\nEverything is still there. Go on by hand:")
        print(f"  export TENANTRY_WORKSPACE={demo.workspace} PATH={TENANTRY.parent}:$PATH")
        print("  tenantry sandbox status; tenantry erase status kenya")
        print(f"To take it away: tenantry sandbox reset --confirm {demo.workspace.name}")
        return
    chapter("Clean up")
    if (demo.workspace / ".tenantry").exists():
        demo.run("tenantry", "sandbox", "reset", "--confirm", demo.workspace.name)
    shutil.rmtree(demo.folder, ignore_errors=True)
    print(f"\n{clock()} done")
