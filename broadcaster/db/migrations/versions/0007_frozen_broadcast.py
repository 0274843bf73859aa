"""What was approved of a broadcast stands still once it counts; broadcasts that are ending, fall back, or correct another."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NAMED = ("schedule_id", "local", "message_id")  # which occurrence it is: never changes
BOUND = (  # what was approved: fixed once an ad-hoc request has its hash, and once anything has started
    "campaign_id", "authority", "authority_kind", "sender", "channels", "group_id", "language", "languages",
    "timezone", "quiet_hours", "blackout", "cap_per_24h", "require_consent", "fallback_after", "corrects",
)  # fmt: skip
ONCE = ("revision_hash", "started_at")  # from nothing to a value, and no further
FELL = sa.text("state IN ('failed', 'undelivered', 'suppressed')")
FOLLOWS = sa.text("fallback_of IS NOT NULL")


def upgrade() -> None:
    op.add_column("broadcast", sa.Column("ending", sa.String(), server_default="", nullable=False))
    op.add_column("broadcast", sa.Column("sender", sa.String(), nullable=True))
    op.add_column("broadcast", sa.Column("fallback_after", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("broadcast", sa.Column("corrects", sa.Integer(), nullable=True))
    op.add_column("dispatch", sa.Column("fallback_of", KEY, nullable=True))
    op.create_index(
        "dispatch_fallback", "dispatch", ["fallback_of"], unique=True, sqlite_where=FOLLOWS, postgresql_where=FOLLOWS
    )
    op.create_index(
        "dispatch_fell", "dispatch", ["broadcast_id", "channel", "id"], unique=False, sqlite_where=FELL,
        postgresql_where=FELL,
    )  # fmt: skip
    op.create_table(
        "correction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("broadcast_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["broadcast_id"], ["broadcast.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("broadcast_id", name="correction_once"),
    )
    op.create_table(
        "take_down",
        sa.Column("dispatch_id", KEY, nullable=False),
        sa.Column("correction_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["dispatch_id"], ["dispatch.id"]),
        sa.ForeignKeyConstraint(["correction_id"], ["correction.id"]),
        sa.PrimaryKeyConstraint("dispatch_id"),
    )
    (_sqlite if op.get_bind().dialect.name == "sqlite" else _postgresql)()


def _changed(names: tuple[str, ...], differs: str) -> str:
    return " OR ".join(f"OLD.{name} {differs} NEW.{name}" for name in names)


def _conditions(differs: str) -> dict[str, tuple[tuple[str, ...], str]]:
    stands = "OLD.started_at IS NOT NULL OR (OLD.authority_kind = 'broadcast' AND OLD.authority <> '')"
    once = " OR ".join(f"(OLD.{name} IS NOT NULL AND OLD.{name} {differs} NEW.{name})" for name in ONCE)
    return {
        "broadcast_named": (NAMED, _changed(NAMED, differs)),
        "broadcast_bound": (BOUND, f"({stands}) AND ({_changed(BOUND, differs)})"),
        "broadcast_once": (ONCE, once),
    }


def _sqlite() -> None:
    say = op.get_bind().exec_driver_sql
    for name, (columns, condition) in _conditions("IS NOT").items():
        say(f"""CREATE TRIGGER {name} BEFORE UPDATE OF {", ".join(columns)} ON broadcast WHEN {condition}
            BEGIN SELECT RAISE(ABORT, 'what was approved of a broadcast does not change'); END""")


def _postgresql() -> None:
    say = op.get_bind().exec_driver_sql
    for name, (columns, condition) in _conditions("IS DISTINCT FROM").items():
        say(f"""CREATE TRIGGER {name} BEFORE UPDATE OF {", ".join(columns)} ON broadcast FOR EACH ROW
            WHEN ({condition}) EXECUTE FUNCTION broadcaster_refuse('what was approved of a broadcast does not change')""")
