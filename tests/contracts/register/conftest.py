"""Each contract test of the register runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from tenantry.adapters.register import SqlRegister, open_register
from tenantry.ports import Instance
from tests.contracts.register.support import (
    PORT_BASE,
    UID_BASE,
    Database,
    TickingClock,
    arguments,
    scratch_cluster,
)
from tests.support.session import Session

Open = Callable[..., SqlRegister]
Fresh = Callable[..., Database]

_numbers = itertools.count(1)


def _open(url: str, **options: Any) -> SqlRegister:
    defaults = {"host": "one", "clock": TickingClock(), "uid_base": UID_BASE, "port_base": PORT_BASE}
    return open_register(url, **{**defaults, **options})


@pytest.fixture(scope="session")
def cluster(test_session: Session) -> Iterator[str]:
    """A PostgreSQL server for all tests of this worker."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with scratch_cluster(test_session.fast_folder / f"pg-{worker}") as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A register's file with the schema and nothing in it."""
    folder = tmp_path_factory.mktemp("template")
    folder.chmod(0o700)
    _open(f"sqlite:///{folder}/register.db").close()
    return folder / "register.db"


@pytest.fixture(scope="session")
def postgresql_template(cluster: str) -> str:
    """The name of a database with the schema and nothing in it."""
    _statement(cluster, "CREATE DATABASE template_register")
    _open(cluster.format("template_register")).close()
    return "template_register"


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which database the test is about."""
    return str(request.param)


@pytest.fixture
def fresh(kind: str, test_session: Session, request: pytest.FixtureRequest) -> Iterator[Fresh]:
    """Make a database: empty, or (``schema=True``) a register with nothing in it."""
    made: list[str] = []
    tmp_path = Path(tempfile.mkdtemp(dir=test_session.fast_folder))  # no disk to wait for

    def make(*, schema: bool = False) -> Database:
        name = f"register{next(_numbers)}"
        if kind == "sqlite":
            folder = tmp_path / name
            folder.mkdir(mode=0o700)
            if schema:
                shutil.copy(request.getfixturevalue("sqlite_template"), folder / "register.db")
                (folder / "register.db").chmod(0o600)
            return Database(kind=kind, url=f"sqlite:///{folder}/register.db", folder=folder)
        template = request.getfixturevalue("postgresql_template") if schema else "template0"
        cluster = request.getfixturevalue("cluster")
        _statement(cluster, f"CREATE DATABASE {name} TEMPLATE {template}")
        made.append(name)
        return Database(kind=kind, url=cluster.format(name), folder=tmp_path)

    yield make
    for name in made:
        _statement(request.getfixturevalue("cluster"), f"DROP DATABASE {name} WITH (FORCE)")
    shutil.rmtree(tmp_path)


@pytest.fixture
def database(fresh: Fresh) -> Database:
    """A register's database with nothing in it."""
    return fresh(schema=True)


@pytest.fixture
def open_it() -> Iterator[Open]:
    """Open registers by URL; they are closed after the test."""
    with contextlib.ExitStack() as stack:

        def opened(url: str, **options: Any) -> SqlRegister:
            register = _open(url, **options)
            stack.callback(register.close)
            return register

        yield opened


@pytest.fixture
def register(database: Database, open_it: Open) -> SqlRegister:
    """An open register with nothing in it."""
    return open_it(database.url)


@pytest.fixture
def benin(register: SqlRegister) -> Instance:
    """An instance in the register."""
    return register.add(**arguments("benin"))


def _statement(cluster: str, statement: str) -> None:
    engine = sqlalchemy.create_engine(
        cluster.format("postgres"), poolclass=sqlalchemy.NullPool, isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
