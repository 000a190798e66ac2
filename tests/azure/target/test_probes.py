from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tenantry.targets.azure.probes import status_of
from tests.support.https import Server, https_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with https_server(tmp_path) as running:
        yield running


@pytest.mark.parametrize("status", [200, 404, 503])
def test_a_site_that_answers_is_told_by_its_status(server: Server, status: int) -> None:
    server.answer(status, "text/plain", "")
    assert status_of(f"{server.url}/health", timeout_seconds=5, ca_file=server.ca_file) == status


def test_one_of_a_cloud_of_its_own_is_not_asked_through_the_environments_proxy(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert status_of(f"{server.url}/health", timeout_seconds=5, ca_file=server.ca_file) == 200


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy"])
def test_one_of_the_internet_is_asked_through_the_environments_proxy(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for one in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(one, raising=False)
        monkeypatch.delenv(one.lower(), raising=False)
    with socket.create_server(("127.0.0.1", 0)) as proxy, ThreadPoolExecutor(1) as pool:
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        asked = pool.submit(status_of, "https://site.invalid/", timeout_seconds=5, ca_file=None)
        proxy.settimeout(5)
        caller, _ = proxy.accept()
        with caller:
            assert caller.recv(100).startswith(b"CONNECT site.invalid:443 ")
        assert isinstance(asked.result(), str)


def test_one_that_nothing_vouches_for_is_told_with_the_reason(server: Server) -> None:
    told = status_of(f"{server.url}/health", timeout_seconds=5, ca_file=None)
    assert isinstance(told, str)
    assert "certificate verify failed" in told
