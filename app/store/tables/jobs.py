"""Tables of jobs: jobs, their next firings, what they follow, and superseded contents."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.store.tables.columns import INSTANT, METADATA, NATIVE, NO, NOW

job = Table(
    "job",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("url", Text, nullable=False),
    Column("signature", Text),
    Column("content_type", Text),
    Column("data", LargeBinary),
    Column("trigger", JSONB, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("updated_at", INSTANT, nullable=False, server_default=NOW),
    Column("name", Text),
    Column("tags", ARRAY(Text)),
    Column("manner", JSONB(none_as_null=True)),
    Column("misfire", Text),
    Column("misfire_window", Double),
    Column("on_success", Text),
    Column("on_failure", Text),
    Column("dialect", Text, nullable=False, server_default=NATIVE),
    Column("endpoint", Text, nullable=False, server_default=""),
    Column("written", JSONB(none_as_null=True)),
    Column("depth", SmallInteger, nullable=False, server_default=text("0")),
    Column("type_url", Text),
    Index("job_account", "account_id", "id", unique=True),
    Index(
        "job_name",
        "account_id",
        "dialect",
        "endpoint",
        "name",
        unique=True,
        postgresql_where=text("name IS NOT NULL"),
    ),
    Index("job_paused", "account_id", "id", postgresql_where=text("NOT enabled")),
    # By name COLLATE "C", which this form cannot tell: prefixes are ranges in that order alone.
    Index(
        "job_sorted_name",
        "account_id",
        "name",
        "id",
        postgresql_where=text("name IS NOT NULL"),
    ),
    # Keys of account and tag together, so that a search does not read tags of other accounts.
    Index(
        "job_tags",
        text("tag_keys(account_id, tags)"),
        postgresql_using="gin",
        postgresql_where=text("tags IS NOT NULL"),
    ),
)

due = Table(
    "due",
    METADATA,
    Column("job_id", Uuid, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("recurring", Boolean, nullable=False),
    Column("next_at", INSTANT),
    Column(
        "slot",
        BigInteger,
        Computed(
            "floor(extract(epoch FROM next_at AT TIME ZONE 'UTC') * 10)::bigint", persisted=True
        ),
    ),
    Column("serial", Boolean, nullable=False, server_default=NO),
    Column("standing", Boolean, nullable=False, server_default=NO),
    Column("held_at", INSTANT),
    Column("remaining", Integer),
    Column("owed_at", INSTANT),
    Column("owed_till", INSTANT),
    Column("owed_for", Text),
    Column("enqueued_at", INSTANT),
    Index("due_owed", "account_id", "owed_at", postgresql_where=text("next_at = owed_till")),
    Index("due_held", "account_id", "job_id", postgresql_where=text("held_at IS NOT NULL")),
    Index("due_enqueued", "enqueued_at", postgresql_where=text("enqueued_at IS NOT NULL")),
    Index("due_unarmed", "job_id", postgresql_where=text("next_at IS NULL")),
    Index("due_slot", "slot", "account_id", postgresql_where=text("slot IS NOT NULL")),
    Index(
        "due_upcoming",
        "account_id",
        text("coalesce(next_at, held_at)"),
        "job_id",
        postgresql_where=text("coalesce(next_at, held_at) IS NOT NULL"),
    ),
)

follow = Table(
    "follow",
    METADATA,
    Column("job_id", Uuid, primary_key=True),
    Column("account_id", BigInteger, nullable=False),
    Column("upstream", Text, primary_key=True),
    Column("states", ARRAY(Text), nullable=False),
    Index("follow_upstream", "account_id", "upstream"),
)

superseded = Table(
    "superseded",
    METADATA,
    Column("job_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("url", Text, nullable=False),
    Column("signature", Text),
    Column("content_type", Text),
    Column("data", LargeBinary),
    Column("manner", JSONB(none_as_null=True)),
    Column("on_success", Text),
    Column("on_failure", Text),
    Column("superseded_at", INSTANT, nullable=False, server_default=NOW),
    Column("dialect", Text, nullable=False, server_default=NATIVE),
    Column("endpoint", Text, nullable=False, server_default=""),
    Column("depth", SmallInteger, nullable=False, server_default=text("0")),
    Column("account_id", BigInteger),
    Column("type_url", Text),
    Index("superseded_age", "superseded_at"),
    Index(
        "superseded_account",
        "account_id",
        "superseded_at",
        postgresql_where=text("account_id IS NOT NULL"),
    ),
)
