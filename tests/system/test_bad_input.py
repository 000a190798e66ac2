"""What only a machine can get wrong: programs hidden, a register read-only, a stack held, a disk full."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installation import COMMAND, Answer, Installation
from tests.support.namespaces import in_namespace


@pytest.fixture(scope="module")
def benin_spec(shared: Installation) -> Installation:
    """A workspace with a sound spec that nobody has deployed."""
    shared.write_spec("benin")
    return shared


def _within(installation: Installation, mounts: str, *arguments: str) -> Answer:
    """Run a command in a mount namespace of its own, after some mounts."""
    argv = [str(COMMAND), *arguments, "--output", "json"]
    script = f"set -e; {mounts}; exec {shlex.join(argv)}"
    ran = subprocess.run(
        in_namespace(script),
        capture_output=True,
        text=True,
        env=installation.environment(),
        timeout=120,
        check=False,
    )
    return Answer(argv=argv, code=ran.returncode, out=ran.stdout, err=ran.stderr)


@pytest.mark.parametrize("program", ["/usr/bin/caddy", "/usr/bin/pgbackrest", "/usr/bin/s6-svscan"])
def test_a_program_that_is_not_there_is_named_with_its_package(
    benin_spec: Installation, tmp_path: Path, program: str
) -> None:
    nothing = tmp_path / "nothing"
    nothing.touch()
    real = shlex.quote(str(Path(program).resolve()))
    answer = _within(benin_spec, f"mount --bind {nothing} {real}", "instance", "deploy", "benin")
    assert (answer.code, answer.problems[0]["code"]) == (69, "missing-program")
    assert "apt-get install" in answer.problems[0]["hint"]
    assert not (benin_spec.host.root / "host").exists()


@pytest.mark.parametrize("target", ["host", "azure"])
def test_a_register_that_cannot_be_written_is_told_before_anything_is_done(
    benin_spec: Installation, target: str
) -> None:
    spec = benin_spec.folder / "instances" / "benin.yaml"
    spec.write_text(spec.read_text().replace("target: host", f"target: {target}"))
    folder = shlex.quote(str(benin_spec.private))
    mounts = f"mount --bind {folder} {folder}; mount -o remount,ro,bind {folder}"
    answer = _within(benin_spec, mounts, "instance", "deploy", "benin")
    spec.write_text(spec.read_text().replace("target: azure", "target: host"))
    assert answer.code == 69
    assert "read-only" in answer.problems[0]["message"].lower()
    assert not (benin_spec.host.root / "host").exists()


@pytest.fixture
def held(installation: Installation) -> Iterator[Installation]:
    """An instance that is recorded, and whose stack this process holds as another run of the engine would."""
    installation.write_spec("togo")
    installation.run("credentials", "set", "togo", "SMS_TOKEN", stdin="a token of the client's").ok()
    opaque = installation.show("togo")["database"]
    assert opaque is not None
    entry = installation.run("journal", "show", "--instance", "togo").ok().data["lines"][0]
    locks = installation.private / "engine" / "state" / ".pulumi" / "locks" / "organization" / "tenantry"
    file = locks / entry["instance"] / "5f1c0000-0000-4000-8000-000000000000.json"
    file.parent.mkdir(parents=True)
    held_by = {"pid": os.getpid(), "username": "somebody", "hostname": socket.gethostname()}
    file.write_text(json.dumps({**held_by, "timestamp": "2099-01-01T00:00:00Z"}))
    yield installation
    file.unlink()


def test_a_stack_that_somebody_else_holds_is_busy_and_named(held: Installation) -> None:
    answer = held.run("instance", "deploy", "togo")
    assert (answer.code, answer.problems[0]["code"]) == (75, "stack-locked")
    assert str(os.getpid()) in answer.problems[0]["message"]
    assert not (held.host.root / "host").exists()


@pytest.fixture
def full(installation: Installation) -> Iterator[Installation]:
    """An installation whose host's folder is on a disk with room for next to nothing."""
    root = installation.host.root / "host"
    root.mkdir(mode=0o711)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=0711", "small", str(root)], check=True)
    yield installation
    subprocess.run(["umount", str(root)], check=True)
    root.rmdir()


def test_a_full_disk_is_told_before_anything_is_made(full: Installation) -> None:
    answer = full.deploy("benin")
    assert (answer.code, answer.problems[0]["code"]) == (69, "disk-full")
    assert list((full.host.root / "host").iterdir()) == []
    assert full.run("instance", "list").data["instances"] == []


def test_a_full_disk_of_the_workspace_is_told_before_azure_is_asked(
    shared: Installation, tmp_path: Path
) -> None:
    shared.write_spec("togo")
    spec = shared.folder / "instances" / "togo.yaml"
    spec.write_text(spec.read_text().replace("target: host", "target: azure"))
    settings = shared.folder / "tenantry.yaml"
    text = settings.read_text()
    settings.write_text(text + "azure: {cloud: sandbox}\n")  # which was never started
    private, copy = shlex.quote(str(shared.private)), shlex.quote(str(tmp_path / "copy"))
    mounts = f"cp -a {private} {copy}; mount -t tmpfs -o size=16m,mode=0700 small {private}; "
    answer = _within(shared, f"{mounts} cp -a {copy}/. {private}", "instance", "deploy", "togo")
    settings.write_text(text)
    spec.unlink()
    assert (answer.code, answer.problems[0]["code"]) == (69, "disk-full")
    assert "workspace's disk" in answer.problems[0]["hint"]
