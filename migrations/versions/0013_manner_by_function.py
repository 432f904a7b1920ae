"""What the calls of a job may be like is judged by a function.

Revision ID: 0013
Revises: 0012

PostgreSQL reads the expression of a CHECK anew in every statement that inserts, whether or not
there is something to judge. That of the manner, which few jobs have, took a third of the time that
storing a job takes. A function is compiled once in a session, and not called without a manner.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_KNOWN = """
  jsonb_typeof(manner) = 'object'
  AND manner <> '{{}}' AND manner - '{{method,headers,timeout,retry}}'::text[] = '{{}}'
  AND coalesce(manner ->> 'method', 'POST') {methods}
  AND coalesce((manner ->> 'timeout')::float8, 1) BETWEEN 1 AND 60
  AND coalesce(jsonb_typeof(manner -> 'headers'), 'array') = 'array'
  AND coalesce(jsonb_typeof(manner -> 'retry'), 'object') = 'object'
"""
_BY_DIALECT = """= ANY (
    '{POST,PUT,PATCH}'::text[] || CASE WHEN dialect <> 'native' THEN '{GET,DELETE}'::text[] END)"""
_NATIVE = _KNOWN.format(methods="IN ('POST', 'PUT', 'PATCH')")
_FOREIGN = _KNOWN.format(methods="IN ('POST', 'PUT', 'PATCH', 'GET', 'DELETE')")


def upgrade() -> None:
    """Exchange the check, then look through what is there beside those who write."""
    op.execute(
        "CREATE OR REPLACE FUNCTION manner_is_known(manner jsonb, dialect text) RETURNS boolean "
        "LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS "
        f"$$ BEGIN RETURN {_KNOWN.format(methods=_BY_DIALECT)}; END $$"
    )
    _check("manner IS NULL OR manner_is_known(manner, dialect)")


def downgrade() -> None:
    """As revision 0009 has it."""
    _check(f"{_NATIVE} OR dialect <> 'native' AND {_FOREIGN}")
    op.execute("DROP FUNCTION manner_is_known(jsonb, text)")


def _check(condition: str) -> None:
    op.execute("ALTER TABLE job DROP CONSTRAINT IF EXISTS job_manner_is_known")
    op.execute(f"ALTER TABLE job ADD CONSTRAINT job_manner_is_known CHECK ({condition}) NOT VALID")
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE job VALIDATE CONSTRAINT job_manner_is_known")
