"""The ids of runs are made where the runs are.

Revision ID: 0007
Revises: 0006
"""

from alembic import op
from sqlalchemy import text

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# RFC 9562, 5.7: 48 bits of milliseconds, the version, the variant of version 4, random bits.
_COMPOSED = """
  encode(set_bit(set_bit(overlay(
    uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
    FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
"""
_BUILT_IN = 180_000


def upgrade() -> None:
    """Make the function of what the server has: PostgreSQL 18 knows version 7 by itself."""
    version = op.get_bind().execute(text("SELECT current_setting('server_version_num')::int"))
    body = "uuidv7()" if version.scalar_one() >= _BUILT_IN else _COMPOSED
    op.execute(
        f"CREATE FUNCTION new_run_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$ SELECT {body} $$"
    )


def downgrade() -> None:
    """Drop the function."""
    op.execute("DROP FUNCTION new_run_id()")
