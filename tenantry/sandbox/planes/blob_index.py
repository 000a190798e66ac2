"""What is kept of blobs and containers: earlier versions, snapshots of overwritten ones, deleted ones.

The bytes lie in Azurite, in a container that nobody else sees; here stands
whose they are and until when. A SQLite file in the account's folder, whose free
pages are overwritten.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tenantry.sandbox.sqlite_files import SqliteFile

__all__ = ["Index", "Kept", "KeptContainer"]

BASE, SNAPSHOT, VERSION = "base", "snapshot", "version"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (
    place TEXT PRIMARY KEY, container TEXT NOT NULL, generation TEXT NOT NULL, name TEXT NOT NULL,
    what TEXT NOT NULL, stamp TEXT NOT NULL, deleted TEXT NOT NULL, until TEXT NOT NULL,
    modified TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS by_name ON kept (container, name);
CREATE TABLE IF NOT EXISTS current (
    container TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, PRIMARY KEY (container, name));
CREATE TABLE IF NOT EXISTS containers (
    name TEXT NOT NULL, version TEXT NOT NULL, deleted TEXT NOT NULL, until TEXT NOT NULL,
    metadata TEXT NOT NULL, access TEXT NOT NULL, PRIMARY KEY (name, version));
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Kept:
    """Something of a blob that is not its present content."""

    place: str  # its name in the hidden container
    container: str
    generation: str  # the version of the deleted container that it went with; "" in a living one
    name: str
    what: str  # base, snapshot or version
    stamp: str  # the version's id, the snapshot's time
    deleted: str  # when; "" for what can be read
    until: str
    modified: str  # Last-Modified before it was kept


@dataclass(frozen=True)
class KeptContainer:
    """A deleted container."""

    name: str
    version: str
    deleted: str
    until: str
    metadata: str  # JSON
    access: str


class Index(SqliteFile):
    """The index of one account; safe from every thread."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, _SCHEMA)

    def add(self, kept: Kept) -> None:
        """Keep one more."""
        self._do("INSERT INTO kept VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", *vars(kept).values())

    def remove(self, kept: Kept) -> None:
        """Forget one."""
        self._do("DELETE FROM kept WHERE place = ?", kept.place)

    def of_container(self, container: str, generation: str = "") -> list[Kept]:
        """Return all of a container, by name and then by age."""
        where = "container = ? AND generation = ? ORDER BY name, stamp"
        return self._kept(where, container, generation)

    def of_blob(self, container: str, name: str) -> list[Kept]:
        """Return all of a blob in a living container, the oldest first."""
        return self._kept("container = ? AND generation = '' AND name = ? ORDER BY stamp", container, name)

    def due(self, now: str) -> list[Kept]:
        """Return what was deleted and has been kept long enough."""
        return self._kept("deleted != '' AND generation = '' AND until <= ?", now)

    def stray(self) -> list[Kept]:
        """Return what goes with a container of which no deletion was noted."""
        known = "SELECT 1 FROM containers WHERE containers.name = container AND version = generation"
        return self._kept(f"generation != '' AND NOT EXISTS ({known})")

    def places(self) -> set[str]:
        """Return where everything lies that is kept."""
        return {str(row[0]) for row in self._all("SELECT place FROM kept")}

    def change(self, kept: Kept, *, deleted: str, until: str) -> None:
        """Say that something was deleted, or came back (both "")."""
        self._do("UPDATE kept SET deleted = ?, until = ? WHERE place = ?", deleted, until, kept.place)

    def demote(self, container: str, name: str) -> None:
        """Make a deleted blob a deleted snapshot: there is a new one of its name."""
        self._do(
            "UPDATE kept SET what = 'snapshot', stamp = deleted "
            "WHERE container = ? AND generation = '' AND name = ? AND what = 'base'",
            container,
            name,
        )

    def move(self, container: str, before: str, after: str) -> None:
        """Let all of a container go with it when it is deleted, or come back with it."""
        query = "UPDATE kept SET generation = ? WHERE container = ? AND generation = ?"
        self._do(query, after, container, before)

    # --- present versions ---

    def version(self, container: str, name: str) -> str:
        """Return the version id of a blob's present content, "" when none was given."""
        query = "SELECT version FROM current WHERE container = ? AND name = ?"
        rows = self._all(query, container, name)
        return str(rows[0][0]) if rows else ""

    def versions(self, container: str) -> dict[str, str]:
        """Return the version ids of all blobs of a container."""
        rows = self._all("SELECT name, version FROM current WHERE container = ?", container)
        return {str(name): str(version) for name, version in rows}

    def set_version(self, container: str, name: str, version: str) -> None:
        """Keep the version id of a blob; "" forgets it."""
        if version:
            self._do("INSERT OR REPLACE INTO current VALUES (?, ?, ?)", container, name, version)
        else:
            self._do("DELETE FROM current WHERE container = ? AND name = ?", container, name)

    def forget_versions(self, container: str) -> None:
        """Forget the version ids of a container: it was deleted."""
        self._do("DELETE FROM current WHERE container = ?", container)

    # --- containers ---

    def add_container(self, kept: KeptContainer) -> None:
        """Keep a deleted container."""
        self._do("INSERT INTO containers VALUES (?, ?, ?, ?, ?, ?)", *vars(kept).values())

    def remove_container(self, kept: KeptContainer) -> None:
        """Forget a deleted container."""
        self._do("DELETE FROM containers WHERE name = ? AND version = ?", kept.name, kept.version)

    def containers(self) -> list[KeptContainer]:
        """Return the deleted containers."""
        rows = self._all("SELECT * FROM containers ORDER BY name, version")
        return [KeptContainer(*map(str, row)) for row in rows]

    # --- marks ---

    def mark(self, name: str, value: str) -> None:
        """Keep a mark; "" takes it away."""
        if value:
            self._do("INSERT OR REPLACE INTO marks VALUES (?, ?)", name, value)
        else:
            self._do("DELETE FROM marks WHERE name = ?", name)

    def marked(self, name: str) -> str:
        """Return a mark."""
        rows = self._all("SELECT value FROM marks WHERE name = ?", name)
        return str(rows[0][0]) if rows else ""

    def _kept(self, where: str, *arguments: str) -> list[Kept]:
        rows = self._all(f"SELECT * FROM kept WHERE {where}", *arguments)  # noqa: S608 - our own words
        return [Kept(*map(str, row)) for row in rows]
