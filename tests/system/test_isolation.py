"""Two instances side by side: what one of them tries against the other, as its own Unix user."""

from __future__ import annotations

import os
import pwd
import signal
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tenantry.providers.host import limits
from tenantry.providers.host.layout import HostLayout
from tests.support.installation import Installation
from tests.support.people import (
    SYSTEM_PYTHON,
    Browser,
    as_user,
    processes_of,
    psql,
    script_as_user,
    secrets_of,
    wait_until,
    web_processes,
)

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a Unix user per instance"),
]

_CONNECTIONS, _MEMORY_MIB = 10, 512  # of burundi
_ROLES = {
    "app_1": "database.app.password",
    "deploy_1": "database.deploy.password",
    "support_1": "database.support.password",
}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Benin, who tries, and burundi, who must not notice."""

    installed: Installation
    shown: Mapping[str, dict[str, Any]]  # what ``instance show`` told
    benin: int
    burundi: int

    @property
    def layout(self) -> HostLayout:
        return HostLayout(self.installed.host.root / "host", self.installed.host.runtime / "r")

    def opaque(self, name: str) -> str:
        return str(self.shown[name]["database"]["name"])

    def port(self, name: str, which: str) -> int:
        base = int(self.shown[name]["database"]["port"])
        return base if which == "database" else base + 1

    def secret(self, name: str, secret: str) -> str:
        return secrets_of(self.installed, self.opaque(name))[secret]

    def psql(
        self, name: str, user: str, password: str, *, ca_file: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return psql(self.shown[name]["database"], user=user, password=password, ca_file=ca_file)


@pytest.fixture(scope="module")
def pair(shared: Installation) -> Pair:
    shared.write_spec(
        "burundi",
        country="BI",
        extra=f"limits: {{connections: {_CONNECTIONS}, memory_mib: {_MEMORY_MIB}}}\n",
    )
    shared.deploy("benin", "burundi").ok()
    shown = {name: shared.show(name) for name in ("benin", "burundi")}
    uids = {name: pwd.getpwnam(one["database"]["name"]).pw_uid for name, one in shown.items()}
    return Pair(installed=shared, shown=shown, **uids)


_TOUCH = """
import json, os, socket, sys

def connect(path):
    with socket.socket(socket.AF_UNIX) as tried:
        tried.connect(path)

def make(path):
    os.mkdir(path + "/.stray")
    os.rmdir(path + "/.stray")

tries = {
    "read": lambda path: os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK)),
    "write": lambda path: os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)),
    "list": os.listdir,
    "make": make,
    "connect": connect,
    "chmod": lambda path: os.chmod(path, os.stat(path).st_mode & 0o7777),
}
done = []
for path in json.load(sys.stdin):
    for name, act in tries.items():
        try:
            act(path)
        except OSError:
            continue
        done.append([name, path])
json.dump(done, sys.stdout)
"""


def _everything(*tops: Path) -> Iterator[str]:
    """Yield every file, folder, socket and pipe, as root sees them."""
    for top in tops:
        for folder, _, files in os.walk(top):
            yield folder
            yield from (f"{folder}/{name}" for name in files)


def _foreign(pair: Pair) -> list[str]:
    """Everything of the host and of the workspace that is not benin's own."""
    opaque = pair.opaque("benin")
    own = (
        pair.layout.home(opaque),
        pair.layout.private(opaque),
        pair.layout.database_backups(opaque).parent,
    )
    memory = [
        str(path) for path in Path("/dev/shm").glob("PostgreSQL*") if path.stat().st_uid == pair.burundi
    ]
    found = [*_everything(pair.installed.host.root, pair.installed.host.runtime), *memory]
    return [path for path in found if not any(Path(path).is_relative_to(mine) for mine in own)]


def test_its_user_opens_nothing_on_the_host_but_its_own_and_the_shared_package(pair: Pair) -> None:
    foreign = _foreign(pair)
    other = pair.opaque("burundi")
    for kind in ("pg/g1/PG_VERSION", "secrets", "pgbackrest.conf", "vault", "register.db", "admin/socket",
                 "master.key", ".s.PGSQL", "env.json", "engine", f"{other}.img", "backup.info"):  # fmt: skip
        assert any(kind in path for path in foreign), f"the look is blind: {kind}"
    opened = script_as_user(pair.benin, _TOUCH, told=foreign)
    packages = str(pair.layout.packages)
    assert {how for how, path in opened if path.startswith(packages)} == {"read", "list"}
    assert [one for one in opened if not one[1].startswith(packages)] == []


def test_its_user_does_open_what_is_its_own(pair: Pair) -> None:
    opaque = pair.opaque("benin")
    sockets = pair.layout.sockets(opaque)
    mine = [str(path) for path in (pair.layout.home(opaque), sockets, next(sockets.glob(".s.PGSQL.*[0-9]")))]
    opened = script_as_user(pair.benin, _TOUCH, told=mine)
    assert {"list", "make", "connect"} <= {how for how, _ in opened}


def test_the_runtime_that_workloads_share_cannot_be_written(pair: Pair) -> None:
    program = str(Path(f"/proc/{web_processes(pair.benin)[0]}/exe").readlink())
    opened = script_as_user(pair.benin, _TOUCH, told=[program, *_everything(Path(program).parents[1])])
    assert {how for how, _ in opened} <= {"read", "list"}


_PEEK = """
import ctypes, json, os, sys

libc = ctypes.CDLL(None, use_errno=True)

def attach(pid):
    if libc.ptrace(16, pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), "no")

def slurp(name):
    def act(pid):
        with open(f"/proc/{pid}/{name}", "rb") as file:
            file.read(1)
    return act

tries = {name: slurp(name) for name in ("environ", "mem", "maps", "auxv", "io")}
tries |= {name: (lambda name: lambda pid: os.readlink(f"/proc/{pid}/{name}"))(name) for name in ("cwd", "exe", "root")}
tries |= {"fd": lambda pid: os.listdir(f"/proc/{pid}/fd"), "signal": lambda pid: os.kill(pid, 0), "trace": attach}
tries |= {"priority": lambda pid: os.setpriority(os.PRIO_PROCESS, pid, 5)}
done = []
for pid in json.load(sys.stdin):
    for name, act in tries.items():
        try:
            act(pid)
        except OSError:
            continue
        done.append([name, pid])
json.dump(done, sys.stdout)
"""  # noqa: E501


def _of_the_host(pair: Pair) -> list[int]:
    """The supervisor, the proxy, loggers: all that works on the host's folders, but nobody's instance."""
    tops = (str(pair.installed.host.root), str(pair.installed.host.runtime))
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                text = (entry / "cmdline").read_text() + str((entry / "cwd").readlink())
                uid = entry.stat().st_uid
            except OSError:
                continue
            if any(top in text for top in tops) and uid not in (pair.benin, pair.burundi):
                found.append(int(entry.name))
    return found


def test_its_user_looks_into_no_process_of_others_and_signals_none(pair: Pair) -> None:
    theirs = [*processes_of(pair.burundi), *_of_the_host(pair), os.getpid()]
    assert len(theirs) > 10
    assert script_as_user(pair.benin, _PEEK, told=theirs) == []


def test_killing_as_its_user_ends_no_process_of_the_other(pair: Pair) -> None:
    before = web_processes(pair.burundi)
    for pid in processes_of(pair.burundi):
        as_user(pair.benin, "/bin/kill", "-KILL", str(pid))
    assert web_processes(pair.burundi) == before


_CONNECT = """
import json, socket, sys

answers = []
for address, port in json.load(sys.stdin):
    try:
        socket.create_connection((address, port), timeout=5).close()
        answers.append("connected")
    except ConnectionRefusedError:
        answers.append("refused")
    except OSError as error:
        answers.append(type(error).__name__)
json.dump(answers, sys.stdout)
"""


@pytest.mark.parametrize("which", ["database", "web"])
def test_its_user_is_refused_at_the_others_port(pair: Pair, which: str) -> None:
    addresses = ["127.0.0.1", "::1", "localhost"]
    told = [[address, pair.port("burundi", which)] for address in addresses]
    assert script_as_user(pair.benin, _CONNECT, told=told) == ["refused"] * 3


@pytest.mark.parametrize("which", ["database", "web"])
def test_its_user_is_let_in_at_its_own_port(pair: Pair, which: str) -> None:
    told = [["127.0.0.1", pair.port("benin", which)]]
    assert script_as_user(pair.benin, _CONNECT, told=told) == ["connected"]


def test_root_of_a_user_namespace_is_refused_as_well(pair: Pair) -> None:
    command = f"exec 3<>/dev/tcp/127.0.0.1/{pair.port('burundi', 'database')} && echo connected"
    ran = as_user(pair.benin, "unshare", "--user", "--map-root-user", "/bin/bash", "-c", command)
    assert "connected" not in ran.stdout


@pytest.mark.parametrize("stranger", [65534, 64999], ids=["nobody", "a user of no instance"])
def test_a_user_of_the_machine_reaches_neither_instance(pair: Pair, stranger: int) -> None:
    told = [["127.0.0.1", pair.port(name, which)] for name in ("benin", "burundi") for which in ("database", "web")]  # noqa: E501  # fmt: skip
    assert script_as_user(stranger, _CONNECT, told=told) == ["refused"] * 4


_SQUAT = """
import json, socket, sys

with socket.create_server(("127.0.0.1", json.load(sys.stdin))) as server:
    print("listening", flush=True)
    server.settimeout(30)
    try:
        with server.accept()[0] as caught:
            print(caught.recv(1000).decode(), flush=True)
    except TimeoutError:
        pass
"""


def test_its_user_on_the_port_of_a_suspended_neighbour_gets_no_request(pair: Pair) -> None:
    installed, port = pair.installed, pair.port("burundi", "web")
    browser = Browser.at(pair.shown["burundi"])
    installed.run("instance", "suspend", "burundi", "--reason", "test").ok()
    argv = [SYSTEM_PYTHON, "-I", "-c", _SQUAT]
    with subprocess.Popen(
        argv, user=pair.benin, group=pair.benin, extra_groups=[], text=True, cwd="/",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as squatter:  # fmt: skip
        try:
            assert squatter.stdin is not None
            assert squatter.stdout is not None
            squatter.stdin.write(str(port))
            squatter.stdin.close()
            assert squatter.stdout.readline() == "listening\n"
            page = browser.call("POST", "/login", body={"email": "a@example.org", "password": "b"})
        finally:
            squatter.kill()
        assert (page.status, squatter.stdout.read()) == (502, "")
    installed.run("instance", "resume", "burundi", "--reason", "test").ok()


@pytest.mark.parametrize("role", _ROLES)
@pytest.mark.parametrize(("mine", "other"), [("benin", "burundi"), ("burundi", "benin")])
def test_the_credentials_of_one_are_refused_by_the_others_database(
    pair: Pair, mine: str, other: str, role: str
) -> None:
    password = pair.secret(mine, _ROLES[role])
    refused = pair.psql(other, role, password)
    assert refused.returncode == 2
    assert "password authentication failed" in refused.stderr


@pytest.mark.parametrize("role", _ROLES)
def test_the_same_credentials_are_good_for_its_own_database(pair: Pair, role: str) -> None:
    password = pair.secret("benin", _ROLES[role])
    ran = pair.psql("benin", role, password)
    assert (ran.stdout, ran.stderr) == ("1\n", "")


def test_the_database_of_one_is_no_other_to_who_trusts_its_authority(pair: Pair) -> None:
    password = pair.secret("burundi", "database.app.password")
    own = pair.shown["benin"]["database"]["ca_file"]
    ran = pair.psql("burundi", "app_1", password, ca_file=own)
    assert "certificate verify failed" in ran.stderr


def test_the_databases_superuser_does_not_come_in_over_the_network(pair: Pair) -> None:
    ran = pair.psql("benin", "postgres", "")
    assert ran.returncode == 2


def test_the_administrator_of_one_is_a_stranger_to_the_other(pair: Pair) -> None:
    password = pair.secret("benin", "ADMIN_PASSWORD")
    assert Browser.at(pair.shown["benin"]).log_in(password) == 303
    assert Browser.at(pair.shown["burundi"]).log_in(password) == 401


def test_an_unknown_host_name_is_served_nothing(pair: Pair) -> None:
    browser = Browser.at(pair.shown["benin"])
    browser.hostname = "nobody.example.org"
    with pytest.raises(ssl.SSLError):
        browser.call("GET", "/")


# --- limits ---


def test_the_limits_of_the_spec_are_in_the_kernel(pair: Pair) -> None:
    if not limits.available():
        pytest.skip("the machine grants no control groups")
    held = limits.enforced(pair.layout, pair.opaque("burundi"))
    assert (held.get("memoryMib"), held.get("cpuPercent")) == (_MEMORY_MIB, 100)


def test_every_process_of_the_database_and_the_workload_is_under_the_limits(pair: Pair) -> None:
    if not limits.available():
        pytest.skip("the machine grants no control groups")
    opaque = pair.opaque("burundi")
    outside = []
    for pid in processes_of(pair.burundi):
        text = Path(f"/proc/{pid}/cgroup").read_text()
        command = Path(f"/proc/{pid}/cmdline").read_text()
        if opaque not in text and "s6-log" not in command:
            outside.append(command)
    assert outside == []


def test_taking_more_memory_than_the_limit_ends_the_taker_and_nobody_else(pair: Pair) -> None:
    if "memory" not in limits.available():
        pytest.skip("the machine grants no control groups")
    opaque = pair.opaque("burundi")
    before = web_processes(pair.burundi)
    join = "; ".join(f"echo $$ >{path}/cgroup.procs" for path in limits.cgroups_of(pair.layout, opaque))
    # The greediest is what the kernel ends.
    take = f"{SYSTEM_PYTHON} -I -c 'b\"x\" * (1024 * 1024 * {2 * _MEMORY_MIB})'"
    script = f"{join}; exec setpriv --reuid={pair.burundi} --regid={pair.burundi} --clear-groups -- {take}"
    ran = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=False)
    assert ran.returncode == -signal.SIGKILL
    assert web_processes(pair.burundi) == before


def test_the_disk_of_an_instance_ends_at_its_limit(pair: Pair) -> None:
    if pair.shown["burundi"]["encryption"] == "none":
        pytest.skip("the kernel lacks fscrypt: no volume")
    told = os.statvfs(pair.layout.home(pair.opaque("burundi")))
    assert told.f_blocks * told.f_frsize <= 2 * 1024**3


def test_the_application_gets_no_more_connections_than_the_limit(pair: Pair) -> None:
    import pg8000.dbapi

    database = pair.shown["burundi"]["database"]
    told: dict[str, Any] = {
        "host": "localhost",
        "port": database["port"],
        "database": database["name"],
        "user": "app_1",
        "password": pair.secret("burundi", "database.app.password"),
        "ssl_context": ssl.create_default_context(cafile=database["ca_file"]),
    }

    def connect_once_too_often(stack: ExitStack) -> None:
        for _ in range(_CONNECTIONS + 1):
            stack.enter_context(closing(pg8000.dbapi.connect(**told)))

    with ExitStack() as stack, pytest.raises(pg8000.dbapi.Error, match="too many connections"):
        connect_once_too_often(stack)


def test_both_are_still_well_after_all_that_was_tried(pair: Pair) -> None:
    installed = pair.installed
    for name in ("benin", "burundi"):
        wait_until(Browser.at(pair.shown[name]).answers)
    health = installed.run("instance", "health", "benin", "burundi")
    assert health.code == 0, health.out
