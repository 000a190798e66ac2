"""A flexible server's cluster and the front that stands before it, with real PostgreSQL."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection

from tenantry.providers.host.role import scram_verifier
from tenantry.sandbox.ca import Authority
from tenantry.sandbox.parts.cluster import Cluster
from tenantry.sandbox.parts.forwarder import Forwarder, Verdict
from tenantry.sandbox.parts.listener import Background, Peer
from tenantry.sandbox.parts.programs import find_postgres
from tests.support.session import HostFolders

_PASSWORD = "Correct-Horse-7"
_NAME = "localhost"


@dataclass
class _Front:
    cluster: Cluster
    forwarder: Forwarder
    port: int
    ca_file: Path
    verdict: Verdict = Verdict.OPEN
    peers: list[Peer] = field(default_factory=list)

    def connect(self, *, password: str = _PASSWORD, database: str = "postgres", **more: Any) -> Connection:
        context = ssl.create_default_context(cafile=str(self.ca_file))
        arguments = {"ssl_context": context, **more}
        return Connection(
            "owner", host=_NAME, port=self.port, database=database, password=password, timeout=10, **arguments
        )


@pytest.fixture
def front(host_folders: HostFolders) -> Iterator[_Front]:
    folder = host_folders.root / "sandbox"
    folder.mkdir(parents=True)
    authority = Authority(folder / "ca")
    certificate, key = folder / "tls.crt", folder / "tls.key"
    for path, data in zip((certificate, key), authority.issue([_NAME]), strict=True):
        path.write_bytes(data)
    cluster = Cluster(folder / "one", programs=find_postgres())
    background = Background()
    found: list[_Front] = []

    def admits(peer: Peer) -> Verdict:
        found[0].peers.append(peer)
        return found[0].verdict

    forwarder = Forwarder(
        background,
        cluster,
        address="127.0.0.1",
        port=host_folders.port_base,
        certificate=certificate,
        key=key,
        admits=admits,
    )
    found.append(_Front(cluster, forwarder, host_folders.port_base, authority.ca_file))
    try:
        cluster.make(login="owner", verifier=scram_verifier(_PASSWORD))
        forwarder.start()
        yield found[0]
    finally:
        forwarder.stop()
        background.close()
        cluster.erase()


def test_the_administrator_comes_over_verified_tls_and_keeps_rows_over_a_restart(front: _Front) -> None:
    with front.connect() as opened:
        opened.run("create table kept (value text)")
        opened.run("insert into kept values ('a row')")
        assert opened.run("select rolsuper from pg_roles where rolname = 'owner'") == [[False]]
    front.cluster.stop()
    assert front.cluster._pid() is None
    with pytest.raises((InterfaceError, OSError)):
        front.connect()
    again = Cluster(front.cluster.folder, programs=find_postgres())  # as a new process of the sandbox
    again.start()
    assert front.cluster.running
    with front.connect() as opened:
        assert opened.run("select value from kept") == [["a row"]]
    again.stop()


def test_psql_comes_in_with_the_name_verified(front: _Front) -> None:
    where = f"host={_NAME} port={front.port} user=owner dbname=postgres sslmode=verify-full"
    done = subprocess.run(
        ["psql", "-At", "-c", "select 6*7", f"{where} sslrootcert={front.ca_file}"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PGPASSWORD": _PASSWORD},
    )
    assert done.stdout.strip() == "42"


def test_who_is_refused_is_told_in_the_words_of_a_flexible_server(front: _Front) -> None:
    with pytest.raises(DatabaseError, match="28P01"):
        front.connect(password="Wrong-Horse-7")
    with pytest.raises(DatabaseError, match="no encryption"):
        front.connect(ssl_context=False)
    front.verdict = Verdict.REFUSED
    with pytest.raises(
        DatabaseError, match=r'no pg_hba.conf entry for host \\?"127.0.0.1\\?".*SSL encryption'
    ):
        front.connect()
    front.verdict = Verdict.SILENT
    with pytest.raises((InterfaceError, OSError)):
        front.connect()
    assert {peer.uid for peer in front.peers} == {os.geteuid()}


def test_a_backup_is_a_whole_cluster_and_erasing_leaves_nothing(front: _Front) -> None:
    front.cluster.create_database("app", owner="owner")
    front.cluster.back_up("first")
    backup = front.cluster.folder / "backups" / "first"
    assert (backup / "global" / "pg_control").exists()
    assert {"app", "postgres", "azure_sys", "azure_maintenance"} == set(front.cluster.databases())
    front.cluster.drop_database("app")
    assert "app" not in front.cluster.databases()
    front.forwarder.stop()
    front.cluster.erase()
    assert not front.cluster.folder.exists()


def test_a_killed_server_starts_again(front: _Front) -> None:
    pid = int((front.cluster.data / "postmaster.pid").read_text().split()[0])
    os.killpg(pid, 9)
    front.cluster.stop()
    front.cluster.start()
    with front.connect() as opened:
        assert opened.run("select 1") == [[1]]
