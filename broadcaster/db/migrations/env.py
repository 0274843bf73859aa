"""Runs the steps on the connection that `upgrade` hands over; its transaction is the caller's."""

from __future__ import annotations

from alembic import context

from broadcaster.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=False,  # the caller's transaction holds it all, on SQLite too
)
context.run_migrations()
