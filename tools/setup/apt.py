"""Packages of the system, on Debian and its relatives.

As root they are installed, and nothing of them runs afterwards or after a
reboot: services are kept from starting while apt works (``policy-rc.d``), no
default database cluster is made, and the units of new packages are switched
off. tenantry starts what it needs itself. Otherwise the missing packages and the
command are named.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tenantry.adapters import tools
from tenantry.errors import UnavailableError
from tools.setup.report import Report, SetupError

__all__ = ["ensure", "missing_packages"]

_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
_INSTALL = ("apt-get", "install", "--yes", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold")
_POLICY = Path("/usr/sbin/policy-rc.d")
_POLICY_SAVED = Path("/usr/sbin/policy-rc.d.before-tenantry")
_POLICY_TEXT = (
    "#!/bin/sh\n# Written by the set-up of tenantry while apt works; removed afterwards.\nexit 101\n"
)
_NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/tenantry-setup.conf")


def ensure(report: Report) -> None:
    """Install what is missing, or say what to install.

    Raises:
        SetupError: packages are missing and cannot be installed by us.
    """
    if os.geteuid() == 0:
        _restore()  # in case a run was killed between
    missing = missing_packages()
    if not missing:
        return
    names = sorted(missing)
    for name in names:
        report.line(f"missing: {name} ({missing[name]})")
    command = f"apt-get install {' '.join(names)}"
    if not shutil.which("apt-get"):
        raise SetupError(
            "programs are missing and this is no Debian", hint=f"install what these hold: {names}"
        )
    if os.geteuid() != 0:
        raise SetupError(
            "packages are missing, and only root may install them", hint=f"as root, run: {command}"
        )
    _install(names, report)
    if still := missing_packages():
        raise SetupError(
            f"still missing after the install: {', '.join(sorted(still))}", hint=f"run: {command}"
        )


def missing_packages() -> Mapping[str, str]:
    """Return the packages that are missing, each with the reason for which it is needed."""
    missing: dict[str, str] = {}
    for name, program in tools.PROGRAMS.items():
        try:
            tools.find_program(name)
        except UnavailableError:
            missing[program.package] = program.why
    if not list(Path("/").glob("usr/lib/postgresql/*/bin/initdb")):
        missing["postgresql"] = "the database server of each instance"
    if not importlib.util.find_spec("ensurepip"):
        missing["python3-venv"] = "makes the environment"
    return missing


def _install(names: Sequence[str], report: Report) -> None:
    update_hint = "check the sources of apt and the network, then run make setup again"
    report.run(["apt-get", "update"], what="apt-get update", hint=update_hint, env=_QUIET)
    before = _units()
    with _nothing_starts():
        if "postgresql" in names:
            # First alone: the others would make a cluster before we could say no.
            report.run([*_INSTALL, "postgresql-common"], what="apt-get install postgresql-common", env=_QUIET)
            _NO_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
            _NO_CLUSTER.write_text("create_main_cluster = false\n", encoding="utf-8")
        report.run(
            [*_INSTALL, *names], what=f"apt-get install {' '.join(names)}", hint=update_hint, env=_QUIET
        )
        _switch_off(sorted(_units() - before), report)


@contextlib.contextmanager
def _nothing_starts() -> Iterator[None]:
    """Keep apt from starting services; what was there before is put back."""
    if _POLICY.exists():
        _POLICY.rename(_POLICY_SAVED)
    _POLICY.write_text(_POLICY_TEXT, encoding="utf-8")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _restore()


def _restore() -> None:
    if _POLICY.exists() and _POLICY.read_text(encoding="utf-8", errors="replace") == _POLICY_TEXT:
        _POLICY.unlink()
    if _POLICY_SAVED.exists():
        _POLICY_SAVED.rename(_POLICY)
    _NO_CLUSTER.unlink(missing_ok=True)


def _units() -> set[str]:
    """Return the units of systemd that packages brought."""
    folders = (Path("/lib/systemd/system"), Path("/usr/lib/systemd/system"))
    kinds = ("*.service", "*.timer", "*.socket")
    return {path.name for folder in folders for kind in kinds for path in folder.glob(kind)}


def _switch_off(units: Sequence[str], report: Report) -> None:
    plain = [unit for unit in units if "@" not in unit]
    if not plain or not shutil.which("systemctl"):
        return
    report.line(f"switching off, so that a reboot does not start them: {', '.join(plain)}")
    # A unit that cannot be switched off (static, an alias) is not switched on either.
    subprocess.run(["systemctl", "--quiet", "disable", *plain], capture_output=True, check=False)
