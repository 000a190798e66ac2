"""What tests of bad input share: that nothing was changed, and what is bad wherever an instance lives."""

from __future__ import annotations

import pwd
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

__all__ = ["BOMB", "COMMANDS", "PLACE", "no_effect"]

PLACE = re.compile(r"instances/benin\.yaml:\d+:\d+")
BOMB = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
COMMANDS = (["instance", "deploy"], ["instance", "preview"], ["spec", "validate"])


@contextmanager
def no_effect(workspace: Path) -> Iterator[None]:
    """Insist that files, register and users are afterwards what they were before."""
    before = _seen(workspace)
    yield
    assert _seen(workspace) == before


def _seen(workspace: Path) -> dict[str, object]:
    users = [one.pw_name for one in pwd.getpwall() if one.pw_dir.startswith(str(workspace.parent))]
    seen: dict[str, object] = {"users": users}
    for path in sorted(workspace.parent.rglob("*")):
        if not path.name.startswith("register.db"):
            found = path.lstat()
            plain = stat.S_ISREG(found.st_mode)
            seen[str(path)] = (found.st_mode, path.read_bytes() if plain else b"")
    return {**seen, "register": _rows(workspace / ".tenantry" / "register.db")}


def _rows(register: Path) -> list[int]:
    try:
        with closing(sqlite3.connect(f"file:{register}?mode=ro", uri=True)) as opened:
            tables = ("instances", "operations", "journal")
            return [opened.execute(f"select count(*) from {name}").fetchone()[0] for name in tables]
    except sqlite3.Error:  # one of the tests has spoiled it
        return []
