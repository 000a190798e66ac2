"""An erasure is proved by looking: for what was known, for leaks in logs, and for strays nobody recorded."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tenantry.providers.host.layout import HostLayout
from tests.support.installation import Answer, Installation
from tests.support.reference import undocumented


@dataclass(frozen=True, kw_only=True)
class Erased:
    """One instance that was erased, and what each run answered."""

    at: Installation
    name: str
    opaque: str
    uid: int
    port: int
    log: Path
    leaked: str  # the secret that stood in a log
    shown: Answer  # erase run without --confirm
    with_leak: Answer  # the first run, with that line in the log
    again_with_leak: Answer  # the keys are gone by now
    clean: Answer

    @property
    def layout(self) -> HostLayout:
        return HostLayout(root=self.at.host.root / "host", runtime=self.at.host.runtime / "r")

    def prove(self) -> Answer:
        return self.at.run("erase", "run", self.name, "--confirm", self.name)


@pytest.fixture(scope="module")
def erased(shared: Installation) -> Iterator[Erased]:
    """Deploy an instance, let a secret of it get into a log of the host, and erase it."""
    name = f"erasure-{secrets.token_hex(3)}"  # the host's logs are everybody's
    shared.deploy(name).ok()
    opaque = shared.opaque(name)
    log = Path(f"/var/log/tenantry-test-{shared.host.root.parent.name}-{name}.log")
    confirm = ("erase", "run", name, "--confirm", name, "--reason", "test")
    leaked = shared.secret(name, "database.app.password")
    try:
        log.write_text(f"harmless\nconnecting with {leaked}\n")
        runs = {
            "uid": pwd.getpwnam(opaque).pw_uid,
            "port": shared.show(name)["database"]["port"],
            "shown": shared.run("erase", "run", name).ok(),
            "with_leak": shared.run(*confirm),
            "again_with_leak": shared.run(*confirm),
        }
        log.write_text("harmless\n")
        clean = shared.run(*confirm)
        yield Erased(at=shared, name=name, opaque=opaque, log=log, leaked=leaked, clean=clean, **runs)
    finally:
        log.unlink(missing_ok=True)


def test_a_secret_in_a_log_keeps_the_erasure_from_being_proved(erased: Erased) -> None:
    assert erased.with_leak.code == 1
    assert _left(erased.with_leak) == {"log"}
    assert str(erased.log) in erased.with_leak.problems[0]["message"]


def test_the_line_is_still_known_when_the_keys_are_destroyed(erased: Erased) -> None:
    assert erased.again_with_leak.code == 1
    assert _left(erased.again_with_leak) == {"log"}


def test_what_is_told_of_the_line_does_not_hold_the_secret(erased: Erased) -> None:
    for answer in (erased.shown, erased.with_leak, erased.again_with_leak):
        assert erased.leaked not in answer.out + answer.err


def test_the_erasure_is_proved_once_the_line_is_gone(erased: Erased) -> None:
    assert erased.clean.ok().data["state"] == "erased"
    assert {one["absent"] for one in erased.clean.data["assets"]} == {True}


def test_every_type_of_asset_was_looked_for(erased: Erased) -> None:
    from tenantry.targets.host.inventory import ASSET_TYPES

    assert {one["type"] for one in erased.clean.data["assets"]} == set(ASSET_TYPES)


def test_what_was_shown_before_is_what_was_proved_afterwards(erased: Erased) -> None:
    shown = {one["id"] for one in erased.shown.data["would_erase"] if one["type"] != "process"}
    assert shown <= {one["id"] for one in erased.clean.data["assets"]}


def test_what_is_told_has_the_documented_keys(erased: Erased) -> None:
    assert undocumented("erase run", {**erased.shown.data, **erased.clean.data}) == set()


def test_the_spec_is_told_as_a_residue_with_its_date(erased: Erased) -> None:
    spec = erased.at.folder / "instances" / f"{erased.name}.yaml"
    found = {one["where"]: one for one in erased.clean.data["residues"]}
    assert found[str(spec)]["since"].endswith("Z")


def test_the_opaque_name_in_copies_of_account_files_is_told_as_a_residue(erased: Erased) -> None:
    told = {one["where"] for one in erased.prove().data["residues"]}
    assert _copies_with(erased.opaque) <= told


def test_people_are_shown_one_line_per_type_of_asset(erased: Erased) -> None:
    text = erased.at.run("erase", "run", erased.name, "--confirm", erased.name, output="table").ok().out
    assert sum(line.startswith("folder ") for line in text.splitlines()) == 1


def test_strays_that_nobody_recorded_are_named_until_they_are_gone(erased: Erased) -> None:
    with contextlib.ExitStack() as stack:
        wanted = dict(_strays(erased, stack))
        answer = erased.prove()
        found = {one["id"] for one in answer.data["assets"] if one["absent"] is False}
        missed = {
            kind: part
            for kind, part in wanted.items()
            if not any(one.startswith(f"{kind.split('/')[0]}:") and part in one for one in found)
        }
        assert (answer.code, missed) == (1, {})
    assert erased.prove().code == 0


def _left(answer: Answer) -> set[str]:
    return {one["type"] for one in answer.data["assets"] if one["absent"] is not True}


def _copies_with(opaque: str) -> set[str]:
    names = ("passwd-", "group-", "shadow-", "gshadow-", "subuid-", "subgid-")
    copies = [path for path in (Path("/etc") / name for name in names) if path.exists()]
    return {str(path) for path in copies if opaque in path.read_text(errors="replace")}


def _strays(erased: Erased, stack: contextlib.ExitStack) -> Iterator[tuple[str, str]]:
    """Plant one stray of each kind; yield its asset type and a part of the id that must be told."""
    _run("useradd", "--uid", f"{erased.uid}", "--no-create-home", "--user-group", erased.opaque)
    stack.callback(_run, "userdel", erased.opaque)
    yield "user", "/etc/passwd"
    yield "user/group", "/etc/group"
    yield from _stray_processes(erased, stack)
    yield from _stray_mounts(erased, stack)
    yield from _stray_listeners(erased, stack)
    yield from _stray_files(erased, stack)
    table = f"stray_{erased.layout.host_id}"
    rule = f"add rule inet {table} c meta skuid {erased.uid} accept"
    rules = f"add table inet {table}; add chain inet {table} c; {rule}"
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
    stack.callback(_run, "nft", "delete", "table", "inet", table)
    yield "rule", str(erased.uid)


def _stray_processes(erased: Erased, stack: contextlib.ExitStack) -> Iterator[tuple[str, str]]:
    as_user = subprocess.Popen(
        ["sleep", "300"], user=erased.uid, group=erased.uid, extra_groups=[], start_new_session=True
    )
    stack.callback(_end, as_user)
    yield "process/user", str(as_user.pid)
    named = subprocess.Popen(["sh", "-c", "sleep 300; :", erased.opaque], start_new_session=True)
    stack.callback(_end, named)
    yield "process/name", str(named.pid)


def _stray_mounts(erased: Erased, stack: contextlib.ExitStack) -> Iterator[tuple[str, str]]:
    point = erased.at.host.root / f"mnt-{erased.opaque}"
    point.mkdir()
    stack.callback(point.rmdir)
    _run("mount", "-t", "tmpfs", "-o", "size=64k", "stray", str(point))
    stack.callback(_run, "umount", str(point))
    yield "mount", str(point)
    image = erased.at.host.root / f"{erased.opaque}.img"
    image.write_bytes(bytes(64 * 1024))
    stack.callback(image.unlink)
    device = _run("losetup", "--find", "--show", str(image)).strip()
    stack.callback(_run, "losetup", "--detach", device)
    yield "mount/loop", device


def _stray_listeners(erased: Erased, stack: contextlib.ExitStack) -> Iterator[tuple[str, str]]:
    path = erased.at.host.runtime / f"{erased.opaque}.sock"
    unix = stack.enter_context(socket.socket(socket.AF_UNIX))
    unix.bind(str(path))
    stack.callback(path.unlink)
    yield "socket", str(path)
    tcp = stack.enter_context(socket.create_server(("127.0.0.1", erased.port)))
    assert tcp.getsockname()[1] == erased.port
    yield "port", str(erased.port)


def _stray_files(erased: Erased, stack: contextlib.ExitStack) -> Iterator[tuple[str, str]]:
    opaque, layout, private = erased.opaque, erased.layout, erased.at.private
    mark = erased.log.stem
    files: Mapping[str, tuple[Path, str]] = {
        "folder": (erased.at.host.root / f"kept-{opaque}" / "rows.csv", "data"),
        "secret": (layout.runtime / opaque / "secrets" / "key", "a secret"),
        "key": (private / "vault" / "keys" / f"{opaque}.age", "a key"),
        "backup": (layout.database_backups(opaque) / "archive.info", "a backup"),
        "state": (private / "engine" / "state" / ".pulumi" / "stacks" / f"{opaque}.json.bak", "{}"),
        "site": (layout.proxy_state / "certificates" / "local" / f"{erased.name}.example.org" / "x.key", "k"),
        "unit": (Path(f"/etc/systemd/system/{mark}.service"), f"[Service]\nExecStart=/bin/true {opaque}\n"),
        "cron": (Path(f"/etc/cron.d/{mark}"), f"# @daily root /bin/true {opaque}\n"),
        "log": (erased.log, f"mail to Red Cross of {erased.name} sent\n"),
    }
    for kind, (path, text) in files.items():
        _plant(path, text, stack)
        named = next((part for part in (path, *path.parents) if opaque in part.name), path)
        yield kind, str(path.parent if kind == "site" else named)
    owned = Path(f"/var/tmp/{mark}")
    _plant(owned, "data", stack)
    owned.chmod(0o600)
    _run("chown", str(erased.uid), str(owned))
    yield "folder/owned", str(owned)


def _plant(path: Path, text: str, stack: contextlib.ExitStack) -> None:
    made = [parent for parent in (path, *path.parents) if not parent.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    for one in reversed(made or [path]):
        stack.callback(one.rmdir if one != path else one.unlink)


def _run(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def _end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
