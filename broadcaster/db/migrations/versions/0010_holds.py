"""Legal holds: what is kept although its time to be erased has come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

OPEN = sa.text("lifted_at IS NULL")
REFUSED = "a hold is only lifted, and once"
FIXED = ("campaign_id", "reason", "set_by", "set_at")


def upgrade() -> None:
    op.create_table(
        "hold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("lifted_by", sa.String(), nullable=True),
        sa.Column("lifted_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("(lifted_by IS NULL) = (lifted_at IS NULL)", name="hold_lifted"),
        sa.CheckConstraint("reason <> ''", name="hold_reason"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("hold_standing", "hold", ["campaign_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN)
    (_sqlite if op.get_bind().dialect.name == "sqlite" else _postgresql)()


def _changed(differs: str) -> str:
    return " OR ".join(["OLD.lifted_at IS NOT NULL", *(f"OLD.{name} {differs} NEW.{name}" for name in FIXED)])


def _sqlite() -> None:
    say = op.get_bind().exec_driver_sql
    say(f"""CREATE TRIGGER hold_only_lifted BEFORE UPDATE ON hold WHEN {_changed("IS NOT")}
        BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END""")
    say(f"CREATE TRIGGER hold_no_delete BEFORE DELETE ON hold BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END")


def _postgresql() -> None:
    say = op.get_bind().exec_driver_sql
    say(f"""CREATE TRIGGER hold_only_lifted BEFORE UPDATE ON hold FOR EACH ROW WHEN ({_changed("IS DISTINCT FROM")})
        EXECUTE FUNCTION broadcaster_refuse('{REFUSED}')""")
    say(f"""CREATE TRIGGER hold_no_delete BEFORE DELETE OR TRUNCATE ON hold FOR EACH STATEMENT
        EXECUTE FUNCTION broadcaster_refuse('{REFUSED}')""")
