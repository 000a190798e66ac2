"""Runs the migrations on the connection, and in the transaction, of the caller.

There is no offline mode and no configuration file: ``tenantry.adapters.store``
is the only caller, and it holds the write lock.
"""

from __future__ import annotations

from alembic import context

from tenantry.adapters.register_tables import metadata

__all__: list[str] = []

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True
)
context.run_migrations()
