from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tenantry.providers.host import cluster_files

TLS = {"certificateFile": "/run/x/crt", "keyFile": "/run/x/key", "caFile": "/run/x/ca"}


def files(**changes: Any) -> dict[Path, str]:
    inputs = {
        "opaque": "tnabc",
        "port": 20001.0,
        "socketFolder": "/run/x",
        "listen": "127.0.0.1",
        "settings": {},
        "tls": TLS,
        **changes,
    }
    return cluster_files.files(inputs, administrator="root", owner="tnabc")


def lines(name: str, **changes: Any) -> list[str]:
    return [line for line in files(**changes)[Path(name)].splitlines() if not line.startswith("#")]


def test_nobody_comes_over_tcp_without_tls() -> None:
    hosts = [line for line in lines("pg_hba.conf") if line.startswith("host ")]
    assert all(line.endswith("reject") for line in hosts)


def test_without_certificates_nobody_comes_over_tcp_at_all() -> None:
    assert not any(line.startswith("hostssl") for line in lines("pg_hba.conf", tls=None, listen=""))


def test_no_line_trusts_anybody() -> None:
    methods = {line.split()[-1] for line in lines("pg_hba.conf")}
    assert methods <= {"scram-sha-256", "reject", "map=administrator", "map=backup"}


def test_the_instance_user_is_no_administrator() -> None:
    assert lines("pg_ident.conf") == ["administrator root postgres", "backup tnabc tenantry_backup"]


def test_a_setting_cannot_override_what_is_fixed() -> None:
    text = files(settings={"log_statement": "all", "port": 1})[cluster_files.MANAGED_FILE]
    assert "log_statement = 'none'" in text
    assert "port = 20001" in text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "on"),
        (False, "off"),
        (20.0, "20"),
        (3_000_000.0, "3000000"),
        (0.25, "0.25"),
        ("16MB", "'16MB'"),
        ("it's", "'it''s'"),
        ("a\\b", "'a\\\\b'"),
    ],
)
def test_a_value_is_written_as_postgresql_reads_it(value: object, written: str) -> None:
    assert f"work_mem = {written}\n" in files(settings={"work_mem": value})[cluster_files.MANAGED_FILE]


def test_errors_of_statements_stay_out_of_the_log() -> None:
    text = files()[cluster_files.MANAGED_FILE]
    assert "log_min_messages = 'log'" in text
    assert "log_min_error_statement = 'panic'" in text
