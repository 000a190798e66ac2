"""tenantry run by a user who is not root: it works, and every status says what is missing."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tenantry.adapters.tools import find_engine
from tests.support.namespaces import in_namespace
from tests.support.session import HostFolders

_ROOT = Path(__file__).parents[2]
_SYSTEM_PYTHON = "/usr/bin/python3"  # the one in .venv may lie in a folder of root's alone


class Person:
    """A user of this machine with a workspace; what they need of root's folders is mounted for them.

    The mounts are in a mount namespace of each command, and go with it.
    """

    def __init__(self, host: HostFolders) -> None:
        self.host = host
        self.uid = host.uid_base + 1
        self.home = host.root / "home"
        self.runtime = host.runtime / "run"
        for folder in (self.home, self.runtime, self.home / "engine", self.home / "source"):
            folder.mkdir(mode=0o711)
            os.chown(folder, self.uid, self.uid)

    @property
    def workspace(self) -> Path:
        return self.home / "workspace"

    def write_settings(self) -> None:
        self.workspace.mkdir()
        last = self.host.port_base + self.host.port_count
        (self.workspace / "tenantry.yaml").write_text(
            f"tenantry: 1\norganisation: {{name: Example, contact: it@example.org}}\n"
            f"host: {{name: own, root: {self.home}/host, runtime: {self.runtime}/r, https_port: {last - 1}, "
            f"http_port: {last - 2}, port_base: {self.host.port_base}}}\n"
            f"master_key_file: {self.home}/master.key\nprofiles: [{self.home}/source/examples]\n"
            "settings: {ADMIN_EMAIL: admin@example.org}\n"
        )
        os.chown(self.workspace, self.uid, self.uid)

    def run(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        packages = next(path for path in sys.path if path.endswith("site-packages"))
        inside = f"{self.home}/source"
        environment = {
            "HOME": str(self.home),
            "PATH": f"{self.home}/engine:/usr/bin:/bin:/usr/sbin",
            "PYTHONPATH": f"{inside}:{inside}/{Path(packages).relative_to(_ROOT)}",
            "TENANTRY_WORKSPACE": str(self.workspace),
        }
        script = (
            f"mount --bind {find_engine().parent} {self.home}/engine && mount --bind {_ROOT} {inside} && "
            f"cd {self.home} && exec setpriv --reuid {self.uid} --regid {self.uid} --clear-groups "
            f'--inh-caps=-all -- {_SYSTEM_PYTHON} -m tenantry "$@" --output json'
        )
        ran = subprocess.run(
            in_namespace(script, *arguments),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.stdout, ran.stderr
        defects = "".join(one.read_text() for one in self.workspace.glob(".tenantry/defect-*"))
        assert not defects, defects
        return ran.returncode, json.loads(ran.stdout)


@pytest.fixture
def person(host_folders: HostFolders) -> Iterator[Person]:
    user = Person(host_folders)
    name = f"tnperson{user.uid}"
    subprocess.run(
        [
            "useradd",
            "--no-create-home",
            "--uid",
            str(user.uid),
            "--user-group",
            "--home",
            str(user.home),
            name,
        ],
        check=True,
    )
    try:
        user.write_settings()
        yield user
    finally:
        user.run("erase", "run", "benin", "--confirm", "benin")
        user.run("host", "stop")
        subprocess.run(["userdel", name], check=True, capture_output=True)


@contextlib.contextmanager
def _log_of_root(host: HostFolders) -> Iterator[Path]:
    """Have a log on the machine that only root may read, written to just now."""
    path = Path("/var/log") / f"{host.root.parent.name}-{host.root.name}.log"
    path.write_text("something of somebody's\n")
    path.chmod(0o600)
    try:
        yield path
    finally:
        path.unlink()


def test_a_user_without_root_has_a_healthy_instance_and_is_told_that_nothing_fences_it_off(
    person: Person,
) -> None:
    assert person.run("init")[0] == 0
    new = ["--client", "Red Cross", "--country", "BJ", "--contact", "it@benin.example.org"]
    made = person.run(
        "instance", "new", "benin", *new, "--hostname", "benin.example.org", "--profile", "registrations"
    )
    assert made[0] == 0, made
    code, deployed = person.run("instance", "deploy", "benin")
    assert code == 0, deployed
    shown = person.run("instance", "show", "benin")[1]["data"]
    assert shown["isolation"].startswith("none: everything runs as the invoking user")
    assert shown["encryption"] == "none"
    with _log_of_root(person.host) as log:
        code, erased = person.run("erase", "run", "benin", "--confirm", "benin")
    assert code == 0, erased["problems"]
    told = {one["where"]: one["what"] for one in erased["data"]["residues"]}
    assert "only root may read" in told[str(log.parent)]
