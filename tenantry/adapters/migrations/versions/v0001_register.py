"""The first form of the register.

Columns are spelled out here and not taken from the tables of today, so that
this step stays what it was when later ones are added.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0001"
down_revision = None

_GENESIS = "0" * 64


def upgrade() -> None:
    """Make all tables, and hold the journal against changes."""
    _instances()
    _numbers()
    _operations()
    _journal()
    _append_only()


def downgrade() -> None:
    """Refuse: a register is not taken apart."""
    raise NotImplementedError


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def _instances() -> None:
    op.create_table(
        "instances",
        sa.Column("id", sa.Integer(), primary_key=True),
        _text("name"),
        sa.Column("opaque", sa.Text(), nullable=False, unique=True),
        *(_text(name) for name in ("client", "target", "host", "state", "profile", "version", "url")),
        sa.Column("uid", sa.Integer()),
        sa.Column("generation", sa.Integer(), nullable=False),
        _text("spec_digest"),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("conditions", sa.JSON(), nullable=False),
        _text("observed_at", null=True),
        _text("created_at"),
        _text("erased_at", null=True),
        _text("last_backup", null=True),
    )
    op.create_index(
        "one_instance_per_name",
        "instances",
        ["name"],
        unique=True,
        sqlite_where=sa.text("erased_at IS NULL"),
        postgresql_where=sa.text("erased_at IS NULL"),
    )


def _numbers() -> None:
    op.create_table(
        "uids",
        sa.Column("host", sa.Text(), primary_key=True),
        sa.Column("uid", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("opaque", sa.Text(), sa.ForeignKey("instances.opaque"), nullable=False),
    )
    op.create_table(
        "ports",
        sa.Column("host", sa.Text(), primary_key=True),
        sa.Column("port", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("opaque", sa.Text(), sa.ForeignKey("instances.opaque"), nullable=False),
        _text("label"),
        sa.UniqueConstraint("opaque", "label", name="one_port_per_label"),
    )


def _operations() -> None:
    op.create_table(
        "operations",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("opaque", sa.Text(), sa.ForeignKey("instances.opaque"), nullable=False, index=True),
        *(_text(name) for name in ("kind", "person", "reason", "host")),
        sa.Column("pid", sa.Integer(), nullable=False),
        *(_text(name) for name in ("process_started", "started_at", "heartbeat_at")),
        _text("ended_at", null=True),
        *(_text(name) for name in ("outcome", "detail")),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("opaque", sa.Text(), sa.ForeignKey("instances.opaque"), primary_key=True),
        sa.Column("operation", sa.Text(), sa.ForeignKey("operations.id")),
        sa.Column("token", sa.Integer(), nullable=False),
    )


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=False),
        *(_text(name) for name in ("at", "operation")),
        sa.Column("instance", sa.Text(), nullable=False, index=True),
        *(_text(name) for name in ("kind", "digest", "chain")),
    )
    op.create_table(
        "journal_texts",
        sa.Column("seq", sa.Integer(), sa.ForeignKey("journal.seq"), primary_key=True, autoincrement=False),
        _text("text"),
    )
    op.create_table(
        "journal_erasures",
        sa.Column("instance", sa.Text(), primary_key=True),
        sa.Column("up_to", sa.Integer(), nullable=False),
        _text("at"),
    )
    head = op.create_table(
        "journal_head",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        _text("chain"),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "chain": _GENESIS}])


def _append_only() -> None:
    """Let the database itself refuse to change or delete a line."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal "
            "EXECUTE FUNCTION journal_is_append_only()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER journal_no_{verb.lower()} BEFORE {verb} ON journal "
            "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
        )
