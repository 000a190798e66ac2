"""The register's tables, as SQLAlchemy Core sees them.

The migrations in ``tenantry.adapters.migrations`` make them; a contract test
compares the two on each database. Times are text of constant width in UTC, so
that they sort, and so that the journal's chain covers exactly what is stored.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from tenantry.model.journal import timestamp

__all__ = [
    "SCHEMA_VERSION",
    "UtcTime",
    "erasures",
    "heads",
    "instances",
    "leases",
    "lines",
    "metadata",
    "operations",
    "ports",
    "texts",
    "uids",
]

SCHEMA_VERSION = "0001"  # the newest migration; four digits, growing


class UtcTime(TypeDecorator[datetime]):
    """An aware moment, stored as ``2026-01-31T12:00:00.000000+00:00``."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the text that is stored."""
        return None if value is None else timestamp(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the moment that was stored."""
        return None if value is None else datetime.fromisoformat(value)


metadata = MetaData()

instances = Table(
    "instances",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("opaque", Text, nullable=False, unique=True),
    Column("client", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("uid", Integer),
    Column("generation", Integer, nullable=False),
    Column("spec_digest", Text, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("conditions", JSON, nullable=False),
    Column("observed_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("erased_at", UtcTime),
    Column("last_backup", UtcTime),
    # A name is free again once its instance is erased. On PostgreSQL the migration says so
    # alone: its dialect takes a tenth of a second to import, and would be at every command.
    Index("one_instance_per_name", "name", unique=True, sqlite_where=text("erased_at IS NULL")),
)

# Rows of these two are never deleted: a number that was given out is not given out again.
uids = Table(
    "uids",
    metadata,
    Column("host", Text, primary_key=True),
    Column("uid", Integer, primary_key=True, autoincrement=False),
    Column("opaque", Text, ForeignKey("instances.opaque"), nullable=False),
)
ports = Table(
    "ports",
    metadata,
    Column("host", Text, primary_key=True),
    Column("port", Integer, primary_key=True, autoincrement=False),
    Column("opaque", Text, ForeignKey("instances.opaque"), nullable=False),
    Column("label", Text, nullable=False),
    UniqueConstraint("opaque", "label", name="one_port_per_label"),
)

operations = Table(
    "operations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("opaque", Text, ForeignKey("instances.opaque"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_started", Text, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("heartbeat_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("outcome", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("token", Integer, nullable=False),
)
# One row per instance for its whole life: the token must outlive each lease.
leases = Table(
    "leases",
    metadata,
    Column("opaque", Text, ForeignKey("instances.opaque"), primary_key=True),
    Column("operation", Text, ForeignKey("operations.id")),
    Column("token", Integer, nullable=False),
)

lines = Table(
    "journal",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("operation", Text, nullable=False),
    Column("instance", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("chain", Text, nullable=False),
)
texts = Table(
    "journal_texts",
    metadata,
    Column("seq", Integer, ForeignKey("journal.seq"), primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
)
# Up to which line the texts of an instance were erased: a text that is missing beyond was lost.
erasures = Table(
    "journal_erasures",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("up_to", Integer, nullable=False),
    Column("at", UtcTime, nullable=False),
)
heads = Table(
    "journal_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("chain", Text, nullable=False),
)
