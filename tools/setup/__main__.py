"""Brings what tenantry needs to this machine: ``make setup``.

In this order: packages of the system, the environment in ``.venv``, the Pulumi
engine, runtimes for workloads, the dependencies of the example, the sandbox's
storage service. Each step looks first and does nothing when there is nothing to
do, so a second run takes a moment. A run that was killed is finished by the next
one.

Only the standard library is used, and of the product only what is free of
dependencies.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tools.setup import apt, azurite, engine, environment, example, runtimes
from tools.setup.report import Report, SetupError

__all__ = ["main"]


def main() -> int:
    """Run the steps. Returns 0, 69 when something cannot be had, or 130 after Ctrl-C."""
    report = Report()
    root = Path.cwd()
    os.umask(0o022)  # runtimes must be readable by the users of the instances
    try:
        apt.ensure(report)
        environment.ensure(report, root=root)
        engine.ensure(report, root=root)
        runtimes.ensure(report, python=root / ".venv/bin/python")
        example.ensure(report, root=root)
        azurite.ensure(report, root=root)
    except SetupError as error:
        report.error(error)
        return 69
    except KeyboardInterrupt:
        report.line("stopped; run make setup again to go on")
        return 130
    report.done()
    return 0


if __name__ == "__main__":
    sys.exit(main())
