"""The first schema: every table, and the triggers that hold what no program may break."""

from __future__ import annotations

from alembic import op

from broadcaster.db.tables import metadata

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
BORN = ("planned", "suppressed")


def upgrade() -> None:
    bind = op.get_bind()
    metadata.create_all(bind)
    bind.exec_driver_sql("INSERT INTO ledger_head (id, size, peaks, last) VALUES (1, 0, " + _empty(bind.dialect.name) + ", '')")
    (_sqlite if bind.dialect.name == "sqlite" else _postgresql)()


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
