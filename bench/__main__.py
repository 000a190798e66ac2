"""Measures what tenantry promises of time and memory: ``python -m bench``, or ``make bench``.

Prints a table, writes every sample as JSON, and exits 1 if a figure is over its
limit. Needs root, as instances with users of their own do.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.applying import applying
from bench.azure import azure
from bench.figures import Figure, as_json, table, within_limits
from bench.fleet import fleet, largest, memory_of_one
from bench.lives import lives
from bench.scratch import Scratch, scratch
from bench.starting import help_figure, list_figure
from bench.still import stage

_WHAT = ("start", "list", "apply", "lives", "memory", "fleet", "azure")
_RESULTS = Path(__file__).with_name("results.json")
_QUICK = 3  # rounds of a short measurement for each of a long one
_STANDING = "standing"  # an instance that is there throughout, so that the host's services run


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return 0, or 1 if a limit is passed."""
    options = _options(arguments)
    if os.geteuid() != 0:
        sys.stderr.write("bench: needs root: instances have Unix users of their own\n")
        return 69
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: what was made is taken away
    figures = _measure(options.only or _WHAT, rounds=options.rounds, sizes=options.fleet)
    machine = {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    options.output.write_text(
        json.dumps(as_json(figures, machine=machine), indent=1) + "\n", encoding="utf-8"
    )
    print(table(figures))
    print(f"\nload {machine['load']:.1f} on {machine['cores']} cores; every sample: {options.output}")
    return 0 if within_limits(figures) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--rounds", type=int, default=3, help="of deploy and erase; 3 times as many of the rest"
    )
    parser.add_argument("--only", nargs="+", choices=_WHAT, help="measure these alone")
    parser.add_argument(
        "--fleet",
        nargs="+",
        type=int,
        default=[4],
        metavar="N",
        help=f"sizes of the fleet, such as 5 15 30 (at most {largest()}); minutes",
    )
    parser.add_argument("--output", type=Path, default=_RESULTS, help="the JSON file (%(default)s)")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or not all(1 <= size <= largest() for size in options.fleet):
        parser.error(f"rounds begin at 1, and the fleet has 1 to {largest()} instances")
    return options


def _measure(what: Sequence[str], *, rounds: int, sizes: Sequence[int]) -> list[Figure]:
    figures: list[Figure] = []
    if "start" in what:
        _tell("starting")
        figures.append(help_figure(rounds=rounds * _QUICK))
    if "list" in what:
        _tell("listing")
        with scratch(instances=False) as place:
            figures.append(list_figure(place, rounds=rounds * _QUICK))
    if "azure" in what:
        _tell("starting a sandbox")
        figures += azure(rounds=rounds, tell=_tell)
    if {"apply", "lives", "memory", "fleet"} & set(what):
        with scratch() as place:
            figures += _with_instances(place, what, rounds=rounds, sizes=sizes)
    return figures


def _with_instances(
    place: Scratch, what: Sequence[str], *, rounds: int, sizes: Sequence[int]
) -> list[Figure]:
    figures: list[Figure] = []
    _tell("deploying an instance that stays, so that the host's own services run")
    place.write_spec(_STANDING)
    place.deploy([_STANDING])
    with stage(place, _STANDING) as still:
        if "apply" in what:
            _tell("applying")
            figures.append(applying(place, still, rounds=rounds * _QUICK))
        if "lives" in what:
            _tell("deploying and erasing")
            figures += lives(place, still, rounds=rounds, tell=_tell)
    if "memory" in what:
        figures += memory_of_one(place, _STANDING)
    if "fleet" in what:
        _tell("deploying the fleet")
        figures += fleet(place, sizes, tell=_tell)
    return figures


_STARTED = time.monotonic()


def _tell(text: str) -> None:
    sys.stderr.write(f"{time.monotonic() - _STARTED:6.1f} s  {text}\n")


if __name__ == "__main__":
    sys.exit(main())
