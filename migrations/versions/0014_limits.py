"""Limits that an account has of its own.

Revision ID: 0014
Revises: 0013

The release before neither reads nor writes the column.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# By the names of the limits; null where one is off. Which names there are, each release knows for
# itself: those of another one do not matter to it. Called only where an account has limits.
_VALID = """
  jsonb_typeof(limits) = 'object' AND NOT jsonb_path_exists(limits,
    '$.keyvalue() ? (!(@.value == null || @.value.type() == "number" && @.value >= 0
                       && @.value <= 9007199254740992 && @.value == @.value.floor()))')
"""


def upgrade() -> None:
    """Add the column, which needs a lock for a moment: no row is looked at."""
    op.execute(
        "CREATE OR REPLACE FUNCTION limits_are_valid(limits jsonb) RETURNS boolean "
        f"LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN RETURN {_VALID}; END $$"
    )
    op.execute(
        "ALTER TABLE account ADD COLUMN limits jsonb "
        "CONSTRAINT account_limits_are_valid CHECK (limits IS NULL OR limits_are_valid(limits))"
    )


def downgrade() -> None:
    """All accounts have the limits of the settings again."""
    op.execute("ALTER TABLE account DROP COLUMN limits")
    op.execute("DROP FUNCTION limits_are_valid(jsonb)")
