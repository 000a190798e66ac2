"""A workspace of a test's own, worked with as a person would: by the installed command line."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.session import HostFolders

__all__ = ["COMMAND", "EXAMPLES", "FLEET", "Answer", "Installation", "fleet"]

COMMAND = Path(sys.executable).with_name("tenantry")
EXAMPLES = Path(__file__).parents[2] / "examples"
FLEET = Path(__file__).parents[2] / "examples" / "fleet.csv"
_PATIENCE = 280  # seconds; more than any one command takes on a busy machine


def fleet() -> Sequence[Mapping[str, str]]:
    """Return the real fleet's instances that have a country: name and country."""
    import csv

    with FLEET.open(encoding="utf-8") as file:
        lines = (line for line in file if not line.startswith("#"))
        return [row for row in csv.DictReader(lines) if row["country_iso2"]]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command answered."""

    argv: Sequence[str]
    code: int
    out: str
    err: str

    @property
    def envelope(self) -> dict[str, Any]:
        """The JSON envelope; standard output holds nothing else."""
        answer = json.loads(self.out)
        assert isinstance(answer, dict)
        return answer

    @property
    def data(self) -> dict[str, Any]:
        """The envelope's data."""
        data = self.envelope["data"]
        assert isinstance(data, dict)
        return data

    @property
    def problems(self) -> list[dict[str, str]]:
        """The envelope's problems."""
        return list(self.envelope["problems"])

    def ok(self) -> Answer:
        """Insist that the command did what it was asked for."""
        assert self.code == 0, f"{' '.join(self.argv)} ended with {self.code}:\n{self.out}\n{self.err}"
        return self


@dataclass(frozen=True, kw_only=True)
class Installation:
    """A workspace folder, and the host that its instances live on."""

    folder: Path
    host: HostFolders
    settings: dict[str, str] = field(default_factory=dict)
    enter: Sequence[str] = ()  # stands before each command that is run, to run it elsewhere

    @property
    def https_port(self) -> int:
        """The proxy's port."""
        return self.host.port_base + self.host.port_count - 1

    @property
    def private(self) -> Path:
        """The folder with register, vault and engine state."""
        return self.folder / ".tenantry"

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment in which commands run."""
        return {**os.environ, "TENANTRY_WORKSPACE": str(self.folder), "COLUMNS": "200", **(extra or {})}

    def set_up(self) -> None:
        """Write tenantry.yaml and run init."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings = "".join(f"  {name}: {json.dumps(value)}\n" for name, value in self.settings.items())
        (self.folder / "tenantry.yaml").write_text(
            "tenantry: 1\n"
            "organisation:\n  name: Example Red Cross\n  contact: it@example.org\n"
            "host:\n"
            f"  name: {self.host.root.name}\n"
            f"  root: {self.host.root}/host\n"
            f"  runtime: {self.host.runtime}/r\n"
            f"  https_port: {self.https_port}\n"
            f"  http_port: {self.https_port - 1}\n"
            f"  uid_base: {self.host.uid_base + 1}\n"
            f"  port_base: {self.host.port_base}\n"
            f"master_key_file: {self.folder}/master.key\n"
            f"profiles: [{EXAMPLES}]\n"
            f"settings:\n  ADMIN_EMAIL: admin@example.org\n{settings}"
        )
        self.run("init").ok()

    def run(
        self,
        *arguments: str,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        timeout: float = _PATIENCE,
        output: str = "json",
    ) -> Answer:
        """Run a command to its end."""
        argv = [str(COMMAND), *arguments]
        if output and "exec" not in arguments[:2]:
            argv[3:3] = ["--output", output] if len(arguments) > 1 else []
            argv += ["--output", output] if len(arguments) == 1 else []
        ran = subprocess.run(
            [*self.enter, *argv],
            input=stdin,
            capture_output=True,
            text=True,
            env=self.environment(env),
            timeout=timeout,
            check=False,
        )
        return Answer(argv=argv, code=ran.returncode, out=ran.stdout, err=ran.stderr)

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command in a session of its own, for tests of signals and kills."""
        return subprocess.Popen(
            [str(COMMAND), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(env),
            start_new_session=True,
        )

    def write_spec(self, name: str, *, country: str = "BJ", extra: str = "") -> Path:
        """Write the spec of an instance of the example workload."""
        path = self.folder / "instances" / f"{name}.yaml"
        path.write_text(
            f"tenantry: 1\nname: {name}\n"
            f'client:\n  name: Red Cross of {name}\n  country: "{country}"\n'
            f"  contact: it@{name}.example.org\n"
            f"target: host\nprofile: registrations\nhostname: {name}.example.org\n{extra}"
        )
        return path

    def deploy(self, *names: str) -> Answer:
        """Write specs and deploy them."""
        for name in names:
            if not (self.folder / "instances" / f"{name}.yaml").exists():
                self.write_spec(name)
        jobs = ["--jobs", "4"] if len(names) > 1 else []
        return self.run("instance", "deploy", *names, *jobs)

    def show(self, name: str) -> dict[str, Any]:
        """Return what ``instance show`` says."""
        return self.run("instance", "show", name).ok().data

    def secret(self, name: str, secret: str) -> str:
        """Return a secret of an instance."""
        value = self.run("credentials", "show", name, secret, "--reason", "test").ok().data["value"]
        assert isinstance(value, str)
        return value

    def opaque(self, name: str) -> str:
        """Return the opaque name of an instance: its database has it."""
        value = self.show(name)["database"]["name"]
        assert isinstance(value, str)
        return value

    def home(self, name: str) -> Path:
        """Return the home of an instance."""
        return self.host.root / "host" / self.opaque(name)

    def runtime(self, name: str) -> Path:
        """Return the folder of an instance on tmpfs."""
        return self.host.runtime / "r" / self.opaque(name)

    def running(self, program: str, *arguments: str) -> list[str]:
        """Return the pids of a program that works on this host, with these arguments among its own."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                ours = str(self.host.root) in str(words) or str(self.host.runtime) in str(words)
                if words[0].endswith(program) and set(arguments) <= set(words) and ours:
                    found.append(entry.name)
        return found

    def tear_down(self) -> None:
        """Erase whatever lives, as a person would; what then is left fails the test by itself."""
        if not (self.private / "register.db").exists():
            return
        listed = self.run("instance", "list")
        rows = listed.data.get("instances", []) if listed.code == 0 else []
        answers = [self.run("erase", "run", row["name"], "--confirm", row["name"]) for row in rows]
        self.run("host", "stop")
        for answer in answers:
            answer.ok()
