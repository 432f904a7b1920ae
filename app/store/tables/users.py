"""Tables of users: memberships, sessions, invitations, one-time links and mail to be sent."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)

from app.store.tables.columns import INSTANT, METADATA, NO, NOW

_NONE = text("''")

web_user = Table(
    "web_user",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("email", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=_NONE),
    Column("zone", Text, nullable=False, server_default="UTC"),
    Column("hours", SmallInteger, nullable=False, server_default=text("24")),
    Column("theme", Text, nullable=False, server_default="auto"),
    Column("operator", Boolean, nullable=False, server_default=NO),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Index("web_user_email", "email", unique=True),
)

membership = Table(
    "membership",
    METADATA,
    Column("user_id", BigInteger, ForeignKey("web_user.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True),
    Column("role", Text, nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Index("membership_account", "account_id", "user_id"),
)

web_session = Table(
    "web_session",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("user_id", BigInteger, ForeignKey("web_user.id", ondelete="CASCADE"), nullable=False),
    Column("account_id", BigInteger),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("seen_at", INSTANT, nullable=False, server_default=NOW),
    Column("proved_at", INSTANT),
    Column("ends_at", INSTANT, nullable=False),
    Column("agent", Text, nullable=False, server_default=_NONE),
    Column("address", Text, nullable=False, server_default=_NONE),
    ForeignKeyConstraint(
        ["user_id", "account_id"],
        ["membership.user_id", "membership.account_id"],
        name="web_session_account",
        ondelete="SET NULL (account_id)",
    ),
    Index("web_session_token", "digest", unique=True),
    Index("web_session_user", "user_id", "account_id"),
    Index("web_session_ends_at", "ends_at"),
)

invitation = Table(
    "invitation",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("note", Text, nullable=False, server_default=_NONE),
    Column("email", Text),
    Column("account_id", BigInteger, ForeignKey("account.id")),
    Column("role", Text, nullable=False, server_default="owner"),
    Column("uses", SmallInteger, nullable=False, server_default=text("1")),
    Column("used", SmallInteger, nullable=False, server_default=text("0")),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("created_by", Text),
    Column("expires_at", INSTANT, nullable=False),
    Column("revoked_at", INSTANT),
    Index("invitation_token", "digest", unique=True),
    Index("invitation_account", "account_id", "id"),
    Index("invitation_expires", "expires_at"),
)

beta_request = Table(
    "beta_request",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("email", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("address", Text, nullable=False, server_default=_NONE),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("accepted_at", INSTANT),
    Index("beta_request_email", "email", unique=True),
)

user_link = Table(
    "user_link",
    METADATA,
    Column("user_id", BigInteger, ForeignKey("web_user.id", ondelete="CASCADE"), primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("expires_at", INSTANT, nullable=False),
    Index("user_link_token", "digest", unique=True),
)

outbox = Table(
    "outbox",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("sealed", LargeBinary),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("next_at", INSTANT, server_default=NOW),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("sent_at", INSTANT),
    Column("error", Text),
    Index("outbox_next", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    Index("outbox_created", "created_at"),
)
