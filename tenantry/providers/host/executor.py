"""The one place through which the host provider changes the machine.

Every effect goes through an Executor method, so that effects can be counted,
interrupted at each point in tests, and later be carried out over SSH. Secrets
reach a child on standard input or in its environment, never in argv, and no
error repeats them: ``UnavailableError`` and ``FailedError`` from here carry the
program's name and the last lines of its standard error, with every known
secret replaced.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenantry import faults
from tenantry.errors import FailedError, UnavailableError

__all__ = ["Executor", "Ran"]

_BASE_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A finished child."""

    code: int
    out: str
    err: str


class Executor:
    """Runs programs and writes files on this machine."""

    def run(
        self,
        argv: Sequence[str],
        *,
        uid: int | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        timeout: float = 300,
        check: bool = True,
        effect: bool = True,
        cwd: Path = Path("/"),
        hide: Iterable[str] = (),
    ) -> Ran:
        """Run a program to its end, with an environment built from nothing.

        Args:
            argv: the program and its arguments; never a secret.
            uid: user (and group) to run as; None is the invoking user.
            env: variables beside PATH, locale and time zone; may be secret.
            stdin: text for its standard input; may be secret.
            timeout: seconds; at the limit the whole process group is killed.
            check: raise FailedError when the exit code is not 0.
            effect: False for a mere look, which is then no point to be killed at.
            cwd: its working folder.
            hide: secrets to take out of an error's text, beside those in env and stdin.

        Raises:
            UnavailableError: the program is not there, or the time limit passed.
            FailedError: it ended with another code than 0, and check is set.
        """
        name = Path(argv[0]).name
        if effect:
            faults.point(f"before {name}")
        environment = {**_BASE_ENVIRONMENT, **(env or {})}
        try:
            child = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                cwd=cwd,
                env=environment,
                start_new_session=True,
                umask=0o077,
                **_as_user(uid),
            )
        except FileNotFoundError as error:
            raise UnavailableError(
                f"{name} is not installed",
                hint="run: tenantry doctor",
                code="missing-program",
            ) from error
        try:
            out, err = child.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            raise UnavailableError(f"{name} did not end within {timeout:.0f} s", code="timeout") from error
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
            raise
        if effect:
            faults.point(f"after {name}")
        ran = Ran(code=child.returncode, out=out, err=err)
        if check and ran.code != 0:
            secrets = [*hide, *(env or {}).values(), stdin]
            raise FailedError(f"{name} failed ({ran.code}): {_tail(ran, secrets)}", code="program-failed")
        return ran

    def write(self, path: Path, text: str | bytes, *, mode: int, uid: int | None = None) -> None:
        """Write a file whole or not at all; its owner and mode are right from the first byte."""
        faults.point(f"before write {path.name}")
        data = text.encode() if isinstance(text, str) else text
        _drop_unfinished(path)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                _give(file.fileno(), mode=mode, uid=uid)
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        faults.point(f"after write {path.name}")

    def folder(self, path: Path, *, mode: int, uid: int | None = None) -> None:
        """Make a folder with exactly this owner and mode; parents must be there.

        A link in its place is refused: the folder above may belong to an
        instance's user, who must not choose what root gives away.

        Raises:
            FailedError: something other than a folder is there.
        """
        faults.point(f"before mkdir {path.name}")
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:  # ENOTDIR or ELOOP: a file or a link
            raise FailedError(
                f"{path} is not a folder",
                hint="move it away, then run the command again",
                code="not-a-folder",
            ) from error
        try:
            _give(descriptor, mode=mode, uid=uid)
        finally:
            os.close(descriptor)
        faults.point(f"after mkdir {path.name}")

    def remove(self, path: Path) -> None:
        """Remove a file or a whole folder; what is gone is fine. Links are not followed."""
        faults.point(f"before remove {path.name}")
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
            _drop_unfinished(path)
        faults.point(f"after remove {path.name}")

    def rename(self, source: Path, target: Path) -> None:
        """Rename a file or a folder within one file system; a file that is there is replaced."""
        with self.effect(f"rename {target.name}"):
            source.rename(target)

    def effect(self, name: str) -> AbstractContextManager[None]:
        """Enclose any other effect (a system call, a signal), named for the points of kills."""
        return _effect(name)


@contextlib.contextmanager
def _effect(name: str) -> Iterator[None]:
    faults.point(f"before {name}")
    yield
    faults.point(f"after {name}")


def _drop_unfinished(path: Path) -> None:
    """Remove what killed writers of this file left beside it; what another run still writes stays."""
    for rest in path.parent.glob(f".{glob.escape(path.name)}.*.new"):
        writer = rest.name.split(".")[-2]
        if writer.isdecimal() and (int(writer) == os.getpid() or not _runs(int(writer))):
            rest.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _as_user(uid: int | None) -> dict[str, Any]:
    if uid is None or os.geteuid() != 0:
        return {}
    return {"user": uid, "group": uid, "extra_groups": []}


def _give(descriptor: int, *, mode: int, uid: int | None) -> None:
    """Set owner and mode through an open descriptor, so that no link can be put in between."""
    if uid is not None and os.geteuid() == 0:
        os.fchown(descriptor, uid, uid)
    os.fchmod(descriptor, mode)


def _tail(ran: Ran, secrets: Iterable[str]) -> str:
    text = ran.err.strip() or ran.out.strip()
    # Before the text is cut: a secret that the cut goes through would not be found any more.
    for secret in sorted({s for s in secrets if len(s) >= 6}, key=len, reverse=True):  # noqa: PLR2004
        text = text.replace(secret, "[secret]")
    return text[-600:] or "it said nothing"
