"""Accounts can be suspended, resumed and deleted.

Revision ID: 0022
Revises: 0021

The release before does not know that an account is suspended: while one of its processes runs, it
may claim, call and book. A firing that this release holds back is to it one of a serial job.
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

CHECK = "due_held_back_once"
INDEXES = {
    "due_held": "due (account_id, job_id) WHERE held_at IS NOT NULL",
    "inflight_suspended": "inflight (account_id, id) WHERE look_at = 'infinity'::timestamptz",
}


def _check(condition: str) -> None:
    op.execute(f"ALTER TABLE due DROP CONSTRAINT IF EXISTS {CHECK}")
    op.execute(f"ALTER TABLE due ADD CONSTRAINT {CHECK} CHECK ({condition}) NOT VALID")
    with op.get_context().autocommit_block():
        op.execute(f"ALTER TABLE due VALIDATE CONSTRAINT {CHECK}")


def upgrade() -> None:
    """Add the columns; then build the indexes, beside those who write."""
    op.execute(
        "ALTER TABLE account ADD COLUMN IF NOT EXISTS suspended_at timestamptz, "
        "ADD COLUMN IF NOT EXISTS resumed_at timestamptz, "
        "ADD COLUMN IF NOT EXISTS deleting_at timestamptz, "
        "DROP CONSTRAINT IF EXISTS account_deleted_is_suspended, "
        "ADD CONSTRAINT account_deleted_is_suspended "
        "CHECK (deleting_at IS NULL OR suspended_at IS NOT NULL)"
    )
    for name, column in (("account_suspended", "id"), ("account_resumed", "resumed_at")):
        marked = name.removeprefix("account_") + "_at"
        op.execute(
            f"CREATE INDEX IF NOT EXISTS {name} ON account ({column}) WHERE {marked} IS NOT NULL"
        )
    _check("held_at IS NULL OR next_at IS NULL")
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        for name, what in INDEXES.items():
            # One that was interrupted is there, but not valid.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {what}")
        op.execute("SET lock_timeout = '4s'")


def downgrade() -> None:
    """Resume every account, as nothing would tell any more that one is suspended."""
    op.execute(
        "UPDATE due SET next_at = held_at, held_at = NULL WHERE held_at IS NOT NULL AND NOT serial"
    )
    op.execute("UPDATE inflight SET look_at = clock_timestamp() WHERE look_at = 'infinity'")
    op.execute("DROP INDEX due_held, inflight_suspended")
    _check("held_at IS NULL OR serial AND next_at IS NULL")
    op.execute(
        "ALTER TABLE account DROP CONSTRAINT account_deleted_is_suspended, "
        "DROP COLUMN suspended_at, DROP COLUMN resumed_at, DROP COLUMN deleting_at"
    )
