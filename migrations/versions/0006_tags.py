"""Jobs are found by their tags; a job without tags is in no index for that.

Revision ID: 0006
Revises: 0005

The index is built beside those who write. It may be met half made, and is made anew then.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# A key of account and tag together, a hash: whoever asks checks the tags themselves as well.
FUNCTION = """
CREATE OR REPLACE FUNCTION tag_keys(account_id bigint, tags text[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT array_agg(hashtextextended(tag, account_id)) FROM unnest(tags) AS tag $$
"""
INDEX = """
CREATE INDEX CONCURRENTLY job_tags ON job USING gin (tag_keys(account_id, tags))
WHERE tags IS NOT NULL
"""


def upgrade() -> None:
    """Make the function; then build the index, waiting for whoever still reads an old state."""
    op.execute(FUNCTION)
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS job_tags")
        op.execute(INDEX)
        op.execute("SET lock_timeout = '4s'")


def downgrade() -> None:
    """Drop both."""
    op.execute("DROP INDEX job_tags")
    op.execute("DROP FUNCTION tag_keys(bigint, text[])")
