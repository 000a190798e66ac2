"""A journey that was killed anywhere is finished by running it again, and nobody can tell afterwards.

The points are those that an unbroken run passes: its effects, the writes of the
real register and those of the real vault. A new step is covered without anyone
remembering it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.sweep import STORIES
from tests.support.session import Session

_CHECKOUT = Path(__file__).parents[2]
_LEAST = {"deploy": 50, "erase": 50}  # points; fewer means that the points are no longer passed


@pytest.fixture
def folder(test_session: Session) -> Iterator[Path]:
    """A folder in memory: thousands of writes are made durable in it."""
    made = Path(tempfile.mkdtemp(dir=test_session.fast_folder))
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("story", STORIES)
def test_after_a_kill_at_any_point_the_next_run_ends_as_an_unbroken_one(story: str, folder: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.journeys.sweep", story, str(folder)],
        cwd=_CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert answer["faults"] == [], ran.stderr
    assert len(answer["points"]) >= _LEAST.get(story, 10)
