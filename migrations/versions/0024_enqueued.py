"""Due rows whose time had passed when it was written are found by when that was.

Revision ID: 0024
Revises: 0023

A scheduler of this release does not read what was due long ago. What the release before writes with
a time that has passed is found all the same, as a trigger tells of it, whoever writes.
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

FUNCTION = """
CREATE OR REPLACE FUNCTION enqueue_now() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.enqueued_at := clock_timestamp();
  RETURN NEW;
END $$
"""
# A firing that is still to come costs the condition and no call.
TRIGGER = """
CREATE OR REPLACE TRIGGER due_late BEFORE INSERT OR UPDATE OF next_at ON due
FOR EACH ROW WHEN (NEW.next_at < clock_timestamp()) EXECUTE FUNCTION enqueue_now()
"""
INDEX = """
CREATE INDEX CONCURRENTLY due_enqueued ON due (enqueued_at) WHERE enqueued_at IS NOT NULL
"""


def upgrade() -> None:
    """Add the column, and the trigger that fills it; then build the index, beside who writes."""
    op.execute("ALTER TABLE due ADD COLUMN IF NOT EXISTS enqueued_at timestamptz")
    op.execute(FUNCTION)
    op.execute(TRIGGER)
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        # One that was interrupted is there, but not valid.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS due_enqueued")
        op.execute(INDEX)
        op.execute("SET lock_timeout = '4s'")


def downgrade() -> None:
    """The release before reads all that is due from its beginning."""
    op.execute("DROP TRIGGER due_late ON due")
    op.execute("DROP FUNCTION enqueue_now()")
    op.execute("DROP INDEX due_enqueued")
    op.execute("ALTER TABLE due DROP COLUMN enqueued_at")
