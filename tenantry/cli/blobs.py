"""The work behind ``blob``: list, read and delete, over the private way in."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import RawIOBase
from pathlib import Path

from tenantry.cli.confirming import Confirmation
from tenantry.cli.operating import insist
from tenantry.cli.render.progress import Progress
from tenantry.cli.signals import stop_politely
from tenantry.cli.wiring import Wiring
from tenantry.errors import Problem, UnavailableError, UsageError
from tenantry.journeys import blobs as journeys
from tenantry.result import Outcome, Result

__all__ = ["deleted", "listed", "read"]

_MODE = 0o600


def listed(name: str, container: str, *, prefix: str, reason: str, workspace: Path | None) -> Result:
    """List blobs."""
    wiring = Wiring(workspace)
    instance = wiring.workable(name)
    insist(reason)
    with Progress() as progress, stop_politely(wiring, name):
        found = journeys.listed(
            instance, container, prefix=prefix, services=wiring.services(progress), reason=reason
        )
    rows = [
        {
            "container": one.container,
            "blob": one.name,
            "size_bytes": one.size_bytes,
            "changed": one.changed,
            "type": one.type,
        }
        for one in found
    ]
    return Result(command="blob list", data={"name": name, "blobs": rows})


def read(
    name: str, container: str, blob: str, *, to: Path | None, reason: str, workspace: Path | None
) -> Result:
    """Write the bytes of a blob to standard output, or into a new file."""
    wiring = Wiring(workspace)
    instance = wiring.workable(name)
    insist(reason)
    progress = Progress()  # no live line: standard output may be the same terminal
    with _sink(to) as sink, stop_politely(wiring, name):
        services = wiring.services(progress)
        write = partial(_write, sink)
        journeys.read(instance, container, blob, write, services=services, reason=reason)
    return Result(command="blob read", data={})


def deleted(
    name: str, container: str, blob: str, *, confirm: str, reason: str, workspace: Path | None
) -> Result:
    """Show what would be deleted, or delete it."""
    wiring = Wiring(workspace)
    instance = wiring.workable(name)
    insist(reason)
    confirmation = Confirmation(name=name, done="deleted", hint=f"add --confirm {name}")
    confirmed = confirmation.is_given(confirm)
    data = {"name": name, "rehearsal": instance.rehearsal, "container": container, "blob": blob}
    if not confirmed:
        data |= {"deleted": False, "recoverable_until": None, "versions_kept": 0}
        return Result(command="blob delete", data=data, problems=(confirmation.missing,))
    with Progress() as progress, stop_politely(wiring, name):
        kept = journeys.delete(instance, container, blob, services=wiring.services(progress), reason=reason)
    data |= {"deleted": True, "recoverable_until": kept.until, "versions_kept": kept.versions}
    if not kept.versions:
        return Result(command="blob delete", data=data)
    problem = Problem(
        code="versions-kept",
        message=f"{name} keeps earlier versions of the blob without end ({kept.versions}): "
        "somebody switched versioning on",
        hint=f"tenantry instance deploy {name} switches it off; then a Storage Blob Data Owner deletes them "
        "from inside the network: az storage blob delete --version-id",
    )
    return Result(command="blob delete", data=data, outcome=Outcome.NO, exit_code=1, problems=(problem,))


@contextmanager
def _sink(to: Path | None) -> Iterator[RawIOBase]:
    """Lend what the bytes go to, unbuffered. A new file that is not whole is removed again.

    Raises:
        UsageError: the file is there already, or cannot be made.
        UnavailableError: it cannot take all of them.
    """
    if to is None:
        with os.fdopen(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as out:
            yield out
        return
    try:
        descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    except OSError as error:
        raise UsageError(
            f"{to} cannot be made: {error.strerror}", hint="name a new file with --to", code="no-file"
        ) from None
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            yield file
    except BaseException:
        with suppress(OSError):
            to.unlink()
        raise


def _write(sink: RawIOBase, chunk: bytes) -> None:
    """Write, or say why not. That nobody reads a pipe any more is no error of ours."""
    left = memoryview(chunk)
    try:
        while left:
            left = left[sink.write(left) or 0 :]
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UnavailableError(
            f"the blob cannot be written: {error.strerror}",
            hint="make room, then run it again",
            code="no-room",
        ) from None
