"""The activity register: rows are added, never changed or taken out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

REPORTS = ("report_closing", "report_copy", "report_signed")
REFUSED = "the activity register only grows"


def upgrade() -> None:
    op.create_table(
        "activity",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("participants", sa.Integer(), nullable=False),
        sa.Column("at_risk", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("attachment", sa.String(), nullable=False),
        sa.Column("corrects", sa.Integer(), nullable=True),
        sa.Column("void", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["corrects"], ["activity.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("corrects", name="activity_corrected_once"),
    )
    op.create_index("ix_activity_campaign_id", "activity", ["campaign_id"])
    _reports()
    say = op.get_bind().exec_driver_sql
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            say(
                f"CREATE TRIGGER activity_no_{verb.lower()} BEFORE {verb} ON activity "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
            )
            for name in REPORTS:
                say(
                    f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name} "
                    f"BEGIN SELECT RAISE(ABORT, 'what was said of a report stays'); END"
                )
    else:
        say(
            "CREATE FUNCTION activity_grows() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{REFUSED}'; END $$"
        )
        say(
            "CREATE TRIGGER activity_grows BEFORE UPDATE OR DELETE ON activity "
            "FOR EACH ROW EXECUTE FUNCTION activity_grows()"
        )
        say(
            "CREATE TRIGGER activity_stays BEFORE TRUNCATE ON activity FOR EACH STATEMENT EXECUTE FUNCTION activity_grows()"
        )
        say(
            "CREATE FUNCTION report_stays() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'what was said of a report stays'; END $$"
        )
        for name in REPORTS:
            say(
                f"CREATE TRIGGER {name}_stays BEFORE UPDATE OR DELETE ON {name} "
                "FOR EACH ROW EXECUTE FUNCTION report_stays()"
            )


def _reports() -> None:
    op.create_table(
        "report_closing",
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("unconfirmed", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id"),
    )
    op.create_table(
        "report_copy",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("canonical", sa.LargeBinary(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_report_copy_campaign_id", "report_copy", ["campaign_id"])
    op.create_table(
        "report_signed",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_index("ix_report_signed_campaign_id", "report_signed", ["campaign_id"])
