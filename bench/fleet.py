"""The real fleet: seconds and memory per instance, and how both grow."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench.figures import Figure
from bench.scratch import FLEET, Scratch

__all__ = ["fleet", "largest", "memory_of_one", "pss_mib"]

_KIB_PER_MIB = 1024

Tell = Callable[[str], None]


def memory_of_one(place: Scratch, name: str) -> list[Figure]:
    """Measure an idle instance whose workload is stopped, and the host's own services."""
    place.time("instance", "suspend", name, "--reason", "bench")
    try:
        one = _memory_mib(place, [name])
        services = pss_mib(_processes_of_services(place))
    finally:
        place.time("instance", "resume", name, "--reason", "bench")
    return [
        Figure(name="memory of an idle instance without its workload", ours=(one,), unit="MiB"),
        Figure(name="memory of the host's own services", ours=(services,), unit="MiB"),
    ]


def largest() -> int:
    """Return how many instances can be measured."""
    return len(_rows())


def fleet(place: Scratch, sizes: Sequence[int], *, tell: Tell) -> list[Figure]:
    """Deploy the fleet up to each size, four at once; measure each stretch."""
    figures: list[Figure] = []
    rows, there = _rows(), 0
    for size in sorted(set(sizes)):
        names = [row["name"] for row in rows[there:size]]
        for row in rows[there:size]:
            place.write_spec(row["name"], country=row["country_iso2"])
        took = place.deploy(names) / len(names)
        memory = _memory_mib(place, [row["name"] for row in rows[:size]]) / size
        tell(f"{size} instances of the fleet: {took:.1f} s and {memory:.0f} MiB each")
        figures += [
            Figure(name=f"fleet at --jobs 4, instances {there + 1} to {size}: each", ours=(took,)),
            Figure(name=f"memory of {size} instances with workload: each", ours=(memory,), unit="MiB"),
        ]
        there = size
    return figures


def _rows() -> list[dict[str, str]]:
    """Return the instances that have a country, and after them a second one for each."""
    with FLEET.open(encoding="utf-8") as file:
        lines = (line for line in file if not line.startswith("#"))
        rows = [row for row in csv.DictReader(lines) if row["country_iso2"]]
    return rows + [{**row, "name": f"{row['name']}-2"} for row in rows]


def _memory_mib(place: Scratch, names: Sequence[str]) -> float:
    """Return the memory of instances: what runs as their users, and what supervises it."""
    opaque = [place.ask("instance", "show", name)["database"]["name"] for name in names]
    uids = {(place.folder / "host" / one).stat().st_uid for one in opaque}
    services = [str(place.fast / "r" / "services" / one) for one in opaque]
    return pss_mib(
        process for process, uid, folder in _processes() if uid in uids or folder.startswith(tuple(services))
    )


def _processes_of_services(place: Scratch) -> list[Path]:
    own = [str(place.fast / "r" / "services"), str(place.folder / "host" / "proxy")]
    of_instances = str(place.fast / "r" / "services" / "tn")
    return [
        process
        for process, _, folder in _processes()
        if folder.startswith(tuple(own)) and not folder.startswith(of_instances)
    ]


def _processes() -> list[tuple[Path, int, str]]:
    """Return each process with its user and its working folder."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                found.append((process, process.stat().st_uid, str((process / "cwd").readlink())))
            except OSError:  # it has ended
                continue
    return found


def pss_mib(processes: Iterable[Path]) -> float:
    """Return the proportional share of memory; shared pages count once in the sum."""
    return sum(_pss_kib(process) for process in processes) / _KIB_PER_MIB


def _pss_kib(process: Path) -> int:
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
