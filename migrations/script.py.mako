"""${message}.

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    """${message}."""
    ${upgrades if upgrades else "raise ValueError('say what changes')"}


def downgrade() -> None:
    """Undo: ${message}."""
    ${downgrades if downgrades else "raise ValueError('say how it is undone')"}
