"""Pages of an account's paused jobs, and of its jobs by name, are found by an index.

Revision ID: 0034
Revises: 0033

The release before does not read the indexes, and goes on while they are built.
"""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

INDEXES = {
    "job_paused": "job (account_id, id) WHERE NOT enabled",
    "job_sorted_name": 'job (account_id, name COLLATE "C", id) WHERE name IS NOT NULL',
}


def upgrade() -> None:
    """Build the indexes beside who writes."""
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        for name, what in INDEXES.items():
            # One that was interrupted is there, but not valid.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {what}")
        op.execute("SET lock_timeout = '4s'")


def downgrade() -> None:
    """The release before lists ids alone, oldest first."""
    for name in INDEXES:
        op.execute(f"DROP INDEX {name}")
