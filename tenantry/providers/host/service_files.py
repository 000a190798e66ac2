"""The files of one supervised service, as text. Pure: nothing is touched.

A service is a folder for s6-supervise. Its ``run`` script is what keeps the
promises: one process at a time, an environment built from nothing, the user's
rights and no way back to more, no core dumps (they would hold client data).

*Never twice.* The script locks a file that lies outside the service's folder
and leaves the descriptor open to the program and to its children. If the lock
is held, something of an earlier run is still there (its s6-supervise was
killed, or it left children): whoever holds descriptor 9 on that file is told to
stop, and killed after the grace. Only then does the program start.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenantry.errors import SpecError

__all__ = ["Service", "definition", "digest", "environment_text", "from_definition", "render"]

_SHEBANG = "#!/usr/bin/env -S -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TZ=UTC /bin/sh\n"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOG_FILE_BYTES = 1_000_000
_LOG_FOLDER_BYTES = 200_000_000
_LOG_FILES = 2000


@dataclass(frozen=True, kw_only=True)
class Service:
    """A long-running process as it is wanted."""

    id: str  # "<opaque>-web"; names the service's folder
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold secrets
    uid: int | None = None  # None: the invoking user
    cwd: Path = Path("/")
    stop_signal: str = "SIGTERM"
    grace_seconds: int = 20  # after the stop signal; then SIGKILL
    clean_exit_codes: tuple[int, ...] = (0,)
    log_folder: Path | None = None  # None: the output goes nowhere
    log_retention_days: int = 90
    wanted: bool = True  # False: suspended
    cgroups: tuple[Path, ...] = ()  # joined if they are there
    low_ports: bool = False  # may listen on ports below 1024


def definition(service: Service) -> dict[str, Any]:
    """Return what can be told of a service: everything but the environment."""
    return {
        "argv": list(service.argv),
        "uid": service.uid,
        "cwd": str(service.cwd),
        "stopSignal": service.stop_signal,
        "graceSeconds": service.grace_seconds,
        "cleanExitCodes": list(service.clean_exit_codes),
        "logFolder": None if service.log_folder is None else str(service.log_folder),
        "logRetentionDays": service.log_retention_days,
        "cgroups": [str(path) for path in service.cgroups],
        "lowPorts": service.low_ports,
    }


def from_definition(name: str, told: Mapping[str, Any], *, env: Mapping[str, str], wanted: bool) -> Service:
    """Return the service that a definition describes; the inverse of ``definition``."""
    return Service(
        id=name,
        argv=tuple(told["argv"]),
        env=dict(env),
        uid=told["uid"],
        cwd=Path(told["cwd"]),
        stop_signal=told["stopSignal"],
        grace_seconds=int(told["graceSeconds"]),
        clean_exit_codes=tuple(told["cleanExitCodes"]),
        log_folder=None if told["logFolder"] is None else Path(told["logFolder"]),
        log_retention_days=int(told["logRetentionDays"]),
        wanted=wanted,
        cgroups=tuple(Path(path) for path in told["cgroups"]),
        low_ports=bool(told["lowPorts"]),
    )


def digest(service: Service) -> str:
    """Return a digest of all that a restart is needed for. It stays on tmpfs, for root alone."""
    whole = json.dumps([definition(service), sorted(service.env.items())])
    return hashlib.sha256(whole.encode()).hexdigest()


def render(service: Service, *, lock: Path) -> dict[str, tuple[str, int]]:
    """Return name, text and mode of each file of the service's folder."""
    files = {
        "definition.json": (json.dumps(definition(service), indent=1) + "\n", 0o600),
        "env.json": (json.dumps(dict(service.env), sort_keys=True), 0o400),
        "env.sh": (environment_text(service.env), 0o400),
        "down-signal": (service.stop_signal + "\n", 0o600),
        "timeout-kill": (f"{service.grace_seconds * 1000}\n", 0o600),
        "timeout-finish": (f"{(service.grace_seconds + 12) * 1000}\n", 0o600),
    }
    if not service.wanted:
        files["down"] = ("", 0o600)
    if service.log_folder is not None:
        retention = f"{_number(service.uid)} {service.log_retention_days} {service.log_folder}\n"
        files["log/retention"] = (retention, 0o600)
        files["log/run"] = (_log_script(service.log_folder, service.uid), 0o700)
    files["finish"] = (_finish_script(service, lock), 0o700)
    files["run"] = (_run_script(service, lock), 0o700)
    return files


def environment_text(env: Mapping[str, str]) -> str:
    """Return shell lines that export variables.

    Raises:
        SpecError: a name that is none, or a value with a NUL; the value is not told.
    """
    for name, value in env.items():
        if not _VARIABLE.fullmatch(name):
            raise SpecError(f"{name!r} cannot name an environment variable", code="bad-variable")
        if "\0" in value:
            raise SpecError(f"the value of {name} holds a NUL character", code="bad-variable")
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(env.items()))


def _number(uid: int | None) -> str:
    return "-" if uid is None else str(uid)


def _privileges(uid: int | None, *, low_ports: bool = False) -> list[str]:
    """Return the command that takes on a user's rights and gives up the way to more."""
    command = ["/usr/bin/setpriv", "--no-new-privs"]
    if os.geteuid() != 0:  # nothing to take on or to give up: all is the invoking user's
        return [*command, "--"]
    if uid is not None:
        command += [f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    if low_ports:
        command += ["--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service"]
    return [*command, "--"]


def _end_others(service: Service, lock: Path) -> str:
    """Return shell lines that lock descriptor 9 once everybody else who had it is gone."""
    name = shlex.quote(str(lock))
    signal = service.stop_signal.removeprefix("SIG")
    return f"""exec 9<{name} || exit 111
tell() {{
  for held in /proc/[0-9]*/fd/9; do
    pid=${{held#/proc/}}; pid=${{pid%%/*}}
    if [ "$pid" != $$ ] && [ "$held" -ef {name} ]; then kill -"$1" "$pid"; fi
  done
}}
if ! flock -n 9; then
  echo 'tenantry: something of an earlier run is still there; ending it first'
  tell {signal}
  if ! flock -w {service.grace_seconds} 9; then tell KILL; flock -w 10 9 || exit 111; fi
fi
"""


def _run_script(service: Service, lock: Path) -> str:
    join = "".join(_join(path) for path in service.cgroups)
    command = shlex.join([*_privileges(service.uid, low_ports=service.low_ports), *service.argv])
    return f"""{_SHEBANG}{_output(service)} </dev/null
{_end_others(service, lock)}{join}ulimit -c 0
umask 077
echo "{digest(service)} $$" >started
. ./env.sh
cd {shlex.quote(str(service.cwd))} || exit 111
unset OLDPWD
exec {command}
"""


def _finish_script(service: Service, lock: Path) -> str:
    """Return the script that runs after each end: children that outlive their program go too."""
    return f"{_SHEBANG}{_output(service)} </dev/null\n{_end_others(service, lock)}"


def _output(service: Service) -> str:
    return "exec 2>&1" if service.log_folder is not None else "exec >/dev/null 2>&1"


def _join(cgroup: Path) -> str:
    target = shlex.quote(str(cgroup / "cgroup.procs"))
    return f"if [ -w {target} ]; then echo $$ >{target}; fi\n"


def _log_script(folder: Path, uid: int | None) -> str:
    rules: Sequence[str] = ("-b", f"n{_LOG_FILES}", f"s{_LOG_FILE_BYTES}", f"S{_LOG_FOLDER_BYTES}", "T")
    command = shlex.join([*_privileges(uid), "/usr/bin/s6-log", *rules, str(folder)])
    # Without its folder the logger cannot run: wait, so as not to fill the supervisor's own log.
    return f"""{_SHEBANG}umask 077
[ -d {shlex.quote(str(folder))} ] || exec sleep 5
exec {command}
"""
