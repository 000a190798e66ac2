"""Set-up on a machine that is made up: an empty PATH, an empty cache."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tools.setup.report import Report


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of a machine on which nothing but the shell is found."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def said() -> io.StringIO:
    """What set-up says."""
    return io.StringIO()


@pytest.fixture
def report(said: io.StringIO) -> Report:
    return Report(said)
