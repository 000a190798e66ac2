from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tenantry.providers.host import limits as limits_module
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.limits import Limits, available, cgroups_of
from tenantry.providers.host.process import Supervised

Drift = Callable[..., Any]

pytestmark = pytest.mark.skipif(not available(), reason="the machine grants no control groups")


@pytest.fixture
def inputs(opaque: str) -> dict[str, Any]:
    return {"opaque": opaque, "memoryMib": 64, "cpuPercent": 150, "pids": 40}


@pytest.fixture
def limits(executor: Executor, layout: HostLayout, inputs: dict[str, Any]) -> Iterator[Limits]:
    limits = Limits(executor, layout)
    yield limits
    limits.delete(inputs["opaque"], inputs)


def test_all_that_the_kernel_offers_is_in_force(limits: Limits, inputs: dict[str, Any]) -> None:
    _, outputs = limits.create(inputs)
    names = {"memory": "memoryMib", "cpu": "cpuPercent", "pids": "pids"}
    assert outputs["enforced"] == sorted(names[name] for name in available())


def test_a_fresh_look_finds_no_drift(limits: Limits, inputs: dict[str, Any], drift: Drift) -> None:
    limits.create(inputs)
    assert drift(limits, inputs["opaque"], inputs) == set()


def test_a_limit_that_was_lifted_by_hand_is_drift_and_put_right(
    limits: Limits, inputs: dict[str, Any], layout: HostLayout, drift: Drift
) -> None:
    limits.create(inputs)
    for group in cgroups_of(layout, inputs["opaque"]):
        if (group / "pids.max").exists():
            (group / "pids.max").write_text("max")
    assert drift(limits, inputs["opaque"], inputs) == {"pids"}
    limits.update(inputs["opaque"], inputs, inputs)
    assert drift(limits, inputs["opaque"], inputs) == set()


def test_groups_that_were_removed_by_hand_are_drift(
    limits: Limits, inputs: dict[str, Any], layout: HostLayout, drift: Drift
) -> None:
    limits.create(inputs)
    for group in cgroups_of(layout, inputs["opaque"]):
        group.rmdir()
    assert drift(limits, inputs["opaque"], inputs) is None


def test_a_supervised_process_joins(
    limits: Limits, inputs: dict[str, Any], supervised: Supervised, layout: HostLayout, uid: int
) -> None:
    limits.create(inputs)
    opaque = inputs["opaque"]
    supervised.ensure(f"{opaque}-x", argv=["/bin/sleep", "99"], env={}, uid=uid, cwd=Path("/"), opaque=opaque)
    _, pid = supervised.status(f"{opaque}-x")
    for group in cgroups_of(layout, opaque):
        assert str(pid) in (group / "cgroup.procs").read_text().split()


def test_a_process_cannot_take_more_memory(
    limits: Limits, inputs: dict[str, Any], layout: HostLayout
) -> None:
    limits.create(inputs)
    joins = "".join(f"echo $$ >{group}/cgroup.procs;" for group in cgroups_of(layout, inputs["opaque"]))
    script = joins + "exec head -c 200000000 /dev/zero | tail"
    child = subprocess.run(["sh", "-c", script], capture_output=True, check=False, timeout=60)
    assert child.returncode != 0


def test_delete_kills_what_still_runs_in_it(
    limits: Limits, inputs: dict[str, Any], layout: HostLayout
) -> None:
    limits.create(inputs)
    joins = "".join(f"echo $$ >{group}/cgroup.procs;" for group in cgroups_of(layout, inputs["opaque"]))
    child = subprocess.Popen(["sh", "-c", joins + "echo; exec sleep 1000"], stdout=subprocess.PIPE)
    assert child.stdout
    child.stdout.readline()
    limits.delete(inputs["opaque"], inputs)
    assert child.wait(timeout=10) == -9
    child.stdout.close()


def test_delete_leaves_no_group(limits: Limits, inputs: dict[str, Any], layout: HostLayout) -> None:
    limits.create(inputs)
    limits.delete(inputs["opaque"], inputs)
    assert not [
        group for group in cgroups_of(layout, inputs["opaque"]) if group.exists() or group.parent.exists()
    ]


def test_where_nothing_is_offered_it_says_so(
    limits: Limits, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, drift: Drift
) -> None:
    monkeypatch.setattr(limits_module, "_ROOT", tmp_path)
    _, outputs = limits.create(inputs)
    assert outputs == {"enforced": [], "reason": "the kernel offers no control group for it"}
    assert drift(limits, inputs["opaque"], inputs) == set()


def test_it_survives_a_kill_at_each_point(
    limits: Limits, inputs: dict[str, Any], survives: Callable[..., None]
) -> None:
    survives(limits, inputs)
