"""What a provider keeps for us: token pairs, articles and their approval."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BACK = "a token pair never goes back to an older one"
TAKEN = "what a provider took stays taken"


def upgrade() -> None:
    op.create_table(
        "provider_token",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("seed", sa.String(), nullable=False),
        sa.Column("access_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("refresh_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('fresh', 'refreshing', 'doubt', 'lost')", name="provider_token_state"),
        sa.PrimaryKeyConstraint("channel"),
    )
    op.create_table(
        "provider_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('article', 'broadcast', 'template', 'brandname')", name="provider_item_kind"),
        sa.CheckConstraint(
            "state IN ('making', 'waiting', 'approved', 'refused', 'sending', 'taken', 'doubt')",
            name="provider_item_state",
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("channel", "kind", "subject", name="provider_item_once"),
    )
    (_sqlite if op.get_bind().dialect.name == "sqlite" else _postgresql)()


def _sqlite() -> None:
    say = op.get_bind().exec_driver_sql
    say(f"""CREATE TRIGGER provider_token_forward BEFORE UPDATE OF generation ON provider_token
        WHEN NEW.generation < OLD.generation BEGIN SELECT RAISE(ABORT, '{BACK}'); END""")
    say(f"""CREATE TRIGGER provider_item_taken BEFORE UPDATE ON provider_item
        WHEN OLD.state = 'taken' BEGIN SELECT RAISE(ABORT, '{TAKEN}'); END""")
    say(f"""CREATE TRIGGER provider_item_kept BEFORE DELETE ON provider_item
        WHEN OLD.state IN ('taken', 'doubt') BEGIN SELECT RAISE(ABORT, '{TAKEN}'); END""")


def _postgresql() -> None:
    say = op.get_bind().exec_driver_sql
    say(f"""CREATE TRIGGER provider_token_forward BEFORE UPDATE OF generation ON provider_token FOR EACH ROW
        WHEN (NEW.generation < OLD.generation) EXECUTE FUNCTION broadcaster_refuse('{BACK}')""")
    say(f"""CREATE TRIGGER provider_item_taken BEFORE UPDATE ON provider_item FOR EACH ROW
        WHEN (OLD.state = 'taken') EXECUTE FUNCTION broadcaster_refuse('{TAKEN}')""")
    say(f"""CREATE TRIGGER provider_item_kept BEFORE DELETE ON provider_item FOR EACH ROW
        WHEN (OLD.state IN ('taken', 'doubt')) EXECUTE FUNCTION broadcaster_refuse('{TAKEN}')""")
