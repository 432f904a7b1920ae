"""Tables of inboxes: the test receivers of accounts, and the calls that came to them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.store.tables.columns import INSTANT, METADATA, NOW

inbox = Table(
    "inbox",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("token", Text, nullable=False, unique=True),
    Column("label", Text, nullable=False, server_default=""),
    Column("answer", Text, nullable=False, server_default="204"),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("last_number", BigInteger, nullable=False, server_default="0"),
    Column("last_call_at", INSTANT),
    Index("inbox_account", "account_id", "created_at", "id"),
)

inbox_call = Table(
    "inbox_call",
    METADATA,
    Column(
        "inbox_id",
        Uuid,
        ForeignKey("inbox.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("number", BigInteger, primary_key=True),
    Column("received_at", INSTANT, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("body_bytes", BigInteger, nullable=False),
    Column("signature", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("run_id", Uuid),
    Column("attempt", Integer),
    Column("scheduled_for", INSTANT),
    Index("inbox_call_received_at", "received_at"),
)
