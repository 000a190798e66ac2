"""The baselines: plain scripts in ``baselines/``, and what they are told."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.looks import Place, Seen, look, traces
from bench.scratch import EXAMPLES, Scratch
from bench.still import Stage
from bench.timing import seconds_of
from tenantry.adapters import tools
from tenantry.adapters.engine_program import ProgramHost, serve_program

__all__ = ["BareInstance", "bare_instance", "engine_environment", "make_stack", "script"]

_SCRIPTS = Path(__file__).with_name("baselines")
_NODE = "24"


def script(name: str) -> str:
    """Return the path of a script."""
    return str(_SCRIPTS / f"{name}.sh")


def engine_environment(provider: str, *, stack: str, state: Path, client: str) -> dict[str, str]:
    """Return what a script needs for its calls of the engine; ``provider`` as ``package:port``."""
    return {
        "NAME": stack,
        "PULUMI": str(tools.find_engine()),
        "STATE": str(state),
        "CLIENT": client,
        "PROVIDER": provider,
        "PLACE": str(state),
        "SECRETS": str(state),
    }


@dataclass(frozen=True, kw_only=True)
class BareInstance:
    """An instance by bare commands."""

    environment: dict[str, str]
    uid: int
    place: Path
    secrets: Path

    def deploy(self) -> float:
        """Make it; return the seconds."""
        return seconds_of(["sh", script("deploy")], env=self.environment)

    def erase(self) -> float:
        """Take it away; return the seconds."""
        return seconds_of(["sh", script("erase")], env=self.environment)

    def look(self) -> Seen:
        """Look at it."""
        name, port, web = (self.environment[key] for key in ("NAME", "DATABASE_PORT", "WEB_PORT"))
        server = f"host=localhost hostaddr=127.0.0.1 port={port} sslmode=verify-full"
        return look(
            Place(
                uid=self.uid,
                database=f"{server} sslrootcert={self.secrets}/ca.crt dbname={name} user=app_1",
                password=(self.secrets / "app.password").read_text(),
                backup_settings=self.secrets / "pgbackrest.conf",
                snapshots=self.place / "backups" / "files",
                snapshots_password=(self.secrets / "files.password").read_text(),
                health=[f"http://127.0.0.1:{web}/health"],
            )
        )

    def traces(self) -> list[str]:
        """Return what is left of it."""
        return traces(self.uid, [self.place, self.secrets])


@contextlib.contextmanager
def bare_instance(place: Scratch, stage: Stage, *, number: int) -> Iterator[BareInstance]:
    """Prepare an instance by bare commands: its empty stack and what is served; clean up after it."""
    name = f"tnbench{place.uid_base + number}"
    state = place.folder / "baseline" / "state"
    application = place.folder / "application"
    if not application.exists():
        shutil.copytree(EXAMPLES / "registrations" / "app", application)
        subprocess.run(["chmod", "-R", "a+rX", str(application)], check=True)
    make_stack(stage.provider, name=name, state=state)
    host = ProgramHost(stage.program, take=lambda _: None)
    with serve_program(host) as client:
        database, web = place.baseline_ports(number)
        bare = BareInstance(
            environment={
                **engine_environment(stage.provider, stack=name, state=state, client=client),
                "USER_ID": str(place.baseline_uid(number)),
                "PLACE": str(place.folder / f"bare{number}"),
                "SECRETS": str(place.fast / f"bare{number}"),
                "DATABASE_PORT": str(database),
                "WEB_PORT": str(web),
                "POSTGRES_BIN": str(tools.postgres_bin()[1]),
                "NODE": str(tools.find_runtime("node", _NODE)),
                "APPLICATION": str(application),
            },
            uid=place.baseline_uid(number),
            place=place.folder / f"bare{number}",
            secrets=place.fast / f"bare{number}",
        )
        try:
            yield bare
        finally:
            if bare.traces():  # it was not erased: something failed
                with contextlib.suppress(RuntimeError):
                    bare.erase()


def make_stack(provider: str, *, name: str, state: Path) -> None:
    """Make an empty stack, which belongs to nobody's time."""
    if not state.exists():
        state.mkdir(mode=0o700, parents=True)
        (state / "Pulumi.yaml").write_text("name: tenantry\nruntime: python\n")
    command = f". {script('common')}; engine stack init --no-select --secrets-provider=passphrase"
    environment = engine_environment(provider, stack=name, state=state, client="")
    seconds_of(["sh", "-ec", command], env=environment)
