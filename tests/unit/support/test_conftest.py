"""A run fails over a leftover and over a skip without a good reason. Each test runs pytest as a child."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[3]


def _run(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run one test file under the project's own settings, as a run of its own."""
    inner = folder / "tests"
    inner.mkdir()
    for name in ("conftest.py", "support"):
        (inner / name).symlink_to(_ROOT / "tests" / name)
    (folder / "pyproject.toml").symlink_to(_ROOT / "pyproject.toml")
    (inner / "test_it.py").write_text(text)
    own = ("PYTEST_", "TENANTRY_TEST_")
    env = {key: value for key, value in os.environ.items() if not key.startswith(own)}
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, "tests"]
    return subprocess.run(
        argv,
        cwd=folder,
        env={**env, "PYTHONPATH": str(_ROOT), "TENANTRY_TEST_PATIENCE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_skip_for_an_unlisted_reason_fails_the_run(tmp_path: Path) -> None:
    done = _run(tmp_path, "import pytest\ndef test_a():\n    pytest.skip('no time')\n")
    assert (done.returncode, "Not one of the reasons" in done.stdout) == (1, True), done.stdout


def test_a_skipped_file_fails_the_run(tmp_path: Path) -> None:
    done = _run(tmp_path, "import pytest\npytest.skip('later', allow_module_level=True)\n")
    assert done.returncode != 0, done.stdout


def test_a_skip_for_a_listed_reason_passes_and_is_named_at_the_end(tmp_path: Path) -> None:
    text = "import pytest\ndef test_a():\n    pytest.skip('needs root: makes users')\n"
    done = _run(tmp_path, text)
    assert (done.returncode, "1 x needs root: makes users" in done.stdout) == (0, True), done.stdout


def test_a_process_that_outlives_the_run_is_named_and_fails_it(tmp_path: Path) -> None:
    text = (
        "import subprocess\n"
        "def test_a(tmp_path):\n"
        "    subprocess.run(['sh', '-c', 'sleep 61 >/dev/null 2>&1 &'], cwd=tmp_path)\n"
    )
    done = _run(tmp_path, text, "-n", "2")
    assert (done.returncode, "sleep 61" in done.stdout) == (1, True), done.stdout


def test_a_test_that_leaves_a_process_on_its_host_fails_by_name(tmp_path: Path) -> None:
    text = (
        "import subprocess\n"
        "def test_a(host_folders):\n"
        "    subprocess.run(['sh', '-c', 'sleep 62 >/dev/null 2>&1 &'], cwd=host_folders.root)\n"
    )
    done = _run(tmp_path, text)
    assert "ERROR tests/test_it.py::test_a" in done.stdout, done.stdout
