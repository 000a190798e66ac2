"""An instance on Azure, in a sandbox of the bench's own: its deploy, its calls, and the sandbox itself."""

from __future__ import annotations

import contextlib
import dataclasses
import http
import http.client
import json
import pickle
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.baseline import make_stack
from bench.coverage import coverage, named_by_the_components
from bench.figures import Figure
from bench.fleet import pss_mib
from bench.paced import paced
from bench.scratch import COMMAND, EXAMPLES
from bench.timing import seconds_of
from tenantry.adapters.azure_credential import make_credential
from tenantry.cli.wiring import Wiring
from tenantry.model.azure_names import random_suffix
from tenantry.model.spec import CredentialKind
from tenantry.ports import Request
from tenantry.targets.azure import values

__all__ = ["azure"]

_LIMIT = 1.25
_REGION = "southafricanorth"
_BESIDE_DRIFT = 9  # group and rights in it, server with its rules, backups and figures, site, two vaults
_STANDING = "bench0"  # is deployed before anything is timed, and looked at
_EVERY_SERVICE = "121-platform"
_THREADS, _SECONDS = 8, 5.0  # that ask the sandbox, and for how long
_PARALLEL = "32"  # of the engine, as ours
_SETTINGS = {
    "ADMIN_EMAIL": "admin@example.org",
    # Those of the workload that needs every service; it is planned and not made.
    "USERCONFIG_121_SERVICE_EMAIL_ADMIN": "admin@example.org",
    "AZURE_EMAIL_SENDER_ADDRESS": "no-reply@example.org",
    "AZURE_GRAPH_API_URL": "https://graph.example.org",
    "KOBO_CONNECT_API_URL": "https://kobo.example.org",
    "MOCK_SERVICE_URL": "https://mock.example.org",
}
_SCALE = 3  # how much faster than Azure; at most 10


def azure(*, rounds: int, tell: Callable[[str], None]) -> list[Figure]:
    """Measure; the sandbox and all in it are gone afterwards."""
    with _rehearsal() as place:
        figures = [Figure(name="sandbox start", ours=tuple(place.restarted() for _ in range(rounds)))]
        tell("deploying an instance that stays, in the sandbox")
        place.new(_STANDING)
        figures.append(_calls(place, "deploy", "instance", "deploy", _STANDING))
        health = _calls(place, "health", "instance", "health", _STANDING)
        drift = _calls(place, "drift", "instance", "drift", _STANDING)
        beside = (health.ours[0] - drift.ours[0],)
        figures += [health, drift]
        figures.append(
            Figure(name="calls of health beside its drift", ours=beside, unit="calls", limit=_BESIDE_DRIFT)
        )
        tell("asking the sandbox")
        figures.append(_requests(place))
        figures.append(
            Figure(name="memory of the sandbox with one instance", ours=(place.memory(),), unit="MiB")
        )
        tell("deploying in the sandbox")
        figures.append(_deploys(place, rounds=rounds))
        tell("planning an instance of every service")
        figures.append(_coverage(place))
        figures += paced(place, scale=_SCALE, tell=tell)
    return figures


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A workspace, and its sandbox."""

    workspace: Path

    def run(self, *arguments: str) -> float:
        return seconds_of([str(COMMAND), *arguments, "--workspace", str(self.workspace)])

    def status(self) -> dict[str, Any]:
        return self.ask("sandbox", "status")

    def ask(self, *arguments: str) -> dict[str, Any]:
        """Run tenantry; return its data."""
        argv = [str(COMMAND), *arguments, "--output", "json", "--workspace", str(self.workspace)]
        ran = subprocess.run(argv, capture_output=True, text=True, check=True)
        data: dict[str, Any] = json.loads(ran.stdout)["data"]
        return data

    def restarted(self) -> float:
        """Return how long a start takes, to its first answer."""
        self.run("sandbox", "stop")
        return self.run("sandbox", "start")

    def new(self, name: str, *, profile: str = "registrations") -> None:
        self.run(
            *("instance", "new", name, "--client", f"Red Cross of {name}", "--country", "ZA"),
            *("--contact", f"it@{name}.example.org"),
            *("--profile", profile, "--region", _REGION),
        )

    def memory(self) -> float:
        """Return the memory of the sandbox's own process, in MiB; databases and sites have theirs."""
        return pss_mib([Path("/proc", str(self.status()["pid"]))])


def _coverage(place: _Place) -> Figure:
    """Plan an instance of the workload that needs every service; compare its types with the table."""
    place.new("wide", profile=_EVERY_SERVICE)
    planned = place.ask("instance", "preview", "wide")["changes"]
    wiring = Wiring(place.workspace)
    try:
        steps = wiring.azure.erase_steps(wiring.existing(_STANDING))
        tokens = {one["type"] for one in planned} | named_by_the_components()
        return coverage(tokens, steps=[name for name, _, _ in steps])
    finally:
        wiring.register.close()


def _calls(place: _Place, what: str, *command: str) -> Figure:
    """Count the requests to Resource Manager that a command makes."""
    before = place.status()["requests"].get("management", 0)
    place.run(*command)
    count = place.status()["requests"]["management"] - before
    return Figure(name=f"calls of Resource Manager: {what}", ours=(float(count),), unit="calls")


def _requests(place: _Place) -> Figure:
    """Count how many reads a second the sandbox answers, over connections that stay."""
    told = place.status()
    token = _token(told)
    path = f"/subscriptions/{told['subscription_id']}/resourcegroups?api-version=2024-03-01"
    end = time.monotonic() + _SECONDS

    def ask(_: int) -> int:
        count = 0
        with _connection(told["arm"], told["ca_file"]) as connection:
            while time.monotonic() < end:
                connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
                answer = connection.getresponse()
                answer.read()
                assert answer.status == http.HTTPStatus.OK, answer.status
                count += 1
        return count

    with ThreadPoolExecutor(_THREADS) as pool:
        count = sum(pool.map(ask, range(_THREADS)))
    return Figure(name="sandbox: reads", ours=(count / _SECONDS,), unit="/s")


def _token(told: Mapping[str, Any]) -> str:
    credential = make_credential(
        CredentialKind.SECRET,
        authority=told["login"],
        directory_id=told["directory_id"],
        client_id=told["client_id"],
        client_secret_file=Path(told["client_secret_file"]),
        ca_file=Path(told["ca_file"]),
        discovery=False,
    )
    return credential.get_token(f"{told['arm']}/.default").token


@contextlib.contextmanager
def _connection(url: str, ca_file: str) -> Iterator[http.client.HTTPSConnection]:
    host = url.removeprefix("https://")
    connection = http.client.HTTPSConnection(host, context=ssl.create_default_context(cafile=ca_file))
    try:
        yield connection
    finally:
        connection.close()


def _deploys(place: _Place, *, rounds: int) -> Figure:
    """Deploy new instances, in turn by ours and by one call of the engine with the same program."""
    ours, bare = [], []
    for number in range(1, rounds + 1):
        bare.append(_bare_deploy(place, number))
        name = f"bench{number}"
        place.new(name)
        ours.append(place.run("instance", "deploy", name))
    return Figure(
        name="deploy on Azure / one pulumi up --client", ours=tuple(ours), baseline=tuple(bare), limit=_LIMIT
    )


def _bare_deploy(place: _Place, number: int) -> float:
    """Let the engine make all resources of an instance, under names of their own; return the seconds.

    A process of its own, as ours is one: both start, and import what the resources are made of.
    """
    wiring = Wiring(place.workspace)
    try:
        instance = wiring.existing(_STANDING)
        spec, profile = wiring.load(instance)
        facts = {**instance.facts, values.SUFFIX: random_suffix()}
        other = dataclasses.replace(instance, facts=facts)
        props = wiring.azure.props(Request(spec=spec, profile=profile, instance=other))
    finally:
        wiring.register.close()
    name, state = f"bare{number}", place.workspace / "bare" / f"state{number}"
    make_stack("", name=name, state=state)
    argv = [sys.executable, "-m", "bench.baselines.azure_up"]
    return seconds_of(argv, told=pickle.dumps((place.workspace, props, name, state, _PARALLEL)))


@contextlib.contextmanager
def _rehearsal() -> Iterator[_Place]:
    folder = Path(tempfile.mkdtemp(prefix="tenantry-bench-"))
    place = _Place(workspace=folder / "workspace")
    place.workspace.mkdir()
    (place.workspace / "tenantry.yaml").write_text(
        "tenantry: 1\n"
        "organisation: {name: Example Red Cross, contact: it@example.org}\n"
        "azure: {cloud: sandbox, monthly_budget: 100}\n"
        f"master_key_file: {folder}/master.key\n"
        f"profiles: [{EXAMPLES}]\n"
        f"settings: {json.dumps(_SETTINGS)}\n"
    )
    try:
        place.run("init")
        place.run("sandbox", "start")
        yield place
    finally:
        with contextlib.suppress(RuntimeError):
            place.run("sandbox", "reset", "--confirm", place.workspace.name)
        shutil.rmtree(folder, ignore_errors=True)
