"""What providers say later, and what people reply."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# SQLite gives an INTEGER PRIMARY KEY its fast rowid only under that very name.
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KNOWN = "provider_id IS NOT NULL"
OPEN = "settled_at IS NULL"


def upgrade() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", KEY, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("suppress", sa.Boolean(), nullable=False),
        sa.Column("address_key", sa.LargeBinary(), nullable=True),
        sa.Column("address_kind", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.CheckConstraint("what IN ('delivery', 'refusal')", name="inbox_what"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("channel", "digest", name="inbox_once"),
    )
    op.create_index("inbox_open", "inbox", ["id"], sqlite_where=sa.text(OPEN), postgresql_where=sa.text(OPEN))
    op.create_index("inbox_settled", "inbox", ["settled_at"])
    op.create_index(
        "attempt_provider", "attempt", ["provider_id"], sqlite_where=sa.text(KNOWN), postgresql_where=sa.text(KNOWN)
    )
    op.create_table(
        "hook_refusal",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "day"),
    )
    op.create_table(
        "plea",
        sa.Column("id", KEY, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("address_id", KEY, nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("called_at", sa.BigInteger(), nullable=True),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("shown_at", sa.BigInteger(), nullable=True),
        sa.Column("shown_to", sa.String(), nullable=False),
        sa.Column("purged_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["address_id"], ["address.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("channel", "digest", name="plea_once"),
    )
    (_sqlite if op.get_bind().dialect.name == "sqlite" else _postgresql)()


def _sqlite() -> None:
    say = op.get_bind().exec_driver_sql
    say("""CREATE TRIGGER plea_only_goes BEFORE UPDATE OF sealed ON plea WHEN NEW.sealed IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'what a person wrote does not change, it only goes'); END""")
    say("""CREATE TRIGGER plea_no_delete BEFORE DELETE ON plea
        BEGIN SELECT RAISE(ABORT, 'rows of plea are kept'); END""")


def _postgresql() -> None:
    say = op.get_bind().exec_driver_sql
    say("""CREATE TRIGGER plea_only_goes BEFORE UPDATE OF sealed ON plea FOR EACH ROW WHEN (NEW.sealed IS NOT NULL)
        EXECUTE FUNCTION broadcaster_refuse('what a person wrote does not change, it only goes')""")
    say("""CREATE TRIGGER plea_no_delete BEFORE DELETE OR TRUNCATE ON plea FOR EACH STATEMENT
        EXECUTE FUNCTION broadcaster_refuse('rows of plea are kept')""")
