"""The ids of runs are made without asking the system for random bytes each time.

Revision ID: 0012
Revises: 0011

Either release may use either function.
"""

from alembic import op
from sqlalchemy import text

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# RFC 9562, 5.7, as two halves: 48 bits of milliseconds, the version, 12 random bits; the variant,
# and as many random bits as random() has. Its generator is the session's, begun with bytes of the
# system; an id need not be hard to guess, as knowing one allows nothing. The server's own functions
# ask the system for each id, which takes four times as long.
_QUICK = """
  encode(
    int8send(((date_part('epoch', clock_timestamp()) * 1000)::bigint << 16)
             | (7 << 12) | floor(random() * 4096)::bigint)
    || int8send(-9223372036854775808 | floor(random() * 4611686018427387904)::bigint),
    'hex')::uuid
"""
_COMPOSED = """
  encode(set_bit(set_bit(overlay(
    uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
    FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
"""
_BUILT_IN = 180_000


def upgrade() -> None:
    """Make ids of the session's own random numbers."""
    _replace(_QUICK)


def downgrade() -> None:
    """As revision 0007 has it."""
    version = op.get_bind().execute(text("SELECT current_setting('server_version_num')::int"))
    _replace("uuidv7()" if version.scalar_one() >= _BUILT_IN else _COMPOSED)


def _replace(body: str) -> None:
    op.execute(
        "CREATE OR REPLACE FUNCTION new_run_id() RETURNS uuid LANGUAGE sql VOLATILE AS "
        f"$$ SELECT {body} $$"
    )
