"""Payloads that were booked over gRPC have a type_url, and apps may speak gRPC.

Revision ID: 0031
Revises: 0030

The release before books over HTTP alone and calls over HTTP alone. It leaves `type_url` as it is
where it overwrites a job: so gRPC is offered once no process of it is left.
"""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_TABLES = ("job", "superseded")
_CHECK = "type_url IS NULL OR dialect = 'dapr' AND data IS NOT NULL AND length(type_url) <= 1024"


def upgrade() -> None:
    """Add the columns, which needs a lock of each table for a moment; then check what is there."""
    for table in _TABLES:
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS type_url text, "
            f"DROP CONSTRAINT IF EXISTS {table}_type_url_is_of_data, "
            f"ADD CONSTRAINT {table}_type_url_is_of_data CHECK ({_CHECK}) NOT VALID"
        )
    op.execute(
        "ALTER TABLE endpoint ADD COLUMN IF NOT EXISTS protocol text NOT NULL DEFAULT 'http', "
        "DROP CONSTRAINT IF EXISTS endpoint_protocol_is_known, "
        "ADD CONSTRAINT endpoint_protocol_is_known "
        "CHECK (protocol = 'http' OR protocol = 'grpc' AND dialect = 'dapr')"
    )
    with op.get_context().autocommit_block():
        for table in _TABLES:
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {table}_type_url_is_of_data")


def downgrade() -> None:
    """Drop the columns; what was booked over gRPC is then read as JSON text."""
    for table in reversed(_TABLES):
        op.execute(f"ALTER TABLE {table} DROP COLUMN type_url")
    op.execute("ALTER TABLE endpoint DROP COLUMN protocol")
