"""The Azure CLI keeps no tokens for us and takes a second to start: it is asked once for each scope."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from tenantry.adapters.azure_credential import Renewable, make_credential, token
from tenantry.errors import UnavailableError
from tenantry.model.spec import CredentialKind

_ID = "12345678-0000-4000-8000-000000000000"
_ARM, _VAULT = "https://management.azure.com/.default", "https://vault.azure.net/.default"
Starts = Callable[[], list[str]]


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Starts:
    """A program in place of ``az`` that answers with the file ``answer``; return what it was asked so far."""
    program, log = tmp_path / "az", tmp_path / "log"
    program.write_text(
        "#!/bin/sh\n"
        f'echo "$*" >> {log}\n'
        f"while [ -e {tmp_path}/hold ]; do sleep 0.05; done\n"
        f'cat {tmp_path}/answer || {{ echo "Please run az login" >&2; exit 1; }}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    _answer(tmp_path, "one", seconds=3600)
    return lambda: log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def credential() -> Any:
    return make_credential(
        CredentialKind.CLI, authority="https://login.example", directory_id=_ID, client_id=""
    )


def _answer(folder: Path, text: str, *, seconds: int) -> None:
    told = {"accessToken": text, "expires_on": int(time.time()) + seconds}
    (folder / "answer").write_text(json.dumps(told))


def test_many_at_once_have_one_token_and_each_scope_has_its_own(az: Starts, credential: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: token(credential, _ARM), range(16))) == {"one"}
    assert len(az()) == 1
    token(credential, _VAULT)
    token(credential, _ARM)
    of_arm, of_vault = az()
    assert "management.azure.com" in of_arm
    assert "vault.azure.net" in of_vault


def test_a_token_that_ends_soon_is_asked_for_anew(az: Starts, credential: Any, tmp_path: Path) -> None:
    _answer(tmp_path, "ends", seconds=290)
    assert token(credential, _ARM) == "ends"
    _answer(tmp_path, "new", seconds=3600)
    assert token(credential, _ARM) == "new"
    assert len(az()) == 2


def test_an_error_is_told_to_all_who_wait_and_kept_for_nobody_else(
    az: Starts, credential: Any, tmp_path: Path
) -> None:
    (tmp_path / "answer").unlink()
    hold = tmp_path / "hold"
    hold.touch()
    about_to_ask = Barrier(5, timeout=60)

    def code() -> str:
        about_to_ask.wait()
        with pytest.raises(UnavailableError) as raised:
            token(credential, _ARM)
        return raised.value.code

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(code) for _ in range(4)]
        about_to_ask.wait()
        time.sleep(0.5)  # so that all wait for the one that is held
        hold.unlink()
        assert {one.result() for one in asked} == {"no-token"}
    assert len(az()) == 1
    _answer(tmp_path, "later", seconds=3600)
    assert token(credential, _ARM) == "later"


def test_a_renewed_one_has_forgotten_its_tokens(az: Starts, tmp_path: Path) -> None:
    made = Renewable(
        lambda: make_credential(
            CredentialKind.CLI, authority="https://login.example", directory_id=_ID, client_id=""
        )
    )
    assert token(made, _ARM) == "one"
    _answer(tmp_path, "two", seconds=3600)
    assert token(made, _ARM) == "one"
    made.renew(made.age)
    assert token(made, _ARM) == "two"
    assert len(az()) == 2
