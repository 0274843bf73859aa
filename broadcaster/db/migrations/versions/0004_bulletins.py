"""Loudspeaker bulletins, and what became of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOVES = (
    "'offered>scheduled', 'offered>played', 'offered>not_played', 'offered>recalled', 'scheduled>offered',"
    " 'scheduled>played', 'scheduled>not_played', 'scheduled>recalled', 'played>not_played', 'not_played>played',"
    " 'not_played>recalled'"
)
REFUSED = "no such move of a bulletin"
KEPT = "rows of bulletin are kept"


def upgrade() -> None:
    op.create_table(
        "bulletin",
        sa.Column("dispatch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("play_at", sa.BigInteger(), nullable=True),
        sa.Column("plays", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("road", sa.String(), nullable=False),
        sa.Column("said_by", sa.String(), nullable=False),
        sa.Column("said_at", sa.BigInteger(), nullable=True),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("reminded_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('offered', 'scheduled', 'played', 'not_played', 'recalled')", name="bulletin_state"
        ),
        sa.CheckConstraint("(state = 'played') = (plays > 0)", name="bulletin_plays"),
        sa.CheckConstraint("(state = 'not_played') = (reason <> '')", name="bulletin_reason"),
        sa.ForeignKeyConstraint(["dispatch_id"], ["dispatch.id"]),
        sa.PrimaryKeyConstraint("dispatch_id"),
    )
    (_sqlite if op.get_bind().dialect.name == "sqlite" else _postgresql)()


def _sqlite() -> None:
    say = op.get_bind().exec_driver_sql
    say(f"""CREATE TRIGGER bulletin_moves BEFORE UPDATE OF state ON bulletin
        WHEN OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN ({MOVES})
        BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END""")
    say(f"""CREATE TRIGGER bulletin_no_delete BEFORE DELETE ON bulletin BEGIN SELECT RAISE(ABORT, '{KEPT}'); END""")


def _postgresql() -> None:
    say = op.get_bind().exec_driver_sql
    say(f"""CREATE TRIGGER bulletin_moves BEFORE UPDATE OF state ON bulletin FOR EACH ROW
        WHEN (OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN ({MOVES}))
        EXECUTE FUNCTION broadcaster_refuse('{REFUSED}')""")
    say(f"""CREATE TRIGGER bulletin_no_delete BEFORE DELETE OR TRUNCATE ON bulletin
        FOR EACH STATEMENT EXECUTE FUNCTION broadcaster_refuse('{KEPT}')""")
