"""The main job, as a person would do it: two clients side by side, then one is erased with proof."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import textwrap
import time
from pathlib import Path

from tools.demo.kit import KEEP, ROOT, TENANTRY, Demo, chapter, clock, free_port, insist

__all__ = ["tell"]

CLIENTS = (
    ("benin", "Croix-Rouge Béninoise", "BJ"),
    ("burundi", "Croix-Rouge du Burundi", "BI"),
)
PERSON = {"name": "Awa Zinsou", "phone": "+22901234567", "household_size": 4}


class HostDemo(Demo):
    """The demo of a host: its port, and what lies on tmpfs."""

    def __init__(self) -> None:
        super().__init__()
        self.runtime = Path("/dev/shm") / f"{self.folder.name[-8:]}-demo"  # noqa: S108 - tmpfs
        self.port = free_port()

    def curl(self, name: str, path: str, *, settings: str = "", expect: int = 0) -> str:
        """Ask an instance over HTTPS, as its client's browser would; secrets go over standard input."""
        host = f"{name}.example.org"
        return self.run(
            *("curl", "--silent", "--show-error", "--fail"),
            *("--cacert", self.ask("instance", "show", name)["ca_file"]),
            *("--resolve", f"{host}:{self.port}:127.0.0.1"),
            *("--config", "-", f"https://{host}:{self.port}{path}"),
            stdin=settings,
            expect=expect,
        )

    def psql(self, of: str, to: str, query: str, *, expect: int = 0) -> str:
        """Query the database of one instance with the credentials of another."""
        mine, theirs = (
            self.ask("instance", "show", of)["database"],
            self.ask("instance", "show", to)["database"],
        )
        where = f"host=localhost port={theirs['port']} dbname={theirs['name']} user={mine['user']}"
        tls = f"sslmode=verify-full sslrootcert={theirs['ca_file']}"
        password = self.secret(of, "database.app.password")
        return self.run(
            "psql", "--no-psqlrc", "--tuples-only", "--command", query, f"{where} {tls}",
            secret_environment={"PGPASSWORD": password}, expect=expect,
        )  # fmt: skip


def tell() -> None:
    """Tell the story."""
    demo = HostDemo()
    try:
        story(demo)
    finally:
        leave(demo)


def story(demo: HostDemo) -> None:
    """The chapters."""
    chapter("A workspace")
    set_up(demo)
    chapter("Two clients of a real fleet, side by side")
    for name, client, country in CLIENTS:
        demo.run(
            *("tenantry", "instance", "new", name, "--client", client, "--country", country),
            *("--contact", f"it@{name}.example.org", "--hostname", f"{name}.example.org"),
            *("--profile", "registrations"),
        )
    demo.run("tenantry", "spec", "validate")
    demo.run("tenantry", "instance", "deploy", "--all", "--jobs", "2", "--reason", "demo")
    demo.run("tenantry", "instance", "show", "benin")
    chapter("Each other's credentials are refused")
    demo.psql("benin", "benin", "select 'my own database'")
    demo.psql("benin", "burundi", "select 'the neighbour'", expect=2)
    chapter("People register, and send a document")
    for name, _, _ in CLIENTS:
        register(demo, name)
    chapter("Health: the workload is killed, and comes back")
    kill_workload(demo)
    chapter("A change made by hand is seen, and undone")
    change_by_hand(demo)
    chapter("Backups")
    demo.run("tenantry", "backup", "create", "benin", "--reason", "demo")
    demo.run("tenantry", "backup", "list", "benin")
    chapter("One client leaves: its instance is erased, and the absence of everything is proved")
    demo.run("tenantry", "erase", "run", "benin", "--confirm", "benin", "--reason", "agreement ended")
    demo.run("tenantry", "instance", "list")
    chapter("The other one is untouched")
    demo.run("tenantry", "instance", "health", "burundi")
    listed = json.loads(demo.curl("burundi", "/registrations", settings=login(demo, "burundi")))
    insist(listed["total"] == 1, "the neighbour lost its registration")
    demo.run("tenantry", "journal", "verify")


def set_up(demo: HostDemo) -> None:
    """Write the settings of the demo, and init."""
    demo.workspace.mkdir()
    settings = textwrap.dedent(f"""\
        tenantry: 1
        organisation:
          name: Example Red Cross
          contact: it@example.org
        host:
          name: demo
          root: {demo.folder}/host
          runtime: {demo.runtime}
          https_port: {demo.port}
          http_port: {free_port()}
          uid_base: {free_uids()}
          port_base: 28000
        master_key_file: {demo.folder}/master.key
        profiles: [{ROOT}/examples]
        settings:
          ADMIN_EMAIL: admin@example.org
        """)
    (demo.workspace / "tenantry.yaml").write_text(settings, encoding="utf-8")
    print(textwrap.indent(settings, "    "))
    demo.run("tenantry", "init")
    demo.run("tenantry", "doctor")


def register(demo: HostDemo, name: str) -> None:
    """Put a registration and an attachment in through the running workload."""
    body = json.dumps(PERSON)
    escaped = body.replace("\\", "\\\\").replace('"', '\\"')
    answer = demo.curl(name, "/registrations", settings=login(demo, name) + f'json = "{escaped}"\n')
    number = json.loads(answer)["id"]
    document = demo.folder / "consent.txt"
    document.write_text("I agree that my data are used for this programme.\n", encoding="utf-8")
    settings = login(demo, name) + f'header = "Content-Type: text/plain"\ndata-binary = "@{document}"\n'
    demo.curl(name, f"/registrations/{number}/attachment", settings=settings)


def login(demo: HostDemo, name: str) -> str:
    """Return curl's settings for signing in; they go over standard input, never in argv."""
    return f'user = "admin@example.org:{demo.secret(name, "ADMIN_PASSWORD")}"\n'


def kill_workload(demo: HostDemo) -> None:
    """Kill the process, and wait until it is well again."""
    demo.run("tenantry", "instance", "health", "benin")
    pid = workload_pid(demo)
    print(f"\n{clock()} $ kill -KILL {pid}")
    os.kill(pid, signal.SIGKILL)
    while not is_well(demo, "benin"):
        time.sleep(0.2)
    demo.run("tenantry", "instance", "health", "benin")
    insist(workload_pid(demo) != pid, "the workload did not come back")


def is_well(demo: HostDemo, name: str) -> bool:
    """Say whether an instance is healthy; a command that says no is an answer, too."""
    ran = subprocess.run(
        ["tenantry", "instance", "health", name], env=demo.environment, capture_output=True, check=False
    )
    return ran.returncode == 0


def workload_pid(demo: HostDemo) -> int:
    """Read the pid from the condition that tells it."""
    conditions = demo.ask("instance", "health", "benin")["instances"][0]["conditions"]
    message = next(one["message"] for one in conditions if one["type"] == "ProcessUp")
    return int(message.split("pid ")[1].rstrip(")"))


def change_by_hand(demo: HostDemo) -> None:
    """Open the instance's folder to everybody, as a tired person might."""
    home = f"{demo.folder}/host/{demo.ask('instance', 'show', 'benin')['database']['name']}/files"
    demo.run("chmod", "0777", home)
    demo.run("tenantry", "instance", "drift", "benin", expect=1)
    demo.run("tenantry", "instance", "deploy", "benin", "--reason", "undo a change by hand")
    demo.run("tenantry", "instance", "drift", "benin")


def leave(demo: HostDemo) -> None:
    """Take all away, unless it is to be kept."""
    if KEEP:
        print("\nEverything is still there. Go on by hand:")
        print(f"  export TENANTRY_WORKSPACE={demo.workspace} PATH={TENANTRY.parent}:$PATH")
        print("  tenantry instance list; tenantry instance show burundi")
        print("To take it away: tenantry erase run burundi --confirm burundi")
        return
    chapter("Clean up")
    if (demo.workspace / ".tenantry").exists():
        for row in demo.ask("instance", "list")["instances"]:
            demo.run("tenantry", "erase", "run", row["name"], "--confirm", row["name"])
    shutil.rmtree(demo.folder, ignore_errors=True)
    shutil.rmtree(demo.runtime, ignore_errors=True)
    print(f"\n{clock()} done")


def free_uids() -> int:
    """Return the first of a range of user ids that no account has."""
    taken = {int(line.split(":")[2]) for line in Path("/etc/passwd").read_text().splitlines()}
    return next(base for base in range(500_001, 600_000, 100) if not taken & set(range(base - 1, base + 100)))
