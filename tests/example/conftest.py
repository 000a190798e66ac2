"""A scratch PostgreSQL, and the example's web process as a user of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.example.support import EXAMPLE, Database, Postgres, Web, environment, make_authority, run_task
from tests.support.session import HostFolders, Session


@pytest.fixture(scope="session")
def example_host(test_session: Session) -> Iterator[HostFolders]:
    """A host for all of the example's tests: what they share takes seconds to start."""
    with test_session.host() as host:
        yield host
        for folder in (host.root, host.runtime):
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def app(example_host: HostFolders) -> Path:
    """The application's files where the instance's user can read them, as a package is."""
    copy = example_host.root / "app"
    shutil.copytree(EXAMPLE / "app", copy)
    if not (copy / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=copy, check=True, capture_output=True)
    return copy


@pytest.fixture(scope="session")
def postgres(example_host: HostFolders) -> Iterator[Postgres]:
    """A server of the example's tests."""
    host = example_host
    authority, certificate, key = make_authority(host.root, "own")
    authority.chmod(0o644)
    server = Postgres(
        folder=host.root / "pg",
        sockets=host.runtime / "s",
        port=host.port_base,
        authority=authority,
        certificate=certificate,
        key=key,
    )
    try:
        server.initialise()
        yield server
    finally:
        if (server.folder / "postmaster.pid").exists():
            server.stop()


@pytest.fixture(scope="session")
def ready_database(app: Path, postgres: Postgres) -> Database:
    """A database that is migrated and has its administrator."""
    database = postgres.new_database()
    for program in ("migrate.js", "bootstrap.js"):
        done = run_task(app, program, environment(database, role="task"))
        assert done.code == 0, done.output
    return database


def new_web(host: HostFolders, app: Path, name: str, *, number: int) -> Web:
    """A web process with a folder, a port and a user of its own; not started."""
    uploads = host.root / f"uploads-{name}"
    uploads.mkdir(mode=0o700)
    uid = host.uid_base + number
    if os.geteuid() == 0:
        os.chown(uploads, uid, uid)
    log_file = host.root / f"{name}.log"
    return Web(app=app, port=host.port_base + number, uploads=uploads, log_file=log_file, uid=uid)


@pytest.fixture(scope="module")
def shared_web(example_host: HostFolders, app: Path, ready_database: Database) -> Iterator[Web]:
    """One running application for all tests of the file that leave it as it is."""
    web = new_web(example_host, app, "shared", number=1)
    try:
        web.start(environment(ready_database, role="app"))
        yield web
    finally:
        web.close()


@pytest.fixture
def web(example_host: HostFolders, app: Path, request: pytest.FixtureRequest) -> Iterator[Web]:
    """An application of the test's own, not yet started."""
    taken = len(list(example_host.root.glob("uploads-*")))
    made = new_web(example_host, app, f"own{taken}", number=10 + taken)
    try:
        yield made
    finally:
        made.close()
