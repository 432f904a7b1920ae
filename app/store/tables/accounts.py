"""Tables of accounts: keys, signing secrets, endpoints, kept responses, and accuracy."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.store.tables.columns import INSTANT, METADATA, NOW

account = Table(
    "account",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("connections", Integer),
    Column("limits", JSONB(none_as_null=True)),
    Column("suspended_at", INSTANT),
    Column("resumed_at", INSTANT),
    Column("deleting_at", INSTANT),
    Index("account_suspended", "id", postgresql_where=text("suspended_at IS NOT NULL")),
    Index("account_resumed", "resumed_at", postgresql_where=text("resumed_at IS NOT NULL")),
)

api_key = Table(
    "api_key",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("label", Text, nullable=False, server_default=""),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("revoked_at", INSTANT),
    Column("app", Text),
    Column("scope", Text, nullable=False, server_default="admin"),
    Column("expires_at", INSTANT),
    Column("last_used_at", INSTANT),
    Column("created_by", Text),
    Index("api_key_account", "account_id"),
)

audit = Table(
    "audit",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("account_id", BigInteger),
    Column("at", INSTANT, nullable=False, server_default=NOW),
    Column("key_id", Text),
    Column("address", Text),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("detail", Text),
    Column("user_email", Text),
    Index("audit_account", "account_id", "id"),
    Index("audit_at", "at"),
)

signing_secret = Table(
    "signing_secret",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("expires_at", INSTANT),
    Index("signing_secret_account", "account_id"),
    Index(
        "signing_secret_current",
        "account_id",
        unique=True,
        postgresql_where=text("expires_at IS NULL"),
    ),
)

endpoint = Table(
    "endpoint",
    METADATA,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True),
    Column("dialect", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("sealed_token", LargeBinary),
    Column("updated_at", INSTANT, nullable=False, server_default=NOW),
    Column("protocol", Text, nullable=False, server_default="http"),
)

kept_answer = Table(
    "kept_answer",
    METADATA,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("sealed", Boolean, nullable=False),
    Column("kept_at", INSTANT, nullable=False, server_default=NOW),
    Index("kept_answer_kept_at", "kept_at"),
)

accuracy = Table(
    "accuracy",
    METADATA,
    Column("account_id", BigInteger, primary_key=True),
    Column("begins", INSTANT, primary_key=True),
    Column("counts", ARRAY(Integer), nullable=False),
    Column("most_ms", Double, nullable=False),
    Index("accuracy_begins", "begins"),
)
