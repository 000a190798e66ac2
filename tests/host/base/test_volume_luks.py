"""The tests of volumes again, under a kernel that has device-mapper: LUKS is what is chosen there."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import other_kernel
from tests.support.session import Session

pytestmark = pytest.mark.skipif(
    not other_kernel.available(), reason="the kernel lacks device-mapper, and there is no user-mode Linux"
)
_VOLUMES = "tests/host/base/test_volume.py"
_KILLS = "test_it_survives_a_kill_at_each_point"
_SECONDS = 400  # on a busy machine; 50 on an idle one


@pytest.fixture
def folder(test_session: Session) -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix=f"{test_session.name}-", dir="/var/tmp"))
    yield made
    shutil.rmtree(made)


def _passed(output: str) -> int:
    found = re.search(r"(\d+) passed", output)
    return int(found[1]) if found else 0


@pytest.mark.timeout(_SECONDS + 20)
def test_a_luks_volume_does_all_that_a_volume_must(folder: Path) -> None:
    ran = other_kernel.run_tests(_VOLUMES, "-k", f"not {_KILLS}", folder=folder, seconds=_SECONDS)
    assert (ran.code, _passed(ran.output) > 12) == (0, True), ran.output


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_luks_volume_survives_a_kill_at_each_point(folder: Path) -> None:
    ran = other_kernel.run_tests(_VOLUMES, "-k", f"{_KILLS} and auto", folder=folder, seconds=3500)
    assert (ran.code, _passed(ran.output)) == (0, 1), ran.output
