"""Services under the supervisor of a host: started, stopped, changed, removed.

A service's folder is made whole beside the scan folder and renamed into it, so a
kill in between leaves no half of one. A process that dies comes back by itself.

What is removed is proved to be gone: s6-supervise, logger and every process
that still holds the service's lock.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tenantry.errors import FailedError
from tenantry.providers.host import processes, service_files
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.limits import cgroups_of
from tenantry.providers.host.seen_services import ProcessStatus, SeenServices
from tenantry.providers.host.service_files import Service
from tenantry.providers.host.supervisor import Supervisor, listens, locked, wait_until

__all__ = ["JANITOR", "Supervised"]

JANITOR = "janitor"  # the service that rotates logs by age; one per host
_START_SECONDS = 30
_JANITOR_SCRIPT = """
for file in "$1"/*/log/retention; do
  [ -f "$file" ] || continue
  read -r uid days folder <"$file"
  user="--reuid=$uid --regid=$uid --clear-groups"; [ "$uid" = - ] && user=
  s6-svc -a "${file%/retention}" 2>/dev/null
  setpriv $user -- find "$folder" -maxdepth 1 -type f -name '@*' -mmin +$((days * 1440)) -delete
done
exec sleep 21600
"""


class Supervised(SeenServices):
    """Runs services under the host's supervisor."""

    def __init__(
        self, executor: Executor, layout: HostLayout, *, supervisor: Supervisor | None = None
    ) -> None:
        """Keep what is needed; the supervisor is started with the first service."""
        super().__init__(executor, layout)
        self._supervisor = supervisor or Supervisor(executor, layout)

    def ensure(
        self,
        id: str,  # noqa: A002 - the word that callers know it by
        *,
        argv: Sequence[str],
        env: Mapping[str, str],
        uid: int | None,
        cwd: Path,
        stop_signal: str = "SIGTERM",
        grace_seconds: int = 20,
        log_folder: Path | None = None,
        log_retention_days: int = 90,
        clean_exit_codes: Sequence[int] = (0,),
        opaque: str = "",
        low_ports: bool = False,
        wanted: bool = True,
        ready: Callable[[], bool] | None = None,
        ready_seconds: float = _START_SECONDS,
    ) -> None:
        """Make a service what is asked for and start it; it restarts only when something changed.

        Args:
            id: names the service, unique on the host: "<opaque>-web".
            argv: the program, absolute, and its arguments; never a secret.
            env: the whole environment; may hold secrets, kept on tmpfs for root alone.
            uid: user and group to run as; None: the invoking user.
            cwd: where it starts.
            stop_signal: what asks it to end, "SIGTERM".
            grace_seconds: from the stop signal to SIGKILL.
            log_folder: of its rotated output, made if need be; None: the output is thrown away.
            log_retention_days: log files older than this are deleted.
            clean_exit_codes: kept for whoever judges how it ended.
            opaque: the instance whose limits it joins.
            low_ports: whether it may listen below 1024 without being root.
            wanted: False leaves it there, stopped.
            ready: says whether it serves; asked until it does.
            ready_seconds: how long it may take until then.

        Raises:
            FailedError: it does not come up or does not become ready.
        """
        service = Service(
            id=id,
            argv=tuple(argv),
            env=dict(env),
            uid=uid,
            cwd=cwd,
            stop_signal=stop_signal,
            grace_seconds=grace_seconds,
            clean_exit_codes=tuple(clean_exit_codes),
            log_folder=log_folder,
            log_retention_days=log_retention_days,
            wanted=wanted,
            cgroups=cgroups_of(self._layout, opaque) if opaque else (),
            low_ports=low_ports,
        )
        started = self.apply(service)
        if started or (wanted and ready is not None):
            self._await(service, ready, ready_seconds)

    def apply(self, service: Service) -> bool:
        """Write a service's folder where it differs, and start, restart or stop it accordingly.

        Returns:
            whether it was started; then it may still be on its way up.
        """
        self._supervisor.ensure_running()
        if service.log_folder is not None:
            self._log_folder(service.log_folder, service.uid)
            self._ensure_janitor()
        with locked(self._layout.runtime / ".services.lock"):
            self._write(service)
        if not wait_until(lambda: self._supervise_listens(service.id), seconds=20):
            raise FailedError(
                f"the supervisor does not take up {service.id}",
                hint=f"read {self._layout.runtime / 'supervisor.log'}",
                code="process-not-supervised",
            )
        self._renew_logger(service)
        if not service.wanted:
            self.stop(service.id)
            return False
        status = self._settled(service.id)
        if status is not None and status.up and status.current and status.wanted:
            return False
        if status is not None and status.up:
            self._down(service.id)
        self._control(service.id, "-u")
        return True

    def _settled(self, service_id: str) -> ProcessStatus | None:
        """Return how a service is, once its script has made way for the program (or the grace is over)."""
        seen: list[ProcessStatus | None] = []

        def settled() -> bool:
            seen.append(self.look(service_id))
            return seen[-1] is None or not seen[-1].up or seen[-1].settled

        wait_until(settled, seconds=_START_SECONDS)
        return seen[-1]

    def start(self, service_id: str) -> None:
        """Start a service that is there, now and whenever the supervisor starts."""
        self._executor.remove(self._folder(service_id) / "down")
        self._control(service_id, "-u")
        wait_until(lambda: self.status(service_id)[0], seconds=_START_SECONDS)

    def stop(self, service_id: str) -> None:
        """Stop a service and keep it stopped; return when its process is gone."""
        folder = self._folder(service_id)
        if not folder.is_dir():
            return
        self._executor.write(folder / "down", "", mode=0o600)
        if self._supervise_listens(service_id):
            self._down(service_id)

    def restart(self, service_id: str) -> None:
        """Stop a service and start it again; return when it is up."""
        self._down(service_id)
        self._control(service_id, "-u")
        wait_until(lambda: self.status(service_id)[0], seconds=_START_SECONDS)

    def rotate_log(self, service_id: str) -> None:
        """Close the log file that is written to; return when a new one is.

        Raises:
            FailedError: the service has no logger that runs.
        """
        folder = self._folder(service_id)
        service, _ = self.described(service_id)
        if (
            service is None
            or service.log_folder is None
            or not listens(folder / "log" / "supervise" / "control")
        ):
            raise FailedError(f"{service_id} has no logger that runs", code="no-logger")
        current = service.log_folder / "current"
        before = _seen(current)
        if before is not None and before.st_size:
            self._executor.run(["s6-svc", "-a", str(folder / "log")])
            wait_until(lambda: (now := _seen(current)) is not None and now.st_ino != before.st_ino, seconds=5)

    def remove(self, service_id: str, *, orderly: bool = True) -> None:
        """Stop a service and take it away, with everything that it left running.

        Args:
            service_id: of the service.
            orderly: let it write what it has in memory. Not wanted where its data go with it:
                SIGQUIT follows its stop signal at once.
        """
        folder, away = self._folder(service_id), self._workshop / f"{service_id}.old"
        if self._supervise_listens(service_id):
            self._down(service_id, further="" if orderly else "q")
        if folder.exists():
            self._executor.remove(away)
            self._executor.folder(self._workshop, mode=0o700)
            self._executor.rename(folder, away)
        if self._supervisor.running():
            self._supervisor.rescan()
        self._end_all(service_id)
        for rest in (away, self._workshop / f"{service_id}.new", self._lock(service_id)):
            self._executor.remove(rest)

    # Below: the parts of the above.

    def _log_folder(self, folder: Path, uid: int | None) -> None:
        for path in (folder.parent, folder):
            if not path.is_dir():
                self._executor.folder(path, mode=0o700, uid=uid)

    def _renew_logger(self, service: Service) -> None:
        """Start the logger anew if its folder was deleted under it; a new one gets its time."""
        log = self._folder(service.id) / "log"
        if wait_until(lambda: self.logs(service.id), seconds=2) or not listens(log / "supervise" / "control"):
            return
        self._executor.run(["s6-svc", "-r", str(log)], check=False)
        wait_until(lambda: self.logs(service.id), seconds=10)

    def _ensure_janitor(self) -> None:
        """Start the janitor unless it runs; one at a time, or one would stop what another just started."""
        if self._janitor_wanted():
            return
        with locked(self._layout.runtime / ".janitor.lock"):
            if not self._janitor_wanted():  # killed before it was started, it is there and stopped
                argv = ("/bin/sh", "-c", _JANITOR_SCRIPT, JANITOR, str(self._layout.services))
                self.apply(Service(id=JANITOR, argv=argv))
                wait_until(self._janitor_wanted, seconds=_START_SECONDS)  # it is told, and obeys later

    def _janitor_wanted(self) -> bool:
        status = self.look(JANITOR)
        return status is not None and status.wanted

    def _write(self, service: Service) -> None:
        self._executor.folder(self._workshop, mode=0o700)
        if not self._lock(service.id).exists():
            self._executor.write(self._lock(service.id), "", mode=0o600)
        folder = self._folder(service.id)
        if not folder.is_dir():
            self._create(service)
        else:
            for name, (text, mode) in self._differing(service).items():
                self._executor.write(folder / name, text, mode=mode)
            if service.wanted and (folder / "down").exists():
                self._executor.remove(folder / "down")
        if not self._supervise_listens(service.id):
            self._supervisor.rescan()

    def _create(self, service: Service) -> None:
        self._end_deleted(service.id)
        new = self._workshop / f"{service.id}.new"
        self._executor.remove(new)
        self._executor.folder(new, mode=0o700)
        if service.log_folder is not None:
            self._executor.folder(new / "log", mode=0o700)
        for name, (text, mode) in service_files.render(service, lock=self._lock(service.id)).items():
            self._executor.write(new / name, text, mode=mode)
        self._executor.rename(new, self._folder(service.id))
        self._supervisor.rescan()

    def _control(self, service_id: str, *letters: str) -> None:
        self._executor.run(["s6-svc", *letters, str(self._folder(service_id))])

    def _down(self, service_id: str, *, further: str = "") -> None:
        """Stop the process: stop signal, grace, SIGKILL; return when it and its children are gone.

        ``further`` are letters of s6-svc for more signals, sent after the stop signal.
        """
        service, _ = self.described(service_id)
        limit = 2 * (service.grace_seconds if service else 20) + 15
        self._executor.run(["s6-svc", f"-d{further}", str(self._folder(service_id))], check=False)

        def down() -> bool:
            status = self.look(service_id)
            if status is None:  # its supervision was killed and answers no more; see _end_all
                return True
            return not status.up and not status.wanted and self._unlocked(service_id)

        if not wait_until(down, seconds=limit):
            raise FailedError(
                f"the process {service_id} does not stop within {limit} s",
                hint="it may wait for a disk; look with ps, then run the command again",
                code="process-stuck",
            )

    def _await(self, service: Service, ready: Callable[[], bool] | None, seconds: float) -> None:
        def settled() -> bool:
            status = self.look(service.id)
            running = status is not None and status.up and status.settled and status.current
            return running and (ready is None or ready())

        good = wait_until(settled, seconds=seconds)
        if good and ready is None:  # it may be one that dies at once: look again a little later
            before = self.status(service.id)
            time.sleep(0.25)
            good = before[0] and self.status(service.id) == before
        if not good:
            where = "" if service.log_folder is None else f"read {service.log_folder}/current"
            raise FailedError(
                f"the process {service.id} did not come up within {seconds:.0f} s",
                hint=where,
                code="process-down",
            )

    def _end_deleted(self, service_id: str) -> None:
        """End the supervision of a folder that was deleted by hand.

        Its program is left to the next run script, which ends it with the right signal.
        """
        for part in (f"{service_id} (deleted)", f"{service_id}/log (deleted)"):
            for pid in processes.in_folder(self._layout.services / part):
                self._kill(pid, signal.SIGKILL)

    def _end_all(self, service_id: str) -> None:
        """End whatever of a service still runs: its supervision, its logger, holders of its lock."""
        away = self._workshop / f"{service_id}.old"

        def left() -> list[int]:
            holders = processes.opened(self._lock(service_id)) if self._lock(service_id).exists() else []
            return [*processes.in_folder(away), *processes.in_folder(self._folder(service_id)), *holders]

        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if number is not None:
                for pid in left():
                    self._kill(pid, number)
            if wait_until(lambda: not left(), seconds=5):
                return
        raise FailedError(
            f"processes of {service_id} do not end: {', '.join(map(str, left()))}",
            hint="they may wait for a disk; look with ps, then run the command again",
            code="process-stuck",
        )

    def _kill(self, pid: int, number: signal.Signals) -> None:
        with self._executor.effect(f"signal {number.name}"), contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _seen(path: Path) -> os.stat_result | None:
    """Look once: a logger moves its file away before it makes the next one."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None
