# ruff: noqa: ARG002 - the signatures are those of Handler
"""A workload's files: one read-only copy per content, shared by all instances that use it.

The copy's name is the digest of its content, so a changed workload is another
copy and a running one is never written to. It belongs to root and nobody else
can write to it. Beside it lies a folder of references, one per instance; the
copy goes with the last of them. An update keeps the copy before, because
processes still run from it until they are restarted; it goes with the update
after, or with the instance.

Not done here: building the workload (its folder is ready to run).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from tenantry.errors import FailedError, SpecError
from tenantry.providers.handler import Inputs, Observed, check_known
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.supervisor import locked

__all__ = ["Package", "digest_of"]

_PROGRAM_MODE, _FILE_MODE = 0o755, 0o644


def digest_of(folder: Path) -> str:
    """Return a digest of the names, contents, links and executable bits below a folder.

    Raises:
        SpecError: it is not there, or holds a link that leads out of it, a socket, a device.
    """
    if not folder.is_dir():
        raise SpecError(
            f"the package {folder} is not a folder",
            hint="correct package.folder in the workload profile",
            code="no-package",
        )
    total = hashlib.sha256()
    for path in _below(folder):
        name = os.fsencode(path.relative_to(folder))
        kind, data = _fingerprint(folder, path)
        total.update(b"%s %d %s %d %s\n" % (kind, len(name), name, len(data), data))
    return total.hexdigest()[:32]


def _below(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder in a fixed order; links are not followed."""
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)


def _fingerprint(folder: Path, path: Path) -> tuple[bytes, bytes]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        target = path.readlink()
        if target.is_absolute() or not (path.parent / target).resolve().is_relative_to(folder.resolve()):
            raise SpecError(
                f"{path} is a link out of its package", hint="put the file in its place", code="bad-package"
            )
        return b"l", os.fsencode(target)
    if stat.S_ISDIR(mode):
        return b"d", b""
    if not stat.S_ISREG(mode):
        raise SpecError(f"{path} is neither file nor folder", hint="take it out", code="bad-package")
    with path.open("rb") as file:
        return b"x" if mode & 0o100 else b"f", hashlib.file_digest(file, "sha256").digest()


class Package:
    """A workload's files on the host.

    Inputs: source (folder), opaque. Outputs: path and digest of the copy. A further
    key in what is observed, ``installed``, says missing, changed, writable or
    outdated (the source is not any more what was copied).
    """

    type: ClassVar[str] = "Package"
    holds_data: ClassVar[bool] = False
    replace_on: ClassVar[frozenset[str]] = frozenset({"opaque"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, executor: Executor, layout: HostLayout) -> None:
        """Keep what is needed."""
        self._executor = executor
        self._layout = layout

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:
        """Return (property, what is wrong) pairs."""
        failures = check_known(inputs, ("source", "opaque"))
        if not failures and not Path(inputs["source"]).is_dir():
            failures.append(("source", f"{inputs['source']} is not a folder"))
        return failures

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        """Copy the files if no instance has this content yet, and note the reference.

        Raises:
            SpecError: the folder is gone, or holds what a package must not.
            FailedError: it changed while it was copied.
        """
        source, opaque = Path(inputs["source"]), str(inputs["opaque"])
        digest = digest_of(source)
        copy = self._layout.packages / digest
        self._executor.folder(self._layout.packages, mode=0o755)
        with self._locked():
            before = [held for held in self._held(opaque) if held != digest]
            self._refer(digest, opaque)
            if _state(copy, digest):
                self._install(source, copy, digest)
            for held in before[1:]:
                self._release(held, opaque)
        return opaque, {"path": str(copy), "digest": digest}

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        """Compare the copy with its name, and its name with the source as it is now."""
        held = self._held(resource_id)
        if not held:
            return None
        copy, seen = self._layout.packages / held[0], dict(inputs)
        state = _state(copy, held[0])
        with contextlib.suppress(SpecError):  # without its source the copy still serves
            state = state or ("" if digest_of(Path(inputs["source"])) == held[0] else "outdated")
        if state:
            seen["installed"] = state
        return Observed(inputs=seen, outputs={"path": str(copy), "digest": held[0]})

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """Bring a copy of what the source is now; the one before stays until the next update."""
        return self.create(new)[1]

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        """Let go of every copy that the instance refers to."""
        if self._layout.packages.is_dir():
            with self._locked():
                for held in self._held(resource_id):
                    self._release(held, resource_id)

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        return locked(self._layout.packages / ".lock")

    def _references(self, digest: str) -> Path:
        return self._layout.packages / f"{digest}.refs"

    def _held(self, opaque: str) -> list[str]:
        """Return the copies that an instance refers to, the newest reference first."""
        found = [(path.stat().st_mtime_ns, path) for path in self._layout.packages.glob(f"*.refs/{opaque}")]
        return [path.parent.name.removesuffix(".refs") for _, path in sorted(found, reverse=True)]

    def _refer(self, digest: str, opaque: str) -> None:
        self._executor.folder(self._references(digest), mode=0o700)
        self._executor.write(self._references(digest) / opaque, "", mode=0o600)

    def _install(self, source: Path, copy: Path, digest: str) -> None:
        """Copy beside the place and rename, so that a half copy is never taken for one."""
        unfinished = copy.with_name(f".{copy.name}.new")
        self._executor.remove(unfinished)
        with self._executor.effect("copy package"):
            shutil.copytree(source, unfinished, symlinks=True, copy_function=shutil.copyfile)
            _settle(source, unfinished)
        if digest_of(unfinished) != digest:
            self._executor.remove(unfinished)
            raise FailedError(
                f"{source} changed while it was copied",
                hint="run the command again when nobody writes to it",
                code="package-changed",
            )
        self._executor.remove(copy)
        self._executor.rename(unfinished, copy)

    def _release(self, digest: str, opaque: str) -> None:
        references = self._references(digest)
        if [path.name for path in references.iterdir() if not path.name.startswith(".")] == [opaque]:
            # The copy first: a kill in between leaves the reference, and with it the next attempt.
            for rest in (self._layout.packages / f".{digest}.new", self._layout.packages / digest):
                self._executor.remove(rest)
            self._executor.remove(references)
        else:
            self._executor.remove(references / opaque)


def _settle(source: Path, copy: Path) -> None:
    """Give every file of a copy its plain mode; the source's own decides only what may be run."""
    copy.chmod(_PROGRAM_MODE)
    for path in _below(copy):
        if not path.is_symlink():
            runs = path.is_dir() or (source / path.relative_to(copy)).stat().st_mode & 0o100
            path.chmod(_PROGRAM_MODE if runs else _FILE_MODE)


def _state(copy: Path, digest: str) -> str:
    """Return what is wrong with a copy; empty when nothing is."""
    if not copy.is_dir():
        return "missing"
    try:
        same = digest_of(copy) == digest
    except SpecError:
        same = False
    if not same:
        return "changed"
    return "writable" if any(_open_to_others(path) for path in (copy, *_below(copy))) else ""


def _open_to_others(path: Path) -> bool:
    status = path.lstat()
    return not stat.S_ISLNK(status.st_mode) and bool(status.st_mode & 0o022 or status.st_uid != os.geteuid())
