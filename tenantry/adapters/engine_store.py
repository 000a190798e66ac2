"""Where the engine keeps the state of its stacks: files in a folder, or what stands in for them.

Names are paths with "/" inside the store, as the engine itself gives them. What is
written is there whole or not at all. ``tenantry.adapters.azure_state`` is the other
implementation; tests/contracts/state holds both to the same.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Protocol

from tenantry.adapters.engine_secrets import PASSPHRASE
from tenantry.errors import UnavailableError

__all__ = ["FolderStore", "Store", "named", "write_whole"]


class Store(Protocol):
    """The state of one project's stacks. Every method but ``lent`` may be repeated after a kill.

    Each that looks or writes raises UnavailableError where the store cannot be reached or refuses us.
    """

    @property
    def url(self) -> str:
        """The store in the engine's words."""

    @property
    def secrets_provider(self) -> str:
        """What encrypts the secrets of a new stack, in the engine's words; "passphrase" or a key's URL."""

    @property
    def remedy(self) -> str:
        """What a person can do about an object that is there and not whole."""

    def lent(self) -> AbstractContextManager[Mapping[str, str]]:
        """Lend the engine what it needs to work on the store: more variables of its environment."""

    def exists(self, name: str) -> bool:
        """Say whether there is an object of that name."""

    def read(self, name: str) -> str | None:
        """Return its text, None if it is not there. ValueError: it is no text."""

    def write(self, name: str, text: str) -> None:
        """Make or replace it."""

    def names(self, folder: str) -> Sequence[str]:
        """Return the names of what lies in a folder, below its own folders not, sorted."""

    def remove(self, name: str) -> None:
        """Remove an object, or all that a name stands for that ``having`` returned; what is gone is fine."""

    def tidy(self, word: re.Pattern[str]) -> None:
        """Remove what writes left that were cut off, of names (folders' too) with the word."""

    def having(self, word: re.Pattern[str]) -> Sequence[str]:
        """Return all whose name has the word, what is kept after a deletion too.

        A folder whose name has it may stand for what is in it.
        """

    def where(self, name: str) -> str:
        """Return where a person finds it."""


class FolderStore:
    """Files below a folder of this machine; secrets are under the stack's own passphrase."""

    secrets_provider = PASSPHRASE
    remedy = "restore it from a backup of the workspace"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def url(self) -> str:
        """The folder as a URL, without sidecar files for checksums: they would only be more to erase."""
        return f"{self._folder.as_uri()}?metadata=skip"

    def lent(self) -> AbstractContextManager[Mapping[str, str]]:
        """Lend nothing: the engine has our user."""
        return nullcontext({})

    def exists(self, name: str) -> bool:
        """Say whether there is such a file."""
        with self._told(name):
            return (self._folder / name).exists()

    def read(self, name: str) -> str | None:
        """Return the text of a file."""
        with self._told(name), suppress(FileNotFoundError):
            return (self._folder / name).read_text(encoding="utf-8")
        return None

    def write(self, name: str, text: str) -> None:
        """Replace a file whole."""
        path = self._folder / name
        with self._told(name):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(path, text)

    def names(self, folder: str) -> Sequence[str]:
        """Return the files in a folder."""
        top = self._folder / folder
        with self._told(folder):
            files = top.iterdir() if top.is_dir() else ()
            return sorted(f"{folder}/{path.name}" for path in files if path.is_file())

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with what is in it."""
        path = self._folder / name
        with self._told(name):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def tidy(self, word: re.Pattern[str]) -> None:
        """Remove temporary files, the engine's and ours: nobody else writes while a run has the stack."""
        with self._told("."):
            for top, _, files in os.walk(self._folder):  # unlike rglob it bears that others remove folders
                for path in (Path(top) / name for name in files if name.endswith(".tmp")):
                    if word.search(str(path.relative_to(self._folder))):
                        path.unlink(missing_ok=True)

    def having(self, word: re.Pattern[str]) -> Sequence[str]:
        """Return files and folders."""
        return [str(path.relative_to(self._folder)) for path in named(self._folder, word)]

    def where(self, name: str) -> str:
        """Return the path."""
        return str(self._folder / name)

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """Tell the system's refusals as errors of ours."""
        try:
            yield
        except OSError as error:
            raise UnavailableError(
                f"{self.where(name)}: {error.strerror or type(error).__name__}",
                hint="see that the folder is there, is ours and has room",
                code="state-unreachable",
            ) from error


def named(top: Path, word: re.Pattern[str]) -> Iterator[Path]:
    """Yield what has the word in its name; of a folder that has, not what is in it."""
    for folder, folders, files in os.walk(top):
        for name in [*folders, *files]:
            if word.search(name):
                yield Path(folder) / name
        folders[:] = [name for name in folders if not word.search(name)]


def write_whole(path: Path, text: str) -> None:
    """Replace a file whole, durably.

    Unlike ``files.write_file`` without a lock: runs of several instances may write at once.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
