"""A session ends its connection, whatever the server does."""

from __future__ import annotations

import gc
import socket
import threading
import warnings
from pathlib import Path

import pytest

from tenantry.errors import UnavailableError
from tenantry.providers.host.postgres import Server, query


def test_no_connection_stays_open_to_a_server_that_goes_away_before_a_word_is_said(tmp_path: Path) -> None:
    server = Server(socket_folder=tmp_path, port=5432)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(server.socket))
        listener.listen()
        hang_up = threading.Thread(target=_hang_up, args=(listener, 50))
        hang_up.start()
        with warnings.catch_warnings(record=True) as left_open:
            warnings.simplefilter("always", ResourceWarning)
            for _ in range(50):
                with pytest.raises(UnavailableError):
                    query(server, "select 1", timeout=5)
            gc.collect()
        hang_up.join()
    assert [str(warning.message) for warning in left_open] == []


def _hang_up(listener: socket.socket, times: int) -> None:
    for _ in range(times):
        listener.accept()[0].close()
