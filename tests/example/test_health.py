"""When the example says that it is not well, and how it ends."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.example.support import ADMIN, Database, Postgres, Web, environment, make_authority, wait_until
from tests.support.session import HostFolders


@pytest.fixture
def running(web: Web, ready_database: Database) -> Web:
    web.start(environment(ready_database, role="app"))
    assert web.call("GET", "/health").status == 200
    return web


def code(web: Web, check: str) -> str:
    """The code of a check that fails, while health says so."""
    answer = web.call("GET", "/health")
    assert answer.status == 503
    assert answer.json["status"] == "failing"
    return str(answer.json["checks"][check]["code"])


def test_without_its_database_it_is_alive_but_not_well_and_recovers_by_itself(
    running: Web, postgres: Postgres
) -> None:
    postgres.stop()
    try:
        assert code(running, "database")
        assert running.call("GET", "/version").status == 200
        assert running.call("GET", "/registrations", headers=ADMIN).status == 503
    finally:
        postgres.start()
    wait_until(lambda: running.call("GET", "/health").status == 200, seconds=5)


def test_a_database_that_does_not_answer_is_not_waited_for(running: Web, ready_database: Database) -> None:
    argv = ready_database.server.psql_argv(ready_database.name)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin
        assert holder.stdout
        holder.stdin.write("begin; lock registrations.schema_version; select 'held';\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "held\n"
        assert code(running, "database") == "TIMEOUT"
        holder.stdin.close()


def test_a_folder_that_cannot_be_written_is_not_well(running: Web) -> None:
    running.uploads.chmod(0o500)
    try:
        assert code(running, "disk") == "EACCES"
    finally:
        running.uploads.chmod(0o700)


def test_a_folder_that_is_gone_is_not_well(running: Web) -> None:
    shutil.rmtree(running.uploads)
    assert code(running, "disk") == "ENOENT"
    answer = running.call("GET", "/health")
    assert str(running.uploads) not in answer.text
    running.uploads.mkdir()


def test_a_health_check_leaves_no_file(running: Web) -> None:
    assert list(running.uploads.iterdir()) == []


def test_a_server_with_the_certificate_of_another_authority_is_refused(
    web: Web, ready_database: Database, example_host: HostFolders
) -> None:
    other, _, _ = make_authority(example_host.root, "other")
    web.start(environment(ready_database, role="app", DATABASE_CA_FILE=str(other)))
    assert "CERT" in code(web, "database") or "SIGNATURE" in code(web, "database")


def test_a_server_under_another_name_than_its_certificate_is_refused(
    web: Web, ready_database: Database
) -> None:
    web.start(environment(ready_database, role="app", DATABASE_HOST="localhost"))
    assert code(web, "database") == "ERR_TLS_CERT_ALTNAME_INVALID"


def test_what_a_killed_process_left_half_written_is_removed_at_the_start(
    web: Web, ready_database: Database
) -> None:
    (web.uploads / ".half.txt").write_text("personal data")
    web.start(environment(ready_database, role="app"))
    assert list(web.uploads.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_clean_when_asked(running: Web, number: signal.Signals) -> None:
    running.signal(number)
    assert running.wait() == 0


def test_it_finishes_the_request_under_way_before_it_stops(running: Web) -> None:
    body = json.dumps({"name": "Under Way", "phone": "+22901234567", "household_size": 1}).encode()
    head = (
        "POST /registrations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: {ADMIN['Authorization']}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as client:
        client.sendall(head.encode() + body[:10])
        # The login is checked before the rest of the body comes; wait for the first answer of others.
        assert running.call("GET", "/version").status == 200
        running.signal()
        wait_until(lambda: refused(running))
        client.sendall(body[10:])
        assert client.recv(100).startswith(b"HTTP/1.1 201")
    assert running.wait() == 0
    assert running.log.endswith("stopped\n")


def refused(web: Web) -> bool:
    try:
        socket.create_connection(("127.0.0.1", web.port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_port_in_use_ends_it_with_the_reason(
    running: Web, ready_database: Database, tmp_path: Path
) -> None:
    second = Web(
        app=running.app,
        port=running.port,
        uploads=running.uploads,
        log_file=tmp_path / "log",
        uid=running.uid,
    )
    try:
        second.start(environment(ready_database, role="app"))
        assert second.wait() == 1
        assert "EADDRINUSE" in second.log
    finally:
        second.close()


def test_settings_that_lack_are_all_named_and_no_value_is_shown(web: Web, ready_database: Database) -> None:
    env = environment(ready_database, role="app")
    del env["SESSION_SECRET"], env["NAMESPACE_UUID"]
    web.start(env)
    assert web.wait() == 78
    assert web.log.strip().endswith("not set: SESSION_SECRET, NAMESPACE_UUID")
