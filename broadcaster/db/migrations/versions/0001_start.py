"""The first schema: every table, and the triggers that hold what no program may break."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Every move a dispatch may make. dispatch/dispatch.py has the same table with who and why; a test holds them together.
MOVES = """
planned>sending planned>expired planned>cancelled planned>suppressed planned>unknown
sending>accepted sending>delivered sending>undelivered sending>retry_wait sending>failed sending>unknown sending>planned
retry_wait>planned retry_wait>failed retry_wait>expired retry_wait>cancelled retry_wait>suppressed
unknown>accepted unknown>delivered unknown>undelivered unknown>retry_wait unknown>unresolved
unresolved>planned unresolved>accepted unresolved>delivered unresolved>undelivered
accepted>delivered accepted>undelivered
undelivered>delivered
""".split()
# SQLite gives an INTEGER PRIMARY KEY its fast rowid only under that very name.
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BORN = ("planned", "suppressed")


def upgrade() -> None:
    bind = op.get_bind()
    _tables()
    bind.exec_driver_sql(
        "INSERT INTO ledger_head (id, size, peaks, last) VALUES (1, 0, " + _empty(bind.dialect.name) + ", '')"
    )
    (_sqlite if bind.dialect.name == "sqlite" else _postgresql)()


def _tables() -> None:
    op.create_table(
        "approval",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("submitted_by", sa.String(), nullable=False),
        sa.Column("submitted_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("two_person", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "decided_by IS NULL OR two_person = false OR state <> 'approved' OR decided_by <> submitted_by",
            name="approval_two_people",
        ),
        sa.CheckConstraint("kind IN ('revision', 'plan', 'broadcast')", name="approval_kind"),
        sa.CheckConstraint("state <> 'rejected' OR reason <> ''", name="approval_reason"),
        sa.CheckConstraint(
            "state IN ('submitted', 'approved', 'rejected', 'withdrawn', 'superseded', 'expired')",
            name="approval_state",
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "approval_live",
        "approval",
        ["kind", "name"],
        unique=True,
        sqlite_where=sa.text("state = 'approved'"),
        postgresql_where=sa.text("state = 'approved'"),
    )
    op.create_index(
        "approval_open",
        "approval",
        ["kind", "name"],
        unique=True,
        sqlite_where=sa.text("state = 'submitted'"),
        postgresql_where=sa.text("state = 'submitted'"),
    )
    op.create_index("approval_subject", "approval", ["kind", "subject"], unique=False)
    op.create_table(
        "audience_group",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "campaign",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("plan_hash", sa.String(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("report_due", sa.Date(), nullable=True),
        sa.Column("planned_to", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "checkpoint",
        sa.Column("size", KEY, autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("signed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("size"),
    )
    op.create_table(
        "contact",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("consent_source", sa.String(), nullable=False),
        sa.Column("consent_date", sa.Date(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_contact_commune"), "contact", ["commune"], unique=False)
    op.create_table(
        "countersign",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("signed_by", sa.String(), nullable=True),
        sa.Column("signed_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("signed_by IS NULL OR signed_by <> asked_by", name="countersign_two_people"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_countersign_act"), "countersign", ["act"], unique=False)
    op.create_table(
        "edit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("editor", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_edit_message_id"), "edit", ["message_id"], unique=False)
    op.create_table(
        "fact",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("verify_by", sa.Date(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "lane",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("paused", sa.String(), nullable=False),
        sa.Column("paused_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("channel"),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("seq", KEY, autoincrement=False, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False),
        sa.Column("last", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "plan",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("canonical", sa.LargeBinary(), nullable=False),
        sa.Column("headcount", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index(op.f("ix_plan_campaign_id"), "plan", ["campaign_id"], unique=False)
    op.create_table(
        "price",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_price_channel"), "price", ["channel"], unique=False)
    op.create_table(
        "revision",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("canonical", sa.LargeBinary(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index(op.f("ix_revision_message_id"), "revision", ["message_id"], unique=False)
    op.create_table(
        "stop",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("lifted_by", sa.String(), nullable=True),
        sa.Column("lifted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "suppression",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "user_account",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("roles", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "address",
        sa.Column("id", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=True),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contact.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "value", name="address_once"),
    )
    op.create_index("address_key", "address", ["key"], unique=False)
    op.create_index(op.f("ix_address_contact_id"), "address", ["contact_id"], unique=False)
    op.create_table(
        "approval_editor",
        sa.Column("approval_id", sa.Integer(), nullable=False),
        sa.Column("editor", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["approval_id"],
            ["approval.id"],
        ),
        sa.PrimaryKeyConstraint("approval_id", "editor"),
    )
    op.create_table(
        "broadcast",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=True),
        sa.Column("schedule_id", sa.String(), nullable=False),
        sa.Column("local", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("paused_from", sa.String(), nullable=False),
        sa.Column("authority", sa.String(), nullable=False),
        sa.Column("authority_kind", sa.String(), nullable=False),
        sa.Column("revision_hash", sa.String(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("if_missed", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("quiet_hours", sa.String(), nullable=False),
        sa.Column("blackout", sa.String(), nullable=False),
        sa.Column("cap_per_24h", sa.Integer(), nullable=False),
        sa.Column("require_consent", sa.Boolean(), nullable=False),
        sa.Column("channels", sa.String(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=True),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("languages", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("expansion", sa.String(), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("held", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('submitted','rejected','planned','running','paused','done','expired','cancelled')",
            name="broadcast_state",
        ),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["audience_group.id"],
        ),
        sa.ForeignKeyConstraint(
            ["revision_hash"],
            ["revision.hash"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("broadcast_due", "broadcast", ["state", "due_at"], unique=False)
    op.create_index(
        "broadcast_occurrence",
        "broadcast",
        ["campaign_id", "schedule_id", "local", "message_id"],
        unique=True,
        sqlite_where=sa.text("schedule_id <> ''"),
        postgresql_where=sa.text("schedule_id <> ''"),
    )
    op.create_index(op.f("ix_broadcast_campaign_id"), "broadcast", ["campaign_id"], unique=False)
    op.create_table(
        "member",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contact.id"],
        ),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["audience_group.id"],
        ),
        sa.PrimaryKeyConstraint("group_id", "contact_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "revision_fact",
        sa.Column("revision_hash", sa.String(), nullable=False),
        sa.Column("fact", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["revision_hash"],
            ["revision.hash"],
        ),
        sa.PrimaryKeyConstraint("revision_hash", "fact"),
    )
    op.create_index(op.f("ix_revision_fact_fact"), "revision_fact", ["fact"], unique=False)
    op.create_table(
        "dispatch",
        sa.Column("id", KEY, nullable=False),
        sa.Column("broadcast_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address_id", KEY, nullable=False),
        sa.Column("edition", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("uncounted", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("provider_id", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["address_id"],
            ["address.id"],
        ),
        sa.ForeignKeyConstraint(
            ["broadcast_id"],
            ["broadcast.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("broadcast_id", "channel", "address_id", "edition", name="dispatch_once"),
    )
    op.create_index(
        "dispatch_doubt",
        "dispatch",
        ["channel", "state"],
        unique=False,
        sqlite_where=sa.text("state IN ('sending', 'unknown')"),
        postgresql_where=sa.text("state IN ('sending', 'unknown')"),
    )
    op.create_index(
        "dispatch_ready",
        "dispatch",
        ["channel", "broadcast_id", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'planned'"),
        postgresql_where=sa.text("state = 'planned'"),
    )
    op.create_index(
        "dispatch_recent",
        "dispatch",
        ["address_id", "sent_at"],
        unique=False,
        sqlite_where=sa.text("sent_at IS NOT NULL"),
        postgresql_where=sa.text("sent_at IS NOT NULL"),
    )
    op.create_index(
        "dispatch_waiting",
        "dispatch",
        ["channel", "not_before"],
        unique=False,
        sqlite_where=sa.text("state = 'retry_wait'"),
        postgresql_where=sa.text("state = 'retry_wait'"),
    )
    op.create_table(
        "tally",
        sa.Column("broadcast_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["broadcast_id"],
            ["broadcast.id"],
        ),
        sa.PrimaryKeyConstraint("broadcast_id", "channel", "state"),
    )
    op.create_table(
        "attempt",
        sa.Column("dispatch_id", KEY, nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("intent_at", sa.BigInteger(), nullable=False),
        sa.Column("result_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("provider_id", sa.String(), nullable=True),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("price_id", sa.Integer(), nullable=True),
        sa.Column("looked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["dispatch_id"],
            ["dispatch.id"],
        ),
        sa.PrimaryKeyConstraint("dispatch_id", "n"),
        sqlite_with_rowid=False,
    )


def _empty(dialect: str) -> str:
    return "x''" if dialect == "sqlite" else "''::bytea"


def _allowed() -> str:
    return ", ".join(f"'{move}'" for move in MOVES)


def _sqlite() -> None:
    say = op.get_bind().exec_driver_sql
    say(f"""CREATE TRIGGER dispatch_moves BEFORE UPDATE OF state ON dispatch
        WHEN OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN ({_allowed()})
        BEGIN SELECT RAISE(ABORT, 'no such move of a dispatch'); END""")
    say(f"""CREATE TRIGGER dispatch_born BEFORE INSERT ON dispatch WHEN NEW.state NOT IN {BORN!r}
        BEGIN SELECT RAISE(ABORT, 'a dispatch is not born in this state'); END""")
    for table in ("ledger_entry", "checkpoint", "revision", "plan"):
        for verb in ("UPDATE", "DELETE"):
            say(f"""CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON "{table}"
                BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END""")
    for table in ("dispatch", "attempt", "approval", "stop", "countersign"):
        say(f"""CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
            BEGIN SELECT RAISE(ABORT, 'rows of {table} are kept'); END""")
    say("""CREATE TRIGGER approval_not_by_editor BEFORE UPDATE OF state ON approval
        WHEN NEW.state = 'approved' AND NEW.two_person
         AND EXISTS (SELECT 1 FROM approval_editor e WHERE e.approval_id = NEW.id AND e.editor = NEW.decided_by)
        BEGIN SELECT RAISE(ABORT, 'an editor may not approve'); END""")
    say("""CREATE TRIGGER approval_is_submitted_first BEFORE INSERT ON approval WHEN NEW.state <> 'submitted'
        BEGIN SELECT RAISE(ABORT, 'an approval begins as submitted'); END""")
    say("""CREATE TRIGGER approval_binds BEFORE UPDATE OF kind, name, subject, submitted_by, two_person ON approval
        BEGIN SELECT RAISE(ABORT, 'what was submitted does not change'); END""")
    say("""CREATE TRIGGER approval_moves BEFORE UPDATE OF state ON approval
        WHEN OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN
         ('submitted>approved', 'submitted>rejected', 'submitted>withdrawn', 'submitted>superseded', 'submitted>expired',
          'approved>withdrawn', 'approved>superseded', 'approved>expired')
        BEGIN SELECT RAISE(ABORT, 'no such move of an approval'); END""")


def _postgresql() -> None:
    say = op.get_bind().exec_driver_sql
    say("""CREATE FUNCTION broadcaster_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'check_violation'; END $$""")
    say(f"""CREATE TRIGGER dispatch_moves BEFORE UPDATE OF state ON dispatch FOR EACH ROW
        WHEN (OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN ({_allowed()}))
        EXECUTE FUNCTION broadcaster_refuse('no such move of a dispatch')""")
    say(f"""CREATE TRIGGER dispatch_born BEFORE INSERT ON dispatch FOR EACH ROW
        WHEN (NEW.state NOT IN {BORN!r}) EXECUTE FUNCTION broadcaster_refuse('a dispatch is not born in this state')""")
    for table in ("ledger_entry", "checkpoint", "revision", "plan"):
        say(f"""CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON "{table}"
            FOR EACH STATEMENT EXECUTE FUNCTION broadcaster_refuse('{table} is append-only')""")
    for table in ("dispatch", "attempt", "approval", "stop", "countersign"):
        say(f"""CREATE TRIGGER {table}_no_delete BEFORE DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION broadcaster_refuse('rows of {table} are kept')""")
    say("""CREATE FUNCTION broadcaster_editor_check() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (SELECT 1 FROM approval_editor e WHERE e.approval_id = NEW.id AND e.editor = NEW.decided_by) THEN
          RAISE EXCEPTION USING MESSAGE = 'an editor may not approve', ERRCODE = 'check_violation';
        END IF; RETURN NEW; END $$""")
    say("""CREATE TRIGGER approval_not_by_editor BEFORE UPDATE OF state ON approval FOR EACH ROW
        WHEN (NEW.state = 'approved' AND NEW.two_person) EXECUTE FUNCTION broadcaster_editor_check()""")
    say("""CREATE TRIGGER approval_is_submitted_first BEFORE INSERT ON approval FOR EACH ROW
        WHEN (NEW.state <> 'submitted') EXECUTE FUNCTION broadcaster_refuse('an approval begins as submitted')""")
    say("""CREATE TRIGGER approval_binds BEFORE UPDATE OF kind, name, subject, submitted_by, two_person ON approval
        FOR EACH ROW EXECUTE FUNCTION broadcaster_refuse('what was submitted does not change')""")
    say("""CREATE TRIGGER approval_moves BEFORE UPDATE OF state ON approval FOR EACH ROW
        WHEN (OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN
         ('submitted>approved', 'submitted>rejected', 'submitted>withdrawn', 'submitted>superseded', 'submitted>expired',
          'approved>withdrawn', 'approved>superseded', 'approved>expired'))
        EXECUTE FUNCTION broadcaster_refuse('no such move of an approval')""")


def downgrade() -> None:
    raise NotImplementedError("the first schema has nothing below it; restore a backup instead")
