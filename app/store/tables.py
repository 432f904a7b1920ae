"""Tables as SQLAlchemy Core sees them; migrations/versions holds their full definitions."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, REAL

from app.store.engine import db

_metadata: Final = db.metadata
_INSTANT: Final = DateTime(timezone=True)
_NOW: Final = text("clock_timestamp()")
_NO: Final = text("false")
_NATIVE: Final = "native"

account = Table(
    "account",
    _metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", _INSTANT, nullable=False, server_default=_NOW),
    Column("connections", Integer),
    Column("limits", JSONB(none_as_null=True)),
    Column("suspended_at", _INSTANT),
    Column("resumed_at", _INSTANT),
    Column("deleting_at", _INSTANT),
    Index("account_suspended", "id", postgresql_where=text("suspended_at IS NOT NULL")),
    Index("account_resumed", "resumed_at", postgresql_where=text("resumed_at IS NOT NULL")),
)

api_key = Table(
    "api_key",
    _metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("label", Text, nullable=False, server_default=""),
    Column("created_at", _INSTANT, nullable=False, server_default=_NOW),
    Column("revoked_at", _INSTANT),
    Column("app", Text),
    Column("scope", Text, nullable=False, server_default="admin"),
    Index("api_key_account", "account_id"),
)

signing_secret = Table(
    "signing_secret",
    _metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", _INSTANT, nullable=False, server_default=_NOW),
    Column("expires_at", _INSTANT),
    Index("signing_secret_account", "account_id"),
    Index(
        "signing_secret_current",
        "account_id",
        unique=True,
        postgresql_where=text("expires_at IS NULL"),
    ),
)

job = Table(
    "job",
    _metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("url", Text, nullable=False),
    Column("signature", Text),
    Column("content_type", Text),
    Column("data", LargeBinary),
    Column("trigger", JSONB, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", _INSTANT, nullable=False, server_default=_NOW),
    Column("updated_at", _INSTANT, nullable=False, server_default=_NOW),
    Column("name", Text),
    Column("tags", ARRAY(Text)),
    Column("manner", JSONB(none_as_null=True)),
    Column("misfire", Text),
    Column("misfire_window", Double),
    Column("on_success", Text),
    Column("on_failure", Text),
    Column("dialect", Text, nullable=False, server_default=_NATIVE),
    Column("endpoint", Text, nullable=False, server_default=""),
    Column("written", JSONB(none_as_null=True)),
    Column("depth", SmallInteger, nullable=False, server_default=text("0")),
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
    # Keys of account and tag together: nobody searches through what others call their jobs.
    Index(
        "job_tags",
        text("tag_keys(account_id, tags)"),
        postgresql_using="gin",
        postgresql_where=text("tags IS NOT NULL"),
    ),
)

due = Table(
    "due",
    _metadata,
    Column("job_id", Uuid, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("recurring", Boolean, nullable=False),
    Column("next_at", _INSTANT),
    Column(
        "slot",
        BigInteger,
        Computed(
            "floor(extract(epoch FROM next_at AT TIME ZONE 'UTC') * 10)::bigint", persisted=True
        ),
    ),
    Column("serial", Boolean, nullable=False, server_default=_NO),
    Column("standing", Boolean, nullable=False, server_default=_NO),
    Column("held_at", _INSTANT),
    Column("remaining", Integer),
    Column("owed_at", _INSTANT),
    Column("owed_till", _INSTANT),
    Column("owed_for", Text),
    Index("due_owed", "account_id", "owed_at", postgresql_where=text("next_at = owed_till")),
    Index("due_held", "account_id", "job_id", postgresql_where=text("held_at IS NOT NULL")),
    Index("due_unarmed", "job_id", postgresql_where=text("next_at IS NULL")),
    Index("due_slot", "slot", "account_id", postgresql_where=text("slot IS NOT NULL")),
)

firing_pace = Table(
    "firing_pace",
    _metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("spent_until", _INSTANT, nullable=False),
    Column("queued_until", _INSTANT, nullable=False),
)

history_usage = Table(
    "history_usage",
    _metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
)

runs_under_way = Table(
    "runs_under_way",
    _metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("runs", Integer, nullable=False),
)

endpoint = Table(
    "endpoint",
    _metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True),
    Column("dialect", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("sealed_token", LargeBinary),
    Column("updated_at", _INSTANT, nullable=False, server_default=_NOW),
)

follow = Table(
    "follow",
    _metadata,
    Column("job_id", Uuid, primary_key=True),
    Column("account_id", BigInteger, nullable=False),
    Column("upstream", Text, primary_key=True),
    Column("states", ARRAY(Text), nullable=False),
    Index("follow_upstream", "account_id", "upstream"),
)

superseded = Table(
    "superseded",
    _metadata,
    Column("job_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("url", Text, nullable=False),
    Column("signature", Text),
    Column("content_type", Text),
    Column("data", LargeBinary),
    Column("manner", JSONB(none_as_null=True)),
    Column("on_success", Text),
    Column("on_failure", Text),
    Column("superseded_at", _INSTANT, nullable=False, server_default=_NOW),
    Column("dialect", Text, nullable=False, server_default=_NATIVE),
    Column("endpoint", Text, nullable=False, server_default=""),
    Column("depth", SmallInteger, nullable=False, server_default=text("0")),
    Column("account_id", BigInteger),
    Index("superseded_age", "superseded_at"),
    Index(
        "superseded_account",
        "account_id",
        "superseded_at",
        postgresql_where=text("account_id IS NOT NULL"),
    ),
)

usage = Table(
    "usage",
    _metadata,
    Column(
        "account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("jobs_limit", BigInteger),
    Column("bytes_limit", BigInteger),
    Column("answers_limit", BigInteger),
    Column("first_slot", Integer, nullable=False, server_default=text("0")),
    Column("recounted_at", _INSTANT, nullable=False, server_default=_NOW),
)

usage_slot = Table(
    "usage_slot",
    _metadata,
    Column(
        "account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("slot", Integer, primary_key=True),
    Column("booked", Integer, nullable=False, server_default=text("0")),
    Column("jobs", BigInteger, nullable=False, server_default=text("0")),
    Column("bytes", BigInteger, nullable=False, server_default=text("0")),
    Column("answers", BigInteger, nullable=False, server_default=text("0")),
    Column("jobs_quota", BigInteger, nullable=False, server_default=text("4503599627370496")),
    Column("bytes_quota", BigInteger, nullable=False, server_default=text("4503599627370496")),
    Column("answers_quota", BigInteger, nullable=False, server_default=text("4503599627370496")),
)

usage_release = Table(
    "usage_release",
    _metadata,
    Column("account_id", BigInteger, nullable=False),
    Column("jobs", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("answers", BigInteger, nullable=False, server_default=text("0")),
    Index("usage_release_account", "account_id"),
)

inflight = Table(
    "inflight",
    _metadata,
    Column("id", Uuid, primary_key=True),
    Column("job_id", Uuid, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("job_version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("due_at", _INSTANT, nullable=False),
    Column("missed", Integer, nullable=False, server_default=text("0")),
    Column("final", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("send_at", _INSTANT, nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("reclaims", SmallInteger, nullable=False, server_default=text("0")),
    Column("token", Integer, nullable=False, server_default=text("1")),
    Column("lease_until", _INSTANT),
    Column("look_at", _INSTANT, nullable=False),
    Column("cancelled_at", _INSTANT),
    Column("reason", Text),
    Column("planned_at", _INSTANT),
    Column("destination", Text),
    Column("tried", SmallInteger, nullable=False, server_default=text("0")),
    Column("complete_by", _INSTANT),
    Column("completion", Text),
    Column("completion_message", Text),
    Column("serial", Boolean, nullable=False, server_default=_NO),
    Column("started_by", Text),
    Column("withdrawal_known", Boolean, nullable=False, server_default=_NO),
    Column("depth", SmallInteger, nullable=False, server_default=text("0")),
    Index("inflight_look", "look_at"),
    Index(
        "inflight_suspended",
        "account_id",
        "id",
        postgresql_where=text("look_at = 'infinity'::timestamptz"),
    ),
    Index(
        "inflight_parked",
        "account_id",
        "destination",
        "due_at",
        postgresql_where=text("destination IS NOT NULL"),
    ),
    Index(
        "inflight_delayed",
        "account_id",
        "due_at",
        "id",
        postgresql_where=text("attempts > 0 OR planned_at IS NOT NULL"),
    ),
    Index(
        "inflight_serial",
        "job_id",
        unique=True,
        postgresql_where=text("serial AND cancelled_at IS NULL"),
    ),
    Index("inflight_suspect", "look_at", postgresql_where=text("reclaims >= 2")),
    Index(
        "inflight_cancelled",
        "cancelled_at",
        postgresql_where=text("cancelled_at IS NOT NULL"),
    ),
    Index(
        "inflight_withdrawn",
        "cancelled_at",
        postgresql_where=text("cancelled_at IS NOT NULL AND NOT withdrawal_known"),
    ),
    UniqueConstraint("job_id", "job_version", "kind", "due_at", name="inflight_once"),
)

aborted = Table(
    "aborted",
    _metadata,
    Column("run_id", Uuid, primary_key=True),
    Column("aborted_at", _INSTANT, nullable=False, server_default=_NOW),
    Column("token", Integer),
    Index("aborted_age", "aborted_at"),
)

run = Table(
    "run",
    _metadata,
    Column("id", Uuid, primary_key=True),
    Column("job_id", Uuid, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("job_version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("due_at", _INSTANT, primary_key=True),
    Column("missed", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("reason", Text),
    Column("settled_at", _INSTANT, nullable=False),
    Column("token", Integer),
    Column("started_by", Text),
    Column("depth", SmallInteger, nullable=False, server_default=text("0")),
    Index(
        "run_succeeded",
        "account_id",
        "due_at",
        "id",
        postgresql_where=text("state = 'succeeded'"),
    ),
    Index(
        "run_unsuccessful",
        "account_id",
        "state",
        "due_at",
        "id",
        postgresql_where=text("state <> 'succeeded'"),
    ),
    UniqueConstraint("job_id", "due_at", "job_version", "kind", name="run_once"),
)

attempt = Table(
    "attempt",
    _metadata,
    Column("run_id", Uuid, primary_key=True),
    Column("number", SmallInteger, primary_key=True),
    Column("due_at", _INSTANT, primary_key=True),
    Column("started_at", _INSTANT, nullable=False),
    Column("lateness_ms", REAL, nullable=False),
    Column("status", SmallInteger),
    Column("error", Text),
    Column("detail", Text),
    Column("headers", JSONB),
    Column("body", LargeBinary),
    Column("dns_ms", REAL),
    Column("connect_ms", REAL),
    Column("tls_ms", REAL),
    Column("first_byte_ms", REAL),
    Column("total_ms", REAL, nullable=False),
)

heartbeat = Table(
    "heartbeat",
    _metadata,
    Column("process", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("beaten_at", _INSTANT, nullable=False),
)

tally = Table(
    "tally",
    _metadata,
    Column("name", Text, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("total", Double, nullable=False),
)

kept_answer = Table(
    "kept_answer",
    _metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("sealed", Boolean, nullable=False),
    Column("kept_at", _INSTANT, nullable=False, server_default=_NOW),
    Index("kept_answer_kept_at", "kept_at"),
)

accuracy = Table(
    "accuracy",
    _metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("begins", _INSTANT, primary_key=True),
    Column("counts", ARRAY(Integer), nullable=False),
    Column("most_ms", Double, nullable=False),
    Index("accuracy_begins", "begins"),
)
