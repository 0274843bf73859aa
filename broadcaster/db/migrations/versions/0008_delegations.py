"""Whoever stands in for an approver on leave, and what the gateways say of the office's money."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

GRANTED = "approver, delegate, since, until, granted_at"
SAID = "what was delegated does not change; end it and delegate anew"


def upgrade() -> None:
    op.create_table(
        "delegation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("approver", sa.String(), nullable=False),
        sa.Column("delegate", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_by", sa.String(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("approver <> delegate AND since < until", name="delegation_whole"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_delegation_delegate", "delegation", ["delegate"])
    op.add_column("approval", sa.Column("decided_for", sa.String(), nullable=True))
    op.create_table(
        "balance",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("said_at", sa.BigInteger(), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel"),
    )
    say = op.get_bind().exec_driver_sql
    if op.get_bind().dialect.name == "sqlite":
        say(f"""CREATE TRIGGER delegation_binds BEFORE UPDATE OF {GRANTED} ON delegation
            BEGIN SELECT RAISE(ABORT, '{SAID}'); END""")
        say("""CREATE TRIGGER delegation_no_delete BEFORE DELETE ON delegation
            BEGIN SELECT RAISE(ABORT, 'rows of delegation are kept'); END""")
        say("""CREATE TRIGGER approval_not_for_author BEFORE UPDATE OF decided_for ON approval
            WHEN NEW.decided_for = NEW.submitted_by
            BEGIN SELECT RAISE(ABORT, 'nobody decides for its author'); END""")
        return
    say(f"""CREATE TRIGGER delegation_binds BEFORE UPDATE OF {GRANTED} ON delegation
        FOR EACH ROW EXECUTE FUNCTION broadcaster_refuse('{SAID}')""")
    say("""CREATE TRIGGER delegation_no_delete BEFORE DELETE OR TRUNCATE ON delegation
        FOR EACH STATEMENT EXECUTE FUNCTION broadcaster_refuse('rows of delegation are kept')""")
    say("""CREATE TRIGGER approval_not_for_author BEFORE UPDATE OF decided_for ON approval FOR EACH ROW
        WHEN (NEW.decided_for = NEW.submitted_by)
        EXECUTE FUNCTION broadcaster_refuse('nobody decides for its author')""")
