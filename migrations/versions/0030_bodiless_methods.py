"""Native jobs whose calls are a GET, a HEAD or a DELETE.

Revision ID: 0030
Revises: 0029

The release before makes such a call as well: it sends a HEAD without waiting for content that does
not come only until its time is up, and the attempt fails.
"""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_KNOWN = """
  jsonb_typeof(manner) = 'object'
  AND manner <> '{{}}' AND manner - '{{method,headers,timeout,retry}}'::text[] = '{{}}'
  AND coalesce(manner ->> 'method', 'POST') = ANY ({methods})
  AND coalesce((manner ->> 'timeout')::float8, 1) BETWEEN 1 AND 60
  AND coalesce(jsonb_typeof(manner -> 'headers'), 'array') = 'array'
  AND coalesce(jsonb_typeof(manner -> 'retry'), 'object') = 'object'
"""
_ALL = "'{POST,PUT,PATCH,GET,HEAD,DELETE}'::text[]"
_BEFORE = """'{POST,PUT,PATCH}'::text[]
    || CASE WHEN dialect <> 'native' THEN '{GET,DELETE}'::text[] END"""


def upgrade() -> None:
    """Let the check take more: what is there has passed it."""
    _judge(_ALL)


def downgrade() -> None:
    """Let it take less; jobs that have such a method stay, and are called."""
    _judge(_BEFORE)


def _judge(methods: str) -> None:
    op.execute(
        "CREATE OR REPLACE FUNCTION manner_is_known(manner jsonb, dialect text) RETURNS boolean "
        "LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS "
        f"$$ BEGIN RETURN {_KNOWN.format(methods=methods)}; END $$"
    )
