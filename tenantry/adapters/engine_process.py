"""The engine as a child process: its environment, its end with ours, its interruption."""

from __future__ import annotations

import contextlib
import copy
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tenantry import faults
from tenantry.adapters.engine_secrets import PASSPHRASE
from tenantry.adapters.engine_store import Store
from tenantry.adapters.processes import dying_with_us
from tenantry.errors import UnavailableError

__all__ = ["Processes"]


class Processes:
    """Runs the engine, several at once for different stacks."""

    def __init__(
        self,
        binary: Path,
        *,
        home: Path,
        folder: Path,
        store: Store,
        providers: Mapping[str, int],
        environment: Mapping[str, str],
    ) -> None:
        """Prepare to run; arguments as for ``tenantry.adapters.engine.Engine``."""
        self._binary = binary
        self._home = home
        self._folder = folder
        self._store = store
        self._providers = dict(providers)
        self._more = dict(environment)
        self._lock = threading.Lock()
        self._running: dict[subprocess.Popen[str], str] = {}
        self._interrupted: set[str] = set()

    def at(self, folder: Path, store: Store) -> Processes:
        """Return the same for another folder and store; ``interrupt`` reaches the children of both."""
        other = copy.copy(self)
        other._folder, other._store = folder, store  # noqa: SLF001 - a copy of ourselves
        return other

    def run(self, arguments: Sequence[str], *, stack: str, passphrase: str) -> tuple[int, str]:
        """Run the engine to its end.

        Returns:
            Its exit code, and its standard output if that is 0, else all that it said.

        Raises:
            UnavailableError: there is no engine.
        """
        if not self._binary.is_file():
            raise UnavailableError(
                f"the engine is not there: {self._binary}", hint="run: make setup", code="missing-engine"
            )
        faults.point(f"before pulumi {arguments[0]}")
        argv = [*dying_with_us(), str(self._binary), *arguments, f"--stack={stack}", "--non-interactive"]
        with self._store.lent() as lent:
            child = subprocess.Popen(
                [*argv, "--color=never"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                cwd=self._folder,
                env={**self._environment(passphrase), **lent},
                process_group=0,
                umask=0o077,
            )
            with self._registered(child, stack):
                out, err = child.communicate()
        faults.point(f"after pulumi {arguments[0]}")
        return child.returncode, out if child.returncode == 0 else f"{err}\n{out}"

    @contextlib.contextmanager
    def _registered(self, child: subprocess.Popen[str], stack: str) -> Iterator[None]:
        """Let ``interrupt`` find the child; never leave it behind."""
        with self._lock:
            self._running[child] = stack
            self._interrupted.discard(stack)
        try:
            yield
        except BaseException:
            child.kill()
            child.wait()
            raise
        finally:
            with self._lock:
                del self._running[child]

    def was_interrupted(self, stack: str) -> bool:
        """Say whether the stack's last run was asked to stop."""
        with self._lock:
            return stack in self._interrupted

    def _environment(self, passphrase: str) -> dict[str, str]:
        """Return the engine's environment, built from nothing."""
        providers = ",".join(f"{package}:{port}" for package, port in self._providers.items())
        # With one that is empty the engine would take a stack that names no key for one under it.
        under_it = self._store.secrets_provider == PASSPHRASE
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self._home),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "PULUMI_HOME": str(self._home),
            "PULUMI_BACKEND_URL": self._store.url,
            **({"PULUMI_CONFIG_PASSPHRASE": passphrase} if under_it else {}),
            "PULUMI_DEBUG_COMMANDS": "true",  # lets --event-log be used
            "PULUMI_DEBUG_PROVIDERS": providers,
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **self._more,
        }

    def interrupt(self, stack: str | None = None, *, at_once: bool = False) -> None:
        """Ask the runs of a stack, or of all, to finish what they do and stop.

        at_once kills them instead: the next run has to break their lock.
        """
        with self._lock:
            for child, name in self._running.items():
                if stack not in {None, name} or child.poll() is not None:
                    continue
                if at_once:
                    child.kill()
                elif name not in self._interrupted:  # the engine takes a second one for "at once"
                    child.send_signal(signal.SIGINT)
                self._interrupted.add(name)
